#include "storage/local_fs/process_lock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "storage/local_fs/history.h"

namespace kbs::storage::local_fs {
namespace {

constexpr unsigned kSlots = 4096;
/// Of whoever raises the floor.
constexpr off_t kFloorSlot = kSlots;
constexpr const char* kLockPath = ".history/.lock";
constexpr auto kFloorWait = std::chrono::seconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(20);
constexpr std::int64_t kSecond = 1'000'000'000;

bool is_unsupported(int error) noexcept {
  return error == ENOLCK || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS;
}
/// Then the operation itself will say so, if it needs what we lack.
bool is_refused(int error) noexcept {
  return error == EACCES || error == EPERM || error == EROFS || error == ENOTDIR ||
         error == EISDIR || error == ELOOP;
}

Step<Fd> open_lock(FileOps& files, int root) {
  for (int attempt = 0;; ++attempt) {
    auto file =
        files.open_beneath(root, kLockPath, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file) return std::move(*file);
    if (file.error() != ENOENT || attempt > 0) {
      return tl::unexpected(Failure{file.error(), "open the lock file"});
    }
    const std::array<std::string, 1> own = {kHistory};
    if (auto made = make_plain(files, root, own); !made) return made;
  }
}

/// EAGAIN when it took too long. Slept, not measured: a clock that a test holds still must not make
/// it endless.
SysResult<> wait_for(FileOps& files, int fd, off_t at, std::chrono::milliseconds longest) {
  using std::chrono::milliseconds;
  milliseconds waited{0};
  milliseconds pause{1};
  for (;;) {
    auto locked = files.try_lock(fd, at);
    if (locked || locked.error() != EAGAIN || waited >= longest) return locked;
    std::this_thread::sleep_for(pause);
    waited += pause;
    pause = std::min<milliseconds>(pause * 2, kLongestPause);
  }
}

}  // namespace

unsigned lock_slot(std::string_view path) noexcept {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash % kSlots;
}

Step<LockFile::File> LockFile::open(FileOps& files, const Directory& root) {
  {
    const std::lock_guard guard(mutex_);
    if (file_ && root_ == root) return file_;
  }
  auto opened = open_lock(files, root->get());
  if (!opened) return tl::unexpected(opened.error());
  auto file = std::make_shared<const Fd>(std::move(*opened));
  const std::lock_guard guard(mutex_);
  // Of several that open it at once all must use one, or they would wait for each other.
  if (file_ && root_ == root) return file_;
  root_ = root;
  file_ = file;
  return file;
}

void LockFile::forget(const File& file) {
  const std::lock_guard guard(mutex_);
  if (file_ == file) file_.reset();
}

Result<ProcessLock> LockFile::lock(FileOps& files, const Directory& root, const std::string& path,
                                   bool quiet) {
  constexpr const char* kFailed = "cannot change the resource";
  ProcessLock lock(files, lock_slot(path));
  for (;;) {
    auto file = open(files, root);
    auto locked = file ? wait_for(files, (*file)->get(), lock.slot_, wait_)
                       : SysResult<>(tl::unexpected(file.error().error));
    if (!locked && locked.error() == EAGAIN) {
      return fail(ErrorKind::unavailable,
                  "cannot change the resource: another process holds its lock; ask again", path);
    }
    if (!locked && (file ? is_unsupported(locked.error()) : is_refused(locked.error()))) {
      if (!quiet && !warned_.exchange(true)) {
        KBS_LOG(warn, "storage",
                "no locks in this directory: let no other process write to it while this one runs",
                {{"step", file ? "lock" : "open the lock file"}, {"errno", locked.error()}});
      }
      return lock;
    }
    if (!locked) return fail(Failure{locked.error(), "lock"}, kFailed, path);
    lock.file_ = *file;
    auto info = files.fstat((*file)->get());
    if (!info) return fail(Failure{info.error(), "stat"}, kFailed, path);
    // Somebody cleared `.history` away: others lock another file by now.
    if (info->st_nlink == 0) {
      (void)files.unlock((*file)->get(), lock.slot_);
      lock.file_.reset();
      forget(*file);
      continue;
    }
    const std::int64_t noted = nanoseconds(info->st_mtim);
    if (noted <= nanoseconds(info->st_ctim) + kSecond) lock.floor_ = noted;
    return lock;
  }
}

ProcessLock::ProcessLock(ProcessLock&& other) noexcept
    : files_(other.files_),
      slot_(other.slot_),
      file_(std::move(other.file_)),
      floor_(other.floor_) {}

ProcessLock::~ProcessLock() {
  if (file_) (void)files_->unlock(file_->get(), slot_);
}

void ProcessLock::raise_floor(std::int64_t time) {
  static std::mutex others;  // a second lock by the same descriptor would be had at once
  const std::lock_guard guard(others);
  if (!file_ || !wait_for(*files_, file_->get(), kFloorSlot, kFloorWait)) return;
  auto info = files_->fstat(file_->get());
  if (info && nanoseconds(info->st_mtim) < time &&
      files_->set_mtime(file_->get(), {time / kSecond, time % kSecond})) {
    // The date of a value from the future must not spread to all that are written later.
    info = files_->fstat(file_->get());
    if (info && time > nanoseconds(info->st_ctim) + kSecond) {
      (void)files_->set_mtime(file_->get(), info->st_ctim);
    }
  }
  (void)files_->unlock(file_->get(), kFloorSlot);
}

}  // namespace kbs::storage::local_fs
