#pragma once
/// A running server: every part, in the order in which they are made and let go.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "kbs/config/config.h"

namespace kbs::server {

/// Owns all parts and threads. Used from the main thread alone.
class Instance {
 public:
  /// Builds and starts everything, or says what is wrong. Logs `listening` with each address.
  static Result<std::unique_ptr<Instance>> start(const config::Config& config);
  virtual ~Instance() = default;
  virtual std::vector<std::string> addresses() const = 0;
  /// Reopens what log rotation moves (the audit file).
  virtual void reopen_logs() = 0;
  /// Lets requests under way finish until `grace` has passed.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace kbs::server
