#pragma once
/// A KBS in memory that answers from a script and remembers what it was asked.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kbs-client/transport.h"

namespace kbs::client::testing {

/// One request as it arrived.
struct Seen {
  Method method;
  std::string target;
  std::string content_type;
  std::string body;
  std::string bearer;
  std::string if_match;
  bool if_absent;
};

inline HttpResponse answer(int status, std::string_view body = {}) {
  HttpResponse response;
  response.status = status;
  response.body = Secret::from_text(body);
  return response;
}

inline HttpResponse kbs_error(int status, std::string_view detail) {
  return answer(status,
                R"({"type":"https://github.com/confidential-containers/kbs/errors/X","detail":")" +
                    std::string(detail) + "\"}");
}

/// Answers each request by `handler`.
class ScriptedTransport final : public Transport {
 public:
  using Handler = std::function<Result<HttpResponse>(const Seen&)>;
  explicit ScriptedTransport(Handler handler) : handler_(std::move(handler)) {}

  Result<HttpResponse> send(const HttpRequest& request) override {
    seen.push_back({request.method, request.target, std::string(request.content_type),
                    request.body ? std::string(request.body->expose_text()) : std::string(),
                    request.bearer ? std::string(request.bearer->expose_text()) : std::string(),
                    request.if_match, request.if_absent});
    return handler_(seen.back());
  }
  /// Targets in order, for comparing whole conversations.
  std::vector<std::string> targets() const {
    std::vector<std::string> all;
    for (const Seen& one : seen) all.push_back(one.target);
    return all;
  }

  std::vector<Seen> seen;

 private:
  Handler handler_;
};

}  // namespace kbs::client::testing
