#pragma once
/// What counts. All of it thread-safe; counting is a few relaxed atomic additions.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kbs::metrics {

using Count = std::atomic<std::uint64_t>;

/// A distribution over fixed bounds. Values are whole numbers of a small unit (nanoseconds, bytes).
class Histogram {
 public:
  /// An upper bound as a number, and as the label says it.
  struct Bound {
    std::uint64_t value;
    std::string_view label;
  };
  static constexpr std::size_t kMaxBounds = 8;

  /// `bounds` ascend, at most `kMaxBounds`, and outlive this. A sum is shown divided by `unit`.
  Histogram(std::span<const Bound> bounds, double unit) : bounds_(bounds), unit_(unit) {}
  void observe(std::uint64_t value) noexcept;

  struct Reading {
    std::vector<std::pair<std::string_view, std::uint64_t>> buckets;  ///< cumulative
    std::uint64_t count = 0;  ///< never below the last bucket
    double sum = 0;
  };
  Reading read() const;

 private:
  std::span<const Bound> bounds_;
  double unit_;
  std::array<Count, kMaxBounds + 1>
      counts_{};  ///< the one behind the bounds counts what is above them all
  Count sum_{0};
};

/// The bounds of every distribution of durations here, whose values are nanoseconds.
inline constexpr std::array<Histogram::Bound, 7> kNanoseconds = {{{500'000, "0.0005"},
                                                                  {1'000'000, "0.001"},
                                                                  {5'000'000, "0.005"},
                                                                  {10'000'000, "0.01"},
                                                                  {50'000'000, "0.05"},
                                                                  {500'000'000, "0.5"},
                                                                  {1'000'000'000, "1"}}};

/// Counters by label value, so many values and no more: whoever can choose names must not fill our
/// memory. `N` counters share one table of values.
template <std::size_t N>
class Labelled {
 public:
  using Counts = std::array<Count, N>;
  static constexpr std::string_view kOther = "_other";  ///< what did not fit
  static constexpr std::size_t kMaxSize = 512;          ///< bytes of a value

  explicit Labelled(std::size_t max_values) : max_values_(max_values) {}

  /// The counters of `value`, or those of `_other`. They live as long as this.
  Counts& at(std::string_view value) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = values_.find(value); found != values_.end()) return *found->second;
      if (values_.size() >= max_values_) return other_;
    }
    if (value.size() > kMaxSize || value == kOther) return other_;
    const std::unique_lock lock(mutex_);
    if (const auto found = values_.find(value); found != values_.end()) return *found->second;
    if (values_.size() >= max_values_) return other_;
    return *values_.emplace(value, std::make_unique<Counts>()).first->second;
  }
  Counts& other() noexcept { return other_; }

  /// All values with their counters, sorted by value, `_other` included. Entries are never removed,
  /// so the lock is held for a copy of pointers only.
  std::vector<std::pair<std::string_view, const Counts*>> list() const {
    std::vector<std::pair<std::string_view, const Counts*>> all;
    {
      const std::shared_lock lock(mutex_);
      all.reserve(values_.size() + 1);
      for (const auto& [value, counts] : values_) all.emplace_back(value, counts.get());
    }
    all.emplace_back(kOther, &other_);
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };

  const std::size_t max_values_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Counts>, Hash, std::equal_to<>> values_;
  Counts other_{};
};

}  // namespace kbs::metrics
