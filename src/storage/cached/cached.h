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
  /// After `ttl`, how long a value is served while the backend is `unavailable` or `rate_limited`;
  /// 0 = not at all.
  std::chrono::milliseconds stale_on_error{0};
  /// Values, names and bookkeeping together. A single value is kept up to 4 MiB, or a 64th of this
  /// if that is more.
  std::uint64_t max_bytes = 64u << 20;
  /// How long a caller waits for a backend that does not answer before it gets a value past its
  /// `ttl` (which `stale_on_error` must allow).
  std::chrono::milliseconds patience{2'000};
  std::chrono::milliseconds timeout{30'000};  ///< of one read of the backend, whoever waits for it
};

/// Keeps values (wiped on eviction, least recently used first) for `ttl` from the moment the
/// backend was asked, never past their `not_after`. Concurrent reads of one absent entry ask the
/// backend once, on the executor of the first; each caller keeps its own cancellation: the others
/// get their answer when one of them goes, and the read is cancelled when all have gone. Writes,
/// removals and every other change through it drop the entry before and after, whatever came of
/// them; changes by other hands drop it where the backend notices them. An answer that was under
/// way when a change came is not kept, and no later caller gets it. While a value past its `ttl` is
/// served, the backend is asked once a second. Reads of a named version, of the `_kbs` repository,
/// and all else pass through.
///
/// Thread-safe; executors as in storage/deadline.h. A change that was cut off by a deadline and
/// happens later is like one by other hands.
BackendPtr make(BackendPtr inner, const Options& options, const Clock& clock);

}  // namespace kbs::storage::cached
