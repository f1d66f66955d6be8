#include "crypto/jws.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include <array>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

constexpr std::size_t kMaxToken = std::size_t{1} << 20;

enum class Scheme { ecdsa, rsa_pkcs1, rsa_pss, eddsa };

struct Row {
  std::string_view name;
  JwsAlgorithm algorithm;
  Scheme scheme;
  HashAlgorithm hash;  // unused by eddsa
  KeyType key;
};

// RFC 7518 §3.1 and RFC 8037 §3.1. ES256 is P-256 and nothing else: the curve is part of the name.
constexpr Row kRows[] = {
    {"ES256", JwsAlgorithm::es256, Scheme::ecdsa, HashAlgorithm::sha256, KeyType::ec_p256},
    {"ES384", JwsAlgorithm::es384, Scheme::ecdsa, HashAlgorithm::sha384, KeyType::ec_p384},
    {"RS256", JwsAlgorithm::rs256, Scheme::rsa_pkcs1, HashAlgorithm::sha256, KeyType::rsa},
    {"RS384", JwsAlgorithm::rs384, Scheme::rsa_pkcs1, HashAlgorithm::sha384, KeyType::rsa},
    {"RS512", JwsAlgorithm::rs512, Scheme::rsa_pkcs1, HashAlgorithm::sha512, KeyType::rsa},
    {"PS256", JwsAlgorithm::ps256, Scheme::rsa_pss, HashAlgorithm::sha256, KeyType::rsa},
    {"PS384", JwsAlgorithm::ps384, Scheme::rsa_pss, HashAlgorithm::sha384, KeyType::rsa},
    {"PS512", JwsAlgorithm::ps512, Scheme::rsa_pss, HashAlgorithm::sha512, KeyType::rsa},
    {"EdDSA", JwsAlgorithm::eddsa, Scheme::eddsa, HashAlgorithm::sha512, KeyType::ed25519},
};

const Row& row_of(JwsAlgorithm algorithm) noexcept {
  return kRows[static_cast<std::size_t>(algorithm)];
}

constexpr bool rows_follow_the_enumeration() {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (static_cast<std::size_t>(kRows[i].algorithm) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enumeration());

using EcdsaSig = Handle<ECDSA_SIG, ECDSA_SIG_free>;

/// r || s of fixed length (RFC 7518 §3.4) as the DER that OpenSSL verifies; empty if it is not
/// that.
Bytes ecdsa_to_der(std::span<const std::byte> signature, std::size_t n) {
  if (signature.size() != 2 * n) return {};
  EcdsaSig parts(ECDSA_SIG_new());
  Bn r(BN_bin2bn(in(signature), static_cast<int>(n), nullptr));
  Bn s(BN_bin2bn(in(signature.subspan(n)), static_cast<int>(n), nullptr));
  require(parts && r && s, "ECDSA_SIG_new");
  require(ECDSA_SIG_set0(parts.get(), r.release(), s.release()) == 1, "ECDSA_SIG_set0");
  const int size = i2d_ECDSA_SIG(parts.get(), nullptr);
  require(size > 0, "i2d_ECDSA_SIG");
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* next = out(der);
  require(i2d_ECDSA_SIG(parts.get(), &next) == size, "i2d_ECDSA_SIG");
  return der;
}

Bytes ecdsa_from_der(std::span<const std::byte> der, std::size_t n) {
  const unsigned char* next = in(der);
  EcdsaSig parts(d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size())));
  require(parts != nullptr, "d2i_ECDSA_SIG");
  Bytes signature(2 * n);
  const int size = static_cast<int>(n);
  require(BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out(signature), size) == size &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out(std::span(signature).subspan(n)),
                           size) == size,
          "BN_bn2binpad");
  return signature;
}

/// The padding of RSA signatures; MGF1 follows the digest by default, as RFC 7518 §3.5 wants.
std::array<OSSL_PARAM, 3> signature_params(Scheme scheme) {
  if (scheme == Scheme::rsa_pss) {
    // "digest": exactly as long as the digest, when verifying too. "auto" would take any length.
    return {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                         const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PSS), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
                                         const_cast<char*>(OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST), 0),
        OSSL_PARAM_construct_end()};
  }
  if (scheme == Scheme::rsa_pkcs1) {
    return {OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                             const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PKCSV15), 0),
            OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  }
  return {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
}

const char* md_name(const Row& row) {
  return row.scheme == Scheme::eddsa ? nullptr : evp_md_name(row.hash);  // Ed25519 hashes by itself
}

