#include "kbs/token/verifier.h"

#include <algorithm>
#include <cmath>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/digest.h"

namespace kbs::token {
namespace {

constexpr std::chrono::seconds kLeeway{60};
constexpr std::size_t kMaxChain = 10;

// One message for every refusal: a forger learns nothing from it. The detail goes to the log.
auto refuse(std::string why, boost::source_location where = BOOST_CURRENT_LOCATION) {
  return fail(ErrorKind::unauthenticated, "the attestation token is not valid here: attest again",
              std::move(why), where);
}

Result<crypto::JwsAlgorithm> algorithm_member(const json::object& object) {
  const auto name = string_member(object, "alg");
  if (!name) return refuse("no `alg`");
  const auto algorithm = crypto::jws_algorithm_from(*name);
  if (!algorithm) return refuse("algorithm not supported");
  return *algorithm;
}

Result<std::vector<Bytes>> read_x5c(const json::object& jwk) {
  const json::value* list = jwk.if_contains("x5c");
  if (!list || !list->is_array() || list->get_array().empty()) {
    return refuse("the header key has no x5c chain");
  }
  if (list->get_array().size() > kMaxChain) return refuse("the x5c chain is too long");
  std::vector<Bytes> chain;
  for (const json::value& entry : list->get_array()) {
    if (!entry.is_string()) return refuse("x5c entry is not a string");
    auto der = from_base64_lenient(entry.get_string());
    if (!der) return refuse("x5c entry is not base64");
    chain.push_back(std::move(*der));
  }
  return chain;
}

/// Whether `jwk` has every member of `wanted`, with the same text.
bool has_members(const json::object& jwk, const json::object& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& member) {
    return string_member(jwk, member.key()) == std::string_view(member.value().get_string());
  });
}

/// `exp` is required, a non-negative number; fractions are rounded.
Result<std::int64_t> expiry(const json::object& claims) {
  const json::value* exp = claims.if_contains("exp");
  if (!exp) return refuse("no `exp`");
  double seconds = -1;
  if (exp->is_int64()) seconds = static_cast<double>(exp->get_int64());
  if (exp->is_uint64()) seconds = static_cast<double>(exp->get_uint64());
  if (exp->is_double()) seconds = exp->get_double();
  // Times past the year 9999 are forgeries or mistakes, and would overflow a microsecond clock.
  if (!(seconds >= 0) || seconds > 253402300799.0) return refuse("`exp` is not a time");
  return static_cast<std::int64_t>(std::llround(seconds));
}

}  // namespace

TokenVerifier::TokenVerifier(TrustOptions options) : options_(std::move(options)) {
  if (options_.own_key) own_jwk_ = options_.own_key->to_jwk();
}

Result<std::shared_ptr<const TokenVerifier>> TokenVerifier::make(TrustOptions options) {
  std::shared_ptr<TokenVerifier> verifier(new TokenVerifier(std::move(options)));
  for (const std::string& path : verifier->options_.certificate_files) {
    KBS_TRY(std::string pem, read_file(path));
    if (auto added = verifier->anchors_.add_pem(pem); !added) {
      return fail(
          ErrorKind::invalid_request,
          "attestation_token.trusted_certs_paths: " + path + " holds no usable PEM certificate",
          describe(added.error()));
    }
  }
  for (const std::string& source : verifier->options_.jwk_set_files) {
    KBS_OK(verifier->load_jwk_set(source));
  }
  return std::shared_ptr<const TokenVerifier>(std::move(verifier));
}

Result<> TokenVerifier::load_jwk_set(const std::string& source) {
  constexpr std::string_view kFile = "file://";
  const std::string path = source.starts_with(kFile) ? source.substr(kFile.size()) : source;
  KBS_TRY(std::string text, read_file(path));
  const std::string name = "attestation_token.trusted_jwk_sets: " + path;
  auto set = parse_json_object(text);
  const json::value* keys = set ? set->if_contains("keys") : nullptr;
  if (!keys || !keys->is_array() || keys->get_array().empty()) {
    return fail(ErrorKind::invalid_request, name + " is not a JWK set: write {\"keys\":[…]}");
  }
  std::size_t usable = 0;
  for (const json::value& entry : keys->get_array()) {
    if (!entry.is_object())
      return fail(ErrorKind::invalid_request, name + ": a key is not an object");
    const json::object& jwk = entry.get_object();
    auto key = crypto::PublicKey::from_jwk(jwk);
    if (!key) {
      log_error(LogLevel::warn, "token", "a key of " + path + " cannot be used and is left out",
                key.error());
      continue;
    }
    const auto kid = string_member(jwk, "kid");
    const auto alg = string_member(jwk, "alg");
    set_keys_.push_back({std::string(kid.value_or("")),
                         alg ? crypto::jws_algorithm_from(*alg) : std::nullopt, std::move(*key)});
    ++usable;
  }
  if (usable == 0)
    return fail(ErrorKind::invalid_request, name + " holds no key of a supported type");
  return {};
}

