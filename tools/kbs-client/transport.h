#pragma once
/// What the client says to a KBS and hears from it, whoever carries the bytes.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::client {

enum class Method { get, head, post, remove };

/// One request. `target` is what follows the server's root: "/kbs/v0/auth". `bearer` and `body` are
/// borrowed for the time of the call.
struct HttpRequest {
  Method method = Method::get;
  std::string target = {};
  std::string_view content_type = {};
  const Secret* body = nullptr;
  const Secret* bearer = nullptr;
  std::string if_match = {};  ///< the whole field, or none
  bool if_absent = false;     ///< `If-None-Match: *`
};

/// One answer, of any status.
struct HttpResponse {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after = {};
  std::string session_cookie = {};  ///< value of a `kbs-session-id` set by this answer, or empty
  std::string etag = {};            ///< with its quotes, or empty
  std::optional<std::uint64_t> resource_size = {};  ///< `X-Resource-Size`
  Secret body = Secret();

  std::string_view text() const noexcept { return body.expose_text(); }
};

/// Carries one request to the KBS and keeps the cookies it sets. Used from one thread. Errors only
/// when there is no answer: `unavailable` (unreachable, timed out, TLS), `too_large`,
/// `invalid_request` (no such URL).
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};

/// What a status other than 200 means to the caller.
ErrorKind kind_of_status(int status) noexcept;

/// `detail` of the KBS error document {"type":…,"detail":…} (spec/http-api.md §2);
/// `invalid_request` when the body is none, that is, when something else than a KBS answered.
Result<std::string> error_detail(const HttpResponse& response);

}  // namespace kbs::client
