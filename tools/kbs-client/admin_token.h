#pragma once
/// What proves an administrator: found in a file, or signed here (spec/admin.md §3,
/// kbs-client-cli.md §1.3).

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key.h"
#include "crypto/secret.h"

namespace kbs::client {

/// Who an administrator says to be. Empty members are left out of the token.
struct AdminClaims {
  std::string role = "admin";
  std::string issuer;
  std::string audience = "KBS";
  std::chrono::seconds lifetime{7200};
};

/// The claims as JSON text: iss, sub, aud, role, iat, exp.
std::string admin_claims_json(const AdminClaims& claims, SysTime now);

/// A JWT over them: EdDSA, ES256, ES384 or RS256 by the type of `key`; P-521 is `unsupported`.
Result<Secret> sign_admin_token(const crypto::PrivateKey& key, const AdminClaims& claims,
                                SysTime now);

/// Reads an unencrypted private key PEM.
Result<crypto::PrivateKey> read_private_key(const std::string& path);

/// Where a token is looked for.
struct TokenSearch {
  std::string named;  ///< --admin-token-file, or empty
  std::string home;   ///< $HOME, or empty
  std::string directory = ".";
};
/// The first token of: `named` (unreadable: an error), kbs/config/docker-compose/admin-token below
/// `directory`, .trustee/admin-token below `home`; nullopt when there is none. `say` takes the line
/// for stderr.
Result<std::optional<Secret>> find_admin_token(const TokenSearch& search,
                                               const std::function<void(std::string_view)>& say);

/// "90s", "15m", "2h", "30d" or a bare number of seconds; `invalid_request` for anything else, zero
/// included.
Result<std::chrono::seconds> parse_lifetime(std::string_view text);

}  // namespace kbs::client
