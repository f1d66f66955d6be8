#pragma once
/// A clock that moves only when the test says so.

#include <atomic>

#include "base/clock.h"

namespace kbs::testing {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(SysTime start = SysTime{std::chrono::seconds{1785700000}})
      : micros_(start.time_since_epoch().count()) {}
  SysTime now() const override { return SysTime{std::chrono::microseconds{micros_.load()}}; }
  SteadyTime steady_now() const override {
    return SteadyTime{std::chrono::microseconds{micros_.load()}};
  }
  void advance(std::chrono::microseconds by) { micros_ += by.count(); }

 private:
  std::atomic<std::int64_t> micros_;
};

}  // namespace kbs::testing
