#include "kbs/metrics/instruments.h"

namespace kbs::metrics {

void Histogram::observe(std::uint64_t value) noexcept {
  std::size_t at = 0;
  while (at < bounds_.size() && value > bounds_[at].value) ++at;
  counts_[at].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Reading Histogram::read() const {
  Reading reading;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    reading.count += counts_[i].load(std::memory_order_relaxed);
    reading.buckets.emplace_back(bounds_[i].label, reading.count);
  }
  // The total is the sum of what was just read, not a counter beside it: buckets and count always
  // agree.
  reading.count += counts_[bounds_.size()].load(std::memory_order_relaxed);
  reading.sum = static_cast<double>(sum_.load(std::memory_order_relaxed)) / unit_;
  return reading;
}

}  // namespace kbs::metrics
