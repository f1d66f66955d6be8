#include "attestation/embedded/ear.h"

#include "base/encoding.h"
#include "base/file.h"
#include "crypto/jws.h"
#include "crypto/x509.h"

namespace kbs::attestation::embedded {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

Result<crypto::PrivateKey> signing_key(const TokenBrokerOptions& options) {
  if (!options.signer) return crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const std::string& path = options.signer->key_path;
  KBS_TRY(std::string pem, read_file(path));
  auto key = crypto::PrivateKey::from_pem(pem);
  wipe(pem.data(), pem.size());
  if (!key || key->type() != crypto::KeyType::ec_p256) {
    return fail(ErrorKind::invalid_request,
                "attestation_token_broker.signer.key_path: " + path +
                    " must be an unencrypted PEM private key on P-256: make one with `openssl "
                    "ecparam -name "
                    "prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt`",
                key ? "" : describe(key.error()));
  }
  return key;
}

/// The chain as x5c, leaf first; the leaf must hold the signing key, or nobody could believe the
/// token.
Result<std::string> x5c_member(const std::string& path, const crypto::PublicKey& key) {
  KBS_TRY(std::string pem, read_file(path));
  auto chain = crypto::certificates_from_pem(pem);
  const std::string option = "attestation_token_broker.signer.cert_path: " + path;
  if (!chain)
    return fail(ErrorKind::invalid_request, option + " holds no PEM certificate",
                describe(chain.error()));
  auto leaf = crypto::certificate_key(chain->front());
  if (!leaf || !(*leaf == key)) {
    return fail(ErrorKind::invalid_request,
                option + ": the first certificate does not belong to signer.key_path");
  }
  std::string list = R"(,"x5c":[)";
  for (const Bytes& der : *chain) {
    if (&der != &chain->front()) list += ',';
    append_json_string(list, base64(der));
  }
  return list + ']';
}

Result<std::string> header_text(const TokenBrokerOptions& options, const crypto::PublicKey& key) {
  std::string header = R"({"typ":"JWT","alg":"ES256","jwk":{"alg":"ES256")";
  if (options.signer && !options.signer->cert_url.empty()) {
    header += ',';
    append_member(header, "x5u", options.signer->cert_url);
  }
  if (options.signer && !options.signer->cert_path.empty()) {
    KBS_TRY(std::string x5c, x5c_member(options.signer->cert_path, key));
    header += x5c;
  }
  for (const auto& member : key.to_jwk()) {
    header += ',';
    append_member(header, member.key(), member.value().get_string());
  }
  return header + "}}";
}

void append_vector(std::string& out, const Appraisal& appraisal) {
  out += '{';
  bool first = true;
  for (std::size_t i = 0; i < kTrustClaims.size(); ++i) {
    const std::optional<std::int8_t>& value = appraisal.vector[i];
    if (!value) continue;
    if (!first) out += ',';
    first = false;
    append_json_string(out, kTrustClaims[i]);
    out += ':' + std::to_string(*value);
  }
  out += '}';
}

void append_submodule(std::string& out, const Submodule& submodule) {
  append_json_string(out, submodule.name);
  out += ":{";
  append_member(out, "ear.status", to_string(submodule.appraisal.status()));
  out += R"(,"ear.trustworthiness-vector":)";
  append_vector(out, submodule.appraisal);
  out += R"(,"ear.appraisal-policy-id":"default","ear.veraison.annotated-evidence":)";
  out += submodule.annotated_evidence;
  for (const Extension& extension : submodule.appraisal.extensions) {
    out += ',';
    append_json_string(out, extension.name);
    out += ':' + to_json(extension.value);
  }
  out += '}';
}

}  // namespace

Result<TokenBroker> TokenBroker::make(TokenBrokerOptions options) {
  KBS_TRY(crypto::PrivateKey key, signing_key(options));
  KBS_TRY(std::string header, header_text(options, key.public_key()));
  return TokenBroker(std::move(options), std::move(key), std::move(header));
}

Result<std::string> TokenBroker::issue(const std::vector<Submodule>& submodules,
                                       SysTime now) const {
  const std::int64_t iat = unix_seconds(now);
  std::string claims = "{";
  append_member(claims, "eat_profile", options_.profile_name);
  claims += R"(,"iat":)" + std::to_string(iat) + R"(,"ear.verifier-id":{)";
  append_member(claims, "developer", options_.developer_name);
  claims += ',';
  append_member(claims, "build", options_.build_name);
  claims += R"(},"submods":{)";
  for (const Submodule& submodule : submodules) {
    if (&submodule != &submodules.front()) claims += ',';
    append_submodule(claims, submodule);
  }
  claims += R"(},"exp":)" + std::to_string(iat + options_.duration_min * 60) + ',';
  append_member(claims, "iss", options_.issuer_name);
  claims += '}';
  return crypto::sign_jws(header_, claims, key_, crypto::JwsAlgorithm::es256);
}

}  // namespace kbs::attestation::embedded
