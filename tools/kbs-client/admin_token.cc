#include "kbs-client/admin_token.h"

#include <sys/stat.h>

#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/json.h"
#include "crypto/jws.h"
#include "kbs-client/files.h"

namespace kbs::client {
namespace {

Result<crypto::JwsAlgorithm> algorithm_of(crypto::KeyType type) {
  switch (type) {
    case crypto::KeyType::ed25519:
      return crypto::JwsAlgorithm::eddsa;
    case crypto::KeyType::ec_p256:
      return crypto::JwsAlgorithm::es256;
    case crypto::KeyType::ec_p384:
      return crypto::JwsAlgorithm::es384;
    case crypto::KeyType::rsa:
      return crypto::JwsAlgorithm::rs256;
    default:
      return fail(ErrorKind::unsupported,
                  "an admin key is Ed25519, EC P-256, EC P-384 or RSA; make one with `kbs-client "
                  "admin keygen -f FILE`");
  }
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

std::string admin_claims_json(const AdminClaims& claims, SysTime now) {
  json::object payload;
  if (!claims.issuer.empty()) payload["iss"] = claims.issuer;
  if (!claims.role.empty()) payload["sub"] = claims.role;
  if (!claims.audience.empty()) payload["aud"] = json::array{json::value(claims.audience)};
  if (!claims.role.empty()) payload["role"] = claims.role;
  payload["iat"] = unix_seconds(now);
  payload["exp"] = unix_seconds(now + claims.lifetime);
  return to_json(payload);
}

Result<Secret> sign_admin_token(const crypto::PrivateKey& key, const AdminClaims& claims,
                                SysTime now) {
  KBS_TRY(crypto::JwsAlgorithm algorithm, algorithm_of(key.type()));
  const std::string header =
      R"({"alg":")" + std::string(to_string(algorithm)) + R"(","typ":"JWT"})";
  KBS_TRY(std::string token,
          crypto::sign_jws(header, admin_claims_json(claims, now), key, algorithm));
  Secret secret = Secret::from_text(token);
  wipe(token.data(), token.size());
  return secret;
}

Result<crypto::PrivateKey> read_private_key(const std::string& path) {
  KBS_TRY(Secret pem, read_secret_file(path, false, 1u << 20));
  auto key = crypto::PrivateKey::from_pem(pem.expose_text());
  if (!key) {
    return fail(key.error().kind,
                path + " is no private key that we can use: " + key.error().message);
  }
  return std::move(*key);
}

Result<std::optional<Secret>> find_admin_token(const TokenSearch& search,
                                               const std::function<void(std::string_view)>& say) {
  if (!search.named.empty()) {
    auto token = read_token_file(search.named);
    if (!token) say("Failed to read: " + search.named);
    KBS_TRY(Secret found, std::move(token));
    return std::optional(std::move(found));
  }
  const std::string relative = "kbs/config/docker-compose/admin-token";
  const std::string composed =
      search.directory == "." ? relative : search.directory + '/' + relative;
  if (auto token = read_token_file(composed)) return std::optional(std::move(*token));
  say("Failed to read: " + relative);
  const std::string at_home = search.home + "/.trustee/admin-token";
  if (search.home.empty() || !exists(at_home)) return std::optional<Secret>();
  KBS_TRY(Secret token, read_token_file(at_home));
  return std::optional(std::move(token));
}

Result<std::chrono::seconds> parse_lifetime(std::string_view text) {
  long number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const long scale = unit.empty() || unit == "s" ? 1
                     : unit == "m"               ? 60
                     : unit == "h"               ? 3600
                     : unit == "d"               ? 86400
                                                 : 0;
  constexpr long kLongest = 100L * 366 * 86400;
  if (error != std::errc{} || scale == 0 || number <= 0 || number > kLongest / scale) {
    return fail(ErrorKind::invalid_request,
                "`" + std::string(text) + "` is no lifetime; write 90s, 15m, 2h or 30d");
  }
  return std::chrono::seconds(number * scale);
}

}  // namespace kbs::client
