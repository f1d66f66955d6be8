#pragma once
/// Keeps the writers of several processes apart: advisory locks (F_OFD_SETLK) on single bytes of
/// `<first root>/.history/.lock`. The writers of one process are kept apart by `lock_writers`.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "storage/files.h"
#include "storage/local_fs/root_directory.h"

namespace kbs::storage::local_fs {

/// The byte of a resource; several share one. The same in every build.
unsigned lock_slot(std::string_view path) noexcept;

class ProcessLock;

/// The lock file, kept open. Thread-safe.
class LockFile {
 public:
  explicit LockFile(std::chrono::milliseconds wait) : wait_(wait) {}
  /// Waits for other processes, but not for ever: then `unavailable`. The caller holds the mutex of
  /// that slot: two locks of one byte by one descriptor would both be had. Where locks are not
  /// supported, or the lock file cannot be made for want of permission, it warns once and goes on
  /// without.
  Result<ProcessLock> lock(FileOps& files, const Directory& root, const std::string& path,
                           bool quiet = false);

 private:
  using File = std::shared_ptr<const Fd>;
  Step<File> open(FileOps& files, const Directory& root);
  void forget(const File& file);

  const std::chrono::milliseconds wait_;
  std::mutex mutex_;
  Directory root_;  ///< in which `file_` lies
  File file_;
  std::atomic<bool> warned_{false};
};

/// One byte, locked. Unlocks when it goes.
class ProcessLock {
 public:
  ProcessLock(ProcessLock&& other) noexcept;
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

  /// The newest modification time of the values destroyed in this directory, so that a version id
  /// never comes twice; 0 when unknown.
  std::int64_t floor() const noexcept { return floor_; }
  /// Raises it. Best effort.
  void raise_floor(std::int64_t time);

 private:
  friend class LockFile;
  ProcessLock(FileOps& files, unsigned slot) : files_(&files), slot_(slot) {}

  FileOps* files_;
  unsigned slot_;
  std::shared_ptr<const Fd> file_;  ///< none where there are no locks
  std::int64_t floor_ = 0;
};

}  // namespace kbs::storage::local_fs
