#pragma once
/// The resource plugin over one mount in memory.

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "kbs/plugins/resource.h"
#include "storage/memory/memory.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::plugins::testing {

using http::Method;
using kbs::testing::ManualClock;
using kbs::testing::run;
using storage::testing::FaultyBackend;
using storage::testing::Op;

class ResourcePluginTest : public ::testing::Test {
 protected:
  explicit ResourcePluginTest(storage::MountOptions options = {})
      : metrics_(metrics::Metrics::make()) {
    memory_ = storage::memory::make({}, clock_);
    backend_ = std::make_shared<FaultyBackend>(memory_);
    options.name = "default";
    options.backend = "memory";
    std::vector<storage::Mount> mounts;
    mounts.push_back({std::move(options), backend_});
    plugin_ = make_resource(*storage::Mounts::make(std::move(mounts)), *metrics_, clock_);
  }

  Result<Reply> call(Method method, std::vector<std::string> path, std::string_view body = "",
                     std::vector<std::pair<std::string, std::string>> headers = {},
                     std::map<std::string, std::string> query = {}) {
    http::Request request;
    request.method = method;
    request.headers = std::move(headers);
    request.body = Secret::from_text(body);
    Call call{request, std::move(path), std::move(query), precise_};
    return run(plugin_->handle(call));
  }
  /// A write of default/key/1; its version.
  std::string post(std::string_view body) {
    auto reply = call(Method::post, {"default", "key", "1"}, body);
    return reply ? reply->version : "failed: " + reply.error().message;
  }
  /// What a guest gets who asks for `version` of default/key/1.
  std::string get(const std::string& version) {
    auto reply = call(Method::get, {"default", "key", "1"}, "", {}, {{"version", version}});
    return reply ? std::string(reply->body.expose_text())
                 : std::string(to_string(reply.error().kind));
  }
  static std::optional<ErrorKind> kind(const Result<Reply>& r) {
    return r ? std::nullopt : std::optional(r.error().kind);
  }
  static std::string header(const Reply& reply, std::string_view name) {
    for (const auto& [key, value] : reply.headers) {
      if (key == name) return value;
    }
    return "";
  }
  ManualClock clock_;
  std::unique_ptr<metrics::Metrics> metrics_;
  storage::BackendPtr memory_;
  std::shared_ptr<FaultyBackend> backend_;
  PluginPtr plugin_;
  bool precise_ = true;
};

}  // namespace kbs::plugins::testing
