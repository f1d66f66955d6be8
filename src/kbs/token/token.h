#pragma once
/// An attestation token that has been verified, and what the server needs of it. Facts:
/// spec/attestation-token.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "crypto/jwe.h"
#include "policy/rego.h"

namespace kbs::token {

/// Immutable and shared: one verification serves many requests. Holds claims, never the token
/// itself.
struct VerifiedToken {
  std::string digest;  ///< hex SHA-256 of the token: how the audit trail names it
  std::shared_ptr<const policy::RegoInput> policy_input;  ///< the whole claims object
  /// The guest's key, or why it cannot be used (kinds as `TeePublicKey::from_jwk` has them).
  Result<crypto::TeePublicKey> tee_key;
  std::string tee;        ///< name of the TEE as the claims tell it, "" when they do not
  std::string init_data;  ///< digest as the claims tell it, or ""
  std::optional<std::int64_t> issued_at;  ///< `iat`, seconds
  SysTime expires;                        ///< `exp` plus leeway
  SysTime
      trusted_until;  ///< the earliest of `expires` and the ends of the certificates behind the key
  std::size_t cost = 0;  ///< bytes this entry weighs in a cache
};
using VerifiedTokenPtr = std::shared_ptr<const VerifiedToken>;

/// Reads what the server needs from verified claims. `extra_paths` are tried before the built-in
/// places of the TEE key; the first that exists decides.
struct ClaimFacts {
  Result<crypto::TeePublicKey> tee_key;
  std::string tee;
  std::string init_data;
  std::optional<std::int64_t> issued_at;
};
ClaimFacts read_claims(const json::value& claims, const std::vector<std::string>& extra_paths);

}  // namespace kbs::token