Result<TokenVerifier::Signer> TokenVerifier::signer_from_header_key(const json::value& value,
                                                                    SysTime now) const {
  if (!value.is_object()) return refuse("header `jwk` is not an object");
  const json::object& jwk = value.get_object();
  KBS_TRY(crypto::JwsAlgorithm algorithm, algorithm_member(jwk));
  // Our own service's key is known by its members, without importing it anew for every token.
  if (options_.own_key && has_members(jwk, own_jwk_))
    return Signer{*options_.own_key, algorithm, std::nullopt};
  auto key = crypto::PublicKey::from_jwk(jwk);
  if (!key) return refuse("header `jwk`: " + key.error().message);
  if (options_.insecure_header_jwk) return Signer{std::move(*key), algorithm, std::nullopt};
  if (anchors_.size() == 0) return refuse("no certificate anchors configured for header keys");
  const bool endorsable =
      key->type() == crypto::KeyType::rsa || key->type() == crypto::KeyType::ec_p256;
  if (!endorsable) return refuse("only RSA and P-256 keys are endorsed by x5c");
  KBS_TRY(std::vector<Bytes> chain, read_x5c(jwk));
  auto verified = crypto::verify_chain(chain, anchors_, now);
  if (!verified) return refuse("x5c: " + describe(verified.error()));
  if (!(verified->leaf_key == *key)) return refuse("the x5c leaf holds another key than the JWK");
  return Signer{std::move(*key), algorithm, verified->not_after};
}

Result<TokenVerifier::Signer> TokenVerifier::signer_from_set(std::string_view kid) const {
  for (const SetKey& candidate : set_keys_) {
    if (candidate.kid != kid || candidate.kid.empty()) continue;
    if (!candidate.algorithm) return refuse("the key of that `kid` names no algorithm");
    return Signer{candidate.key, *candidate.algorithm, std::nullopt};
  }
  return refuse("no key with that `kid`");
}

Result<TokenVerifier::Signer> TokenVerifier::choose_signer(const crypto::ParsedJws& jws,
                                                           SysTime now) const {
  if (const json::value* jwk = jws.header.if_contains("jwk"))
    return signer_from_header_key(*jwk, now);
  const auto kid = string_member(jws.header, "kid");
  if (!kid) return refuse("neither `jwk` nor `kid` in the header");
  return signer_from_set(*kid);
}

Result<VerifiedTokenPtr> TokenVerifier::verify(std::string_view token, SysTime now) const {
  return verify(token, crypto::sha256(as_bytes(token)), now);
}

Result<VerifiedTokenPtr> TokenVerifier::verify(std::string_view token, const crypto::Sha256& digest,
                                               SysTime now) const {
  auto jws = crypto::parse_jws(token);
  if (!jws) return refuse(describe(jws.error()));
  KBS_TRY(crypto::JwsAlgorithm header_algorithm, algorithm_member(jws->header));
  KBS_TRY(Signer signer, choose_signer(*jws, now));
  // The key's own algorithm decides; the header may only agree (no algorithm confusion).
  if (header_algorithm != signer.algorithm) return refuse("header `alg` differs from the key's");
  if (auto good = crypto::verify_jws(*jws, signer.key, signer.algorithm); !good) {
    return refuse(describe(good.error()));
  }
  auto payload = jws->payload();
  if (!payload) return refuse("payload is not base64url");
  auto claims = parse_json(as_text(*payload));
  if (!claims || !claims->is_object()) return refuse("the claims are not a JSON object");
  KBS_TRY(std::int64_t exp, expiry(claims->get_object()));
  const SysTime expires = SysTime{std::chrono::seconds{exp}} + kLeeway;
  if (expires < now) return refuse("expired");

  auto input = policy::RegoInput::parse(as_text(*payload));
  if (!input) return refuse("claims: " + input.error().message);
  ClaimFacts facts = read_claims(*claims, options_.extra_teekey_paths);
  auto verified = std::make_shared<VerifiedToken>(VerifiedToken{
      .digest = hex(digest),
      .policy_input = std::move(*input),
      .tee_key = std::move(facts.tee_key),
      .tee = std::move(facts.tee),
      .init_data = std::move(facts.init_data),
      .issued_at = facts.issued_at,
      .expires = expires,
      .trusted_until = signer.not_after ? std::min(expires, *signer.not_after) : expires,
      // Parsed claims take several times their text; a key handle about 4 KiB.
      .cost = payload->size() * 6 + 6000,
  });
  return VerifiedTokenPtr(std::move(verified));
}

}  // namespace kbs::token