bool signature_holds(const Row& row, EVP_PKEY* key, std::span<const std::byte> message,
                     std::span<const std::byte> signature) {
  Bytes der;
  if (row.scheme == Scheme::ecdsa) {
    der = ecdsa_to_der(signature, coordinate_size(row.key));
    signature = der;
  }
  // Also keeps a null pointer away from OpenSSL, which would take it for a question about the
  // length.
  if (signature.empty()) return false;
  const auto params = signature_params(row.scheme);
  EvpMdCtx ctx(EVP_MD_CTX_new());
  require(ctx != nullptr, "EVP_MD_CTX_new");
  return EVP_DigestVerifyInit_ex(ctx.get(), nullptr, md_name(row), nullptr, nullptr, key,
                                 params.data()) == 1 &&
         EVP_DigestVerify(ctx.get(), in(signature), signature.size(), in(message),
                          message.size()) == 1;
}

auto malformed(std::string what) {
  return fail(ErrorKind::invalid_request, "malformed JWS: " + std::move(what));
}

Result<json::object> parse_header(std::string_view encoded) {
  auto bytes = from_base64url(encoded);
  if (!bytes) return malformed("the header is not base64url");
  auto header = parse_json_object(as_text(*bytes));
  if (!header) return malformed("the header is not a JSON object");
  // RFC 7515 §4.1.11: what must be understood and is not makes the token invalid.
  if (header->contains("crit")) return malformed("critical header extensions are not supported");
  return header;
}

}  // namespace

std::optional<JwsAlgorithm> jws_algorithm_from(std::string_view name) noexcept {
  for (const Row& row : kRows) {
    if (row.name == name) return row.algorithm;
  }
  return std::nullopt;
}

std::string_view to_string(JwsAlgorithm algorithm) noexcept { return row_of(algorithm).name; }

bool fits(JwsAlgorithm algorithm, KeyType type) noexcept { return row_of(algorithm).key == type; }

Result<Bytes> ParsedJws::payload() const {
  auto bytes = from_base64url(payload_b64);
  if (!bytes) return malformed("the payload is not base64url");
  return bytes;
}

Result<ParsedJws> parse_jws(std::string_view token) {
  if (token.size() > kMaxToken) return malformed("over 1 MiB");
  const auto first = token.find('.');
  const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return malformed("not three parts");
  }
  KBS_TRY(json::object header, parse_header(token.substr(0, first)));
  auto signature = from_base64url(token.substr(second + 1));
  if (!signature) return malformed("the signature is not base64url");
  return ParsedJws{std::move(header), token.substr(0, second),
                   token.substr(first + 1, second - first - 1), std::move(*signature)};
}

Result<> verify_jws(const ParsedJws& jws, const PublicKey& key, JwsAlgorithm algorithm) {
  const Row& row = row_of(algorithm);
  if (!fits(algorithm, key.type())) {
    return fail(ErrorKind::unauthenticated, "the key does not fit the signature algorithm");
  }
  if (string_member(jws.header, "alg") != row.name) {
    return fail(ErrorKind::unauthenticated, "the token is signed under another algorithm");
  }
  if (!signature_holds(row, key.get(), as_bytes(jws.signing_input), jws.signature)) {
    return openssl_failure(ErrorKind::unauthenticated, "the signature does not verify");
  }
  return {};
}

Result<std::string> sign_jws(std::string_view header, std::string_view payload,
                             const PrivateKey& key, JwsAlgorithm algorithm) {
  const Row& row = row_of(algorithm);
  if (!fits(algorithm, key.type())) {
    return fail(ErrorKind::invalid_request,
                "the key cannot sign with " + std::string(to_string(algorithm)));
  }
  std::string token;
  token.reserve((header.size() + payload.size()) * 4 / 3 + 1024);
  append_base64url(token, as_bytes(header));
  token += '.';
  append_base64url(token, as_bytes(payload));

  const auto params = signature_params(row.scheme);
  EvpMdCtx ctx(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  Bytes signature(size);
  if (!ctx ||
      EVP_DigestSignInit_ex(ctx.get(), nullptr, md_name(row), nullptr, nullptr, key.get(),
                            params.data()) != 1 ||
      EVP_DigestSign(ctx.get(), out(signature), &size, in(as_bytes(token)), token.size()) != 1) {
    return openssl_failure(ErrorKind::internal, "cannot sign");
  }
  signature.resize(size);
  if (row.scheme == Scheme::ecdsa) {
    signature = ecdsa_from_der(signature, coordinate_size(row.key));
  }
  token += '.';
  append_base64url(token, signature);
  return token;
}

}  // namespace kbs::crypto
