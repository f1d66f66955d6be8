#pragma once
/// One `identity_providers` entry, or one persona or single key of an older form: its keys and its
/// checks.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "kbs/config/config.h"

namespace kbs::admin {

/// Immutable; usable from many threads.
class Provider {
 public:
  /// Reads the keys. The message names the file and what is the matter with it.
  static Result<Provider> make(const config::IdentityProvider& config);

  /// The claims of `token` if one of our keys signed it and it is not expired at `now`; else
  /// `unauthenticated`, whose message is for the log only.
  Result<json::object> verify(const crypto::ParsedJws& token, SysTime now) const;

  /// The role the configuration gives to this key, for older forms.
  const std::optional<std::string>& fixed_role() const noexcept { return fixed_role_; }

  /// Whether `iss` and `aud` of verified claims are what the configuration demands; the message is
  /// for the log only.
  Result<> check_issuer_and_audience(const json::object& claims) const;

 private:
  struct SetKey {
    std::string kid;
    crypto::PublicKey key;
    crypto::JwsAlgorithm algorithm;
  };
  Result<> add_pem(const std::string& source);
  Result<> add_jwk_set(const std::string& source);
  Result<> check_signature(const crypto::ParsedJws& token) const;
  Result<> check_times(const json::object& claims, SysTime now) const;

  std::optional<crypto::PublicKey> pem_key_;
  std::vector<SetKey> set_keys_;
  std::optional<std::string> issuer_, audience_, fixed_role_;
  std::int64_t leeway_seconds_ = 60;
};

}  // namespace kbs::admin
