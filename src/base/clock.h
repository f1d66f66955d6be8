#pragma once
/// Time is injected: whatever expires can be tested at any date.

#include <chrono>
#include <cstdint>

namespace kbs {

using SysTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Two clocks. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall-clock time, for expiry and records.
  virtual SysTime now() const = 0;
  /// Monotonic time, for deadlines and latencies.
  virtual SteadyTime steady_now() const = 0;
};

/// The machine's clocks.
const Clock& system_clock();

/// Whole seconds since the epoch: NumericDate of RFC 7519.
inline std::int64_t unix_seconds(SysTime t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

}  // namespace kbs
