#pragma once
/// Resources in memory: gone at exit. Sharded, wiped, bounded. The reference implementation of
/// every capability: what it does in a corner is what the interface means.

#include "storage/backend.h"

namespace kbs::storage::memory {

struct Options {
  /// Room for values, earlier ones too, and names; `unavailable` when full, never an eviction.
  std::uint64_t max_total_bytes = 1ull << 30;
  /// Earlier versions kept per resource; with 0 there are no `versions` and no `undelete`.
  unsigned versions = 10;
};
BackendPtr make(const Options& options, const Clock& clock);

}  // namespace kbs::storage::memory
