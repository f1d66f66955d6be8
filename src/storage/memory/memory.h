#pragma once
/// Resources in memory: gone at exit. Sharded, wiped, bounded.

#include "storage/backend.h"

namespace kbs::storage::memory {

struct Options {
  std::uint64_t max_total_bytes = 1ull << 30;  ///< `unavailable` when full; never an eviction
};
BackendPtr make(const Options& options, const Clock& clock);

}  // namespace kbs::storage::memory
