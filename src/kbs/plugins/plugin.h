#pragma once
/// A plugin serves `/kbs/v0/{name}/…`. It says who may ask (an attested guest or an administrator)
/// and returns bytes; checking, policy, audit and encryption are the dispatcher's. Facts:
/// spec/plugins.md §1.2.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "kbs/http/message.h"

namespace kbs::plugins {

/// One request below a plugin's name. Views and the request live until the answer is made.
struct Call {
  http::Request& request;                    ///< `handle` may take its body
  std::vector<std::string> path;             ///< decoded segments after the plugin's name
  std::map<std::string, std::string> query;  ///< last of repeated keys wins
  /// Error mode. In `trustee` mode a query that is not granted is ignored, as the reference ignores
  /// all of them.
  bool precise = true;
  /// The path as one text, for the audit record: "default/key/1".
  std::string joined_path() const;
};

enum class Gate { attested, admin };

struct Reply {
  Secret body;
  std::string content_type = "text/xml";  ///< the reference's, for everything that is not encrypted
  std::string version;                    ///< of the value read or written, for audit and ETag
  std::vector<std::pair<std::string, std::string>> headers;
};

/// One instance serves all workers at once.
class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual std::string_view name() const noexcept = 0;
  /// Decided before anybody is authenticated: looks at method and path only.
  virtual Gate gate(const Call& call) const = 0;
  /// Whether the reply to an attested guest is wrapped in a JWE. Asked before `handle`.
  virtual bool encrypted(const Call& call) const = 0;
  /// The gate is passed. Error kinds become statuses in `http/error_response.cc`.
  virtual awaitable<Result<Reply>> handle(const Call& call) = 0;
  /// For /readyz.
  virtual awaitable<Result<>> health() = 0;
};

using PluginPtr = std::shared_ptr<Plugin>;

}  // namespace kbs::plugins
