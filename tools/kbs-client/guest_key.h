#pragma once
/// The guest's key pair, to which the KBS encrypts.

#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "crypto/key.h"

namespace kbs::client {

/// A key pair and its public JWK with exactly the members that are hashed (spec/rcar-protocol.md
/// §4). Immutable and cheap to copy; usable from many threads.
class GuestKey {
 public:
  /// A fresh EC P-256 key, what guests use by default.
  static Result<GuestKey> generate();
  /// RSA (`RSA-OAEP-256`) or EC P-256/P-521 (`ECDH-ES+A256KW`) private key PEM; others are
  /// `unsupported`.
  static Result<GuestKey> from_pem(std::string_view pem);
  /// The same from a key at hand.
  static Result<GuestKey> from_key(crypto::PrivateKey key);

  const crypto::PrivateKey& key() const noexcept { return key_; }
  const json::object& jwk() const noexcept { return jwk_; }

 private:
  GuestKey(crypto::PrivateKey key, json::object jwk) : key_(std::move(key)), jwk_(std::move(jwk)) {}
  crypto::PrivateKey key_;
  json::object jwk_;
};

}  // namespace kbs::client
