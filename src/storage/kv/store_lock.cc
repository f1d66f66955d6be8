#include "storage/kv/store_lock.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "storage/files.h"

namespace kbs::storage::kv {
namespace {

constexpr const char* kCannot = "cannot lock the store";

bool has_no_locks(int error) noexcept {
  return error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

}  // namespace

Result<StoreLock> StoreLock::take(FileOps& files, int dir, std::chrono::milliseconds limit,
                                  const std::string& subject) {
  auto fd = files.open_beneath(dir, kLockFile,
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (!fd) return fail(Failure{fd.error(), "open the lock file"}, kCannot, subject);
  // Not the waiting kind of lock: nothing could end that wait.
  const auto end = std::chrono::steady_clock::now() + limit;
  for (std::chrono::microseconds wait{200};;
       wait = std::min<std::chrono::microseconds>(wait * 2, std::chrono::milliseconds(20))) {
    auto locked = files.try_lock(fd->get(), 0);
    if (locked) return StoreLock(std::move(*fd));
    if (has_no_locks(locked.error())) {
      return fail(ErrorKind::unavailable,
                  "the file system of the store has no locks, so that it cannot be written safely: "
                  "move it to another",
                  subject);
    }
    if (locked.error() != EAGAIN) return fail(Failure{locked.error(), "lock"}, kCannot, subject);
    if (std::chrono::steady_clock::now() >= end) {
      return fail(ErrorKind::unavailable, "another process is writing to the store; ask again",
                  subject);
    }
    std::this_thread::sleep_for(wait);
  }
}

}  // namespace kbs::storage::kv
