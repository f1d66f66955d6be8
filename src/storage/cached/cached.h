#pragma once
/// A bounded cache in front of a slow backend. Reads of current values only.

#include <chrono>
#include <cstdint>

#include "storage/backend.h"
#include "storage/key_value.h"

namespace kbs::storage::cached {

struct Options {
  std::chrono::milliseconds ttl{30'000};
  std::chrono::milliseconds negative_ttl{0};  ///< how long `not_found` is believed; 0 = not at all
  std::chrono::milliseconds stale_on_error{0};  ///< after `ttl`, how long a value is served while
                                                ///< the backend is `unavailable`; 0 = not at all
  std::uint64_t max_bytes = 64u << 20;          ///< values, names and bookkeeping together
};

/// Keeps values (wiped on eviction, least recently used first) for `ttl`, never past their
/// `not_after`. Concurrent reads of one absent entry ask the backend once, and each caller keeps
/// its own cancellation. Writes, removals and every other change through it drop the entry before
/// and after; changes by other hands drop it where the backend notices them. An answer that was
/// under way when a change came is not kept. Reads of a named version and all else pass through.
/// Thread-safe.
BackendPtr make(BackendPtr inner, const Options& options, const Clock& clock);

}  // namespace kbs::storage::cached
