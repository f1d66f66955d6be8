#pragma once
/// The encrypted response: flattened JWE JSON (RFC 7516 §7.2.2), A256GCM, byte-exact protected
/// header. Format and vectors: spec/jwe-response.md.

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "crypto/key.h"
#include "crypto/secret.h"

namespace kbs::crypto {

/// The guest's key as it stands in the claims, checked for use. One import serves many responses.
class TeePublicKey {
 public:
  enum class Algorithm { ecdh_es_a256kw, rsa_oaep_256, rsa1_5 };

  /// From the JWK in the claims. Distinguishes two failures, because the wire does: `Error::kind`
  /// `unauthenticated` with message "malformed TEE public key" when it is no key object at all (no
  /// `kty`, missing members: TokenVerifierError), and `invalid_request` when it is a key we do not
  /// encrypt to (P-384, RSA-OAEP, AKP, off-curve, RSA below 2048 or above 4096 bits: JweError).
  static Result<TeePublicKey> from_jwk(const json::value& jwk);

  Algorithm algorithm() const noexcept { return algorithm_; }
  const PublicKey& key() const noexcept { return key_; }

 private:
  TeePublicKey(PublicKey key, Algorithm algorithm) : key_(std::move(key)), algorithm_(algorithm) {}
  PublicKey key_;
  Algorithm algorithm_;
};

/// Encrypts `plaintext` to the guest. Returns the JSON text
/// {"protected":…,"encrypted_key":…,"iv":…,"ciphertext":…,"tag":…}. CEK, Z and KWK are wiped.
Result<std::string> encrypt_jwe(const TeePublicKey& to, std::span<const std::byte> plaintext);

/// Opens a response with the guest's private key, as a client does. The received `protected` string
/// is authenticated verbatim, `aad` (a string) tolerated. Accepts ECDH-ES+A256KW, RSA-OAEP-256 and
/// RSA1_5, each only with a key of its type. Every failure of decryption is the same error, in
/// constant time for RSA1_5.
Result<Secret> decrypt_jwe(const PrivateKey& key, std::string_view jwe_json);

/// For vectors in tests: as `encrypt_jwe` with the randomness given. EC needs the ephemeral key.
struct JweRandomness {
  Secret cek;
  Bytes iv;
  std::optional<PrivateKey> ephemeral;
};
Result<std::string> encrypt_jwe_with(const TeePublicKey& to, std::span<const std::byte> plaintext,
                                     const JweRandomness& randomness);

}  // namespace kbs::crypto
