#pragma once
/// How the backends of the mounts are doing: calls, failures by kind, latency.

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kbs/metrics/exposition.h"
#include "kbs/metrics/instruments.h"

namespace kbs::metrics {

/// Thread-safe. Mounts come from the configuration: few, and never a stranger's choice.
class MountCounts {
 public:
  /// `operation` is one of those of `storage::MountObserver`; any other counts as "other".
  void called(std::string_view mount, std::string_view operation, std::chrono::microseconds took,
              const ErrorKind* failure);
  /// Series of what happened; a mount or operation that was never called has none.
  void expose(Exposition& out) const;

 private:
  static constexpr std::array<std::string_view, 10> kOperations = {
      "read",     "write",   "remove",  "undelete", "list",
      "versions", "destroy", "replace", "health",   "other"};
  struct Calls {
    Histogram duration{kNanoseconds, 1e9};
    std::array<Count, static_cast<std::size_t>(ErrorKind::internal) + 1> errors{};
  };
  using Mount = std::array<Calls, kOperations.size()>;

  Mount& at(std::string_view mount);

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::unique_ptr<Mount>, std::less<>> mounts_;
};

}  // namespace kbs::metrics
