#include "kbs/admin/provider.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/file.h"

namespace kbs::admin {
namespace {

using crypto::JwsAlgorithm;

/// A path or `file:///path`.
Result<std::string> path_of(const std::string& source) {
  constexpr std::string_view kFile = "file://";
  if (source.starts_with("https://") || source.starts_with("http://")) {
    return fail(
        ErrorKind::unsupported,
        "keys of administrators are read from files only, not from " + source.substr(0, 200));
  }
  if (!source.starts_with(kFile)) return source;
  std::string path = percent_decode(std::string_view(source).substr(kFile.size()));
  if (!path.starts_with('/'))
    return fail(ErrorKind::invalid_request, source + " must be file:///path");
  return path;
}

Result<std::string> read_source(const std::string& source) {
  KBS_TRY(const std::string path, path_of(source));
  return read_file(path, 1u << 20);
}

bool has_algorithm(crypto::KeyType type) {
  constexpr JwsAlgorithm kAll[] = {JwsAlgorithm::es256, JwsAlgorithm::es384, JwsAlgorithm::rs256,
                                   JwsAlgorithm::eddsa};
  return std::any_of(std::begin(kAll), std::end(kAll),
                     [type](JwsAlgorithm a) { return fits(a, type); });
}

/// A NumericDate as seconds; nullopt when it is no number.
std::optional<double> seconds(const json::object& claims, std::string_view name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

}  // namespace

Result<Provider> Provider::make(const config::IdentityProvider& config) {
  Provider provider;
  provider.issuer_ = config.issuer;
  provider.audience_ = config.audience;
  provider.fixed_role_ = config.fixed_role;
  provider.leeway_seconds_ = config.leeway_seconds;
  if (config.public_key_uri.empty() && config.jwk_set_uri.empty()) {
    return fail(ErrorKind::invalid_request,
                "[admin] an identity provider needs public_key_uri (a PEM file) or jwk_set_uri");
  }
  if (!config.public_key_uri.empty()) KBS_OK(provider.add_pem(config.public_key_uri));
  if (!config.jwk_set_uri.empty()) KBS_OK(provider.add_jwk_set(config.jwk_set_uri));
  return provider;
}

Result<> Provider::add_pem(const std::string& source) {
  KBS_TRY(const std::string pem, read_source(source));
  auto key = crypto::PublicKey::from_pem(pem);
  if (!key) {
    return fail(ErrorKind::invalid_request,
                "[admin] " + source + " is not a public key in PEM form: " + key.error().message,
                key.error().detail);
  }
  if (fixed_role_ && key->type() != crypto::KeyType::ed25519) {
    return fail(ErrorKind::invalid_request,
                "[admin] " + source +
                    " must be an Ed25519 key in this form of [admin]; others go with "
                    "authorization_mode = \"AuthenticatedAuthorization\"");
  }
  if (!has_algorithm(key->type())) {
    return fail(ErrorKind::invalid_request,
                "[admin] " + source +
                    ": no token can be signed with this kind of key; use Ed25519, EC P-256, EC "
                    "P-384 or RSA");
  }
  pem_key_ = std::move(*key);
  return {};
}

Result<> Provider::add_jwk_set(const std::string& source) {
  KBS_TRY(const std::string text, read_source(source));
  auto set = parse_json_object(text);
  const json::value* keys = set ? set->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) {
    return fail(ErrorKind::invalid_request,
                "[admin] " + source + " is not a JWK set: {\"keys\": […]} is wanted");
  }
  for (const json::value& value : keys->get_array()) {
    // A set may hold keys for other uses; those that cannot be ours are passed over.
    const json::object* jwk = value.if_object();
    if (jwk == nullptr) continue;
    const auto kid = string_member(*jwk, "kid");
    const auto name = string_member(*jwk, "alg");
    const auto algorithm = name ? crypto::jws_algorithm_from(*name) : std::nullopt;
    if (!kid || !algorithm) continue;
    if (const auto use = string_member(*jwk, "use"); use && *use != "sig") continue;
    auto key = crypto::PublicKey::from_jwk(*jwk);
    if (!key || !fits(*algorithm, key->type())) continue;
    set_keys_.push_back({std::string(*kid), std::move(*key), *algorithm});
  }
  if (set_keys_.empty()) {
    return fail(ErrorKind::invalid_request,
                "[admin] " + source +
                    " holds no usable key: each needs \"kid\" and an \"alg\" that fits it "
                    "(EdDSA, ES256, ES384, RS256 … PS512)");
  }
  return {};
}

Result<> Provider::check_signature(const crypto::ParsedJws& token) const {
  const auto name = string_member(token.header, "alg");
  const auto algorithm = name ? crypto::jws_algorithm_from(*name) : std::nullopt;
  if (!algorithm) return fail(ErrorKind::unauthenticated, "its algorithm is not accepted");
  // A key that the token brings along proves nothing; with one in the header, its `kid` is no hint
  // either.
  const auto kid = token.header.contains("jwk") ? std::nullopt : string_member(token.header, "kid");
  if (kid) {
    for (const SetKey& set_key : set_keys_) {
      if (set_key.kid != *kid) continue;
      if (set_key.algorithm != *algorithm) {
        return fail(ErrorKind::unauthenticated, "its algorithm is not that of the key it names");
      }
      return verify_jws(token, set_key.key, set_key.algorithm);
    }
  }
  if (!pem_key_) return fail(ErrorKind::unauthenticated, "it names no key of the set");
  if (fixed_role_ && *algorithm != JwsAlgorithm::eddsa) {
    return fail(ErrorKind::unauthenticated, "its algorithm is not EdDSA");
  }
  if (!fits(*algorithm, pem_key_->type())) {
    return fail(ErrorKind::unauthenticated, "its algorithm does not fit the key");
  }
  return verify_jws(token, *pem_key_, *algorithm);
}

Result<> Provider::check_times(const json::object& claims, SysTime now) const {
  const auto time = static_cast<double>(unix_seconds(now));
  const auto leeway = static_cast<double>(leeway_seconds_);
  const auto exp = seconds(claims, "exp");
  if (!exp) return fail(ErrorKind::unauthenticated, "it has no exp");
  // Written so that whatever cannot be compared counts as expired.
  if (!(*exp >= time - leeway)) return fail(ErrorKind::unauthenticated, "it is expired");
  if (!fixed_role_) return {};  // the current form looks at `exp` only
  for (const char* const name : {"nbf", "iat"}) {
    if (!claims.contains(name)) continue;
    const auto from = seconds(claims, name);
    if (!from || !(*from <= time + leeway)) {
      return fail(ErrorKind::unauthenticated, std::string("its ") + name + " lies in the future");
    }
  }
  return {};
}

Result<json::object> Provider::verify(const crypto::ParsedJws& token, SysTime now) const {
  KBS_OK(check_signature(token));
  KBS_TRY(const Bytes payload, token.payload());
  auto claims = parse_json_object(as_text(payload));
  if (!claims) return fail(ErrorKind::unauthenticated, "its claims are not a JSON object");
  KBS_OK(check_times(*claims, now));
  return std::move(*claims);
}

Result<> Provider::check_issuer_and_audience(const json::object& claims) const {
  if (issuer_) {
    const json::value* iss = claims.if_contains("iss");
    // Absent counts as empty; anything but a text is no issuer at all.
    const bool text = iss == nullptr || iss->is_string();
    const std::string_view value =
        iss != nullptr && text ? std::string_view(iss->get_string()) : "";
    if (!text || value != *issuer_) return fail(ErrorKind::unauthenticated, "its iss is another");
  }
  if (!audience_) return {};
  const json::value* aud = claims.if_contains("aud");
  const auto is_ours = [this](const json::value& v) {
    return v.is_string() && std::string_view(v.get_string()) == *audience_;
  };
  if (aud != nullptr && is_ours(*aud)) return {};
  if (aud != nullptr && aud->is_array() &&
      std::any_of(aud->get_array().begin(), aud->get_array().end(), is_ours)) {
    return {};
  }
  return fail(ErrorKind::unauthenticated, "its aud is another");
}

}  // namespace kbs::admin
