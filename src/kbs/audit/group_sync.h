#pragma once
/// Many coroutines wait, one fdatasync answers them all.

#include <memory>

#include "base/async.h"
#include "base/file.h"

namespace kbs::audit {

/// Thread-safe. At most one job is on the pool at a time, however many wait: what comes while it
/// syncs is answered by the sync after.
class GroupSync {
 public:
  GroupSync(FileOps& files, asio::thread_pool& pool);
  /// Returns when all that was written to `file` before the call is on the disk; `unavailable` when
  /// it could not be, or not before `deadline`. The coroutine resumes on its own executor.
  awaitable<Result<>> sync(std::shared_ptr<Fd> file, SteadyTime deadline);

 private:
  struct Waiter;
  struct Shared;
  static void work(Shared& shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace kbs::audit
