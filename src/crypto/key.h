#pragma once
/// Asymmetric keys: generated, read from PEM, imported from JWK.

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "crypto/openssl_ptr.h"
#include "crypto/secret.h"

namespace kbs::crypto {

enum class KeyType { rsa, ec_p256, ec_p384, ec_p521, ed25519 };

/// A public key. Immutable and shared; usable from many threads at once.
class PublicKey {
 public:
  /// SubjectPublicKeyInfo ("PUBLIC KEY") or "RSA PUBLIC KEY" PEM: the first block, which must be
  /// one of these. RSA: 2048 to 8192 bits. Errors are `invalid_request`, `unsupported` for other
  /// key types.
  static Result<PublicKey> from_pem(std::string_view pem);
  /// RFC 7517/7518/8037 public JWK: kty RSA (n, e), EC (P-256, P-384, P-521; fixed-length
  /// coordinates, on the curve), OKP (Ed25519). Private members and `alg` are ignored. `oct` and
  /// unknown types and curves are `unsupported`, everything malformed is `invalid_request`.
  static Result<PublicKey> from_jwk(const json::object& jwk);
  /// Takes a key whose type the caller has made sure of.
  static PublicKey adopt(EvpPkey key, KeyType type);
  /// Takes a key from elsewhere (a certificate): finds its type and applies the bounds of
  /// `from_pem`.
  static Result<PublicKey> from_evp(EvpPkey key);

  KeyType type() const noexcept { return type_; }
  /// RSA modulus or curve size in bits.
  int bits() const noexcept;
  /// {"kty":…} with the public members only, in the order kty, crv, x, y or kty, n, e.
  json::object to_jwk() const;
  std::string to_pem() const;
  /// RFC 7638, SHA-256, base64url.
  std::string thumbprint() const;
  EVP_PKEY* get() const noexcept { return key_.get(); }
  friend bool operator==(const PublicKey& a, const PublicKey& b) noexcept;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  KeyType type_ = KeyType::ec_p256;
};

/// A private key. Immutable and shared; OpenSSL wipes it when the last copy goes.
class PrivateKey {
 public:
  static Result<PrivateKey> generate(KeyType type, int rsa_bits = 2048);
  /// A fresh key on the curve of `like` (EC only), cheaper than `generate`: for ephemeral keys.
  static Result<PrivateKey> generate_like(const PublicKey& like);
  /// PKCS#8, PKCS#1 or SEC 1 PEM, unencrypted. An encrypted one is refused, never asked about.
  static Result<PrivateKey> from_pem(std::string_view pem);
  /// A private JWK (d, and p, q, dp, dq, qi for RSA when present), for test vectors and client key
  /// files. The private half must belong to the public one.
  static Result<PrivateKey> from_jwk(const json::object& jwk);

  KeyType type() const noexcept { return type_; }
  PublicKey public_key() const;
  /// PKCS#8 PEM.
  Secret to_pkcs8_pem() const;
  EVP_PKEY* get() const noexcept { return key_.get(); }
  /// As for `PublicKey`.
  static PrivateKey adopt(EvpPkey key, KeyType type);
  static Result<PrivateKey> from_evp(EvpPkey key);

 private:
  std::shared_ptr<EVP_PKEY> key_;
  KeyType type_ = KeyType::ec_p256;
};

}  // namespace kbs::crypto
