#pragma once
/// libcurl, dressed: one connection to one KBS.

#include <chrono>
#include <memory>
#include <string>

#include "kbs-client/transport.h"

namespace kbs::client {

/// How to reach the KBS.
struct HttpOptions {
  std::string url =
      {};  ///< http:// or https://, may hold a path prefix; trailing slashes are dropped
  std::string user_agent = {};    ///< sent as it is
  std::string extra_ca_pem = {};  ///< certificates trusted beside the system's; host names are
                                  ///< checked all the same
  std::chrono::milliseconds timeout{60'000};  ///< for one request, whole
};

/// HTTP/1.1 with a cookie jar in memory, without redirects, answers bounded at 64 MiB.
class HttpClient final : public Transport {
 public:
  /// `invalid_request` when the URL is none of ours.
  static Result<std::unique_ptr<HttpClient>> make(HttpOptions options);
  ~HttpClient() override;

  Result<HttpResponse> send(const HttpRequest& request) override;

 private:
  struct Curl;
  HttpClient(HttpOptions options, std::unique_ptr<Curl> curl);

  HttpOptions options_;
  std::unique_ptr<Curl> curl_;
};

/// `https://host:1//` → `https://host:1`; `invalid_request` unless it is http or https with a host.
Result<std::string> normal_base_url(std::string_view url);

/// Value of the `kbs-session-id` cookie in a `Set-Cookie` header's value, or empty.
std::string session_cookie_from(std::string_view set_cookie);

}  // namespace kbs::client
