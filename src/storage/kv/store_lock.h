#pragma once
/// One writer at a time, among all processes that share a directory.

#include <chrono>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace kbs::storage::kv {

/// The name of the file that is locked; it stays, because removing it would let two in.
inline constexpr const char* kLockFile = ".kbs-lock";

/// An advisory lock, held while it lives. Blocks: for the pool.
class StoreLock {
 public:
  /// `unavailable` when another process has it for longer than `limit`, or where the file system
  /// knows no locks. `subject` is for the operator's log.
  static Result<StoreLock> take(FileOps& files, int dir, std::chrono::milliseconds limit,
                                const std::string& subject);

 private:
  explicit StoreLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;  ///< closing it is what unlocks
};

}  // namespace kbs::storage::kv
