// open_beneath: by openat2, or by a walk of our own.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>

#include "base/open_beneath_walk.h"

namespace kbs {
namespace {

constexpr int kMaxLinks = 40;            // as many as Linux follows
constexpr int kMaxTriesOnEagain = 1000;  // openat2 asks for a retry when a rename raced with a ".."

SysResult<Fd> open_one(int dir, const std::string& name, int flags, mode_t mode) {
  for (;;) {
    const int fd = ::openat(dir, name.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno != EINTR) return tl::unexpected(errno);
  }
}

/// The target of the symlink `name`, or EINVAL when it is none.
SysResult<std::string> read_link(int dir, const std::string& name) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlinkat(dir, name.c_str(), target.data(), target.size());
  if (size < 0) return tl::unexpected(errno);
  if (static_cast<std::size_t>(size) == target.size()) return tl::unexpected(ENAMETOOLONG);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

class Walk {
 public:
  explicit Walk(int root) : root_(root) {}

  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) {
    if (path.empty()) return tl::unexpected(ENOENT);
    if (int err = push_names(path)) return tl::unexpected(err);
    while (!names_.empty()) {
      std::string name = std::move(names_.back());
      names_.pop_back();
      const bool last = names_.empty();
      if (name == "..") {
        if (entered_.empty()) return tl::unexpected(EXDEV);
        entered_.pop_back();
      }
      if (name == "." || name == "..") {
        if (last) return open_one(here(), ".", flags, mode);
        continue;
      }
      if (!last) {
        if (int err = enter(name)) return tl::unexpected(err);
        continue;
      }
      SysResult<Fd> opened = open_last(name, flags, mode);
      if (opened || opened.error() != 0) return opened;
    }
    return tl::unexpected(ENOENT);
  }

 private:
  int here() const { return entered_.empty() ? root_ : entered_.back().get(); }

  /// Puts the names of `path` on top, to be walked next. 0 or an errno.
  int push_names(std::string_view path) {
    if (path.starts_with('/')) return EXDEV;
    // Back to front, as a stack wants them; a trailing slash asks for a directory, which "." stands
    // for.
    if (path.ends_with('/')) names_.emplace_back(".");
    while (!path.empty()) {
      const std::size_t slash = path.rfind('/');
      const std::size_t start = slash == std::string_view::npos ? 0 : slash + 1;
      if (start < path.size()) names_.emplace_back(path.substr(start));
      path = path.substr(0, start == 0 ? 0 : slash);
    }
    return 0;
  }

  /// Replaces `name` by what it points to. 0 or an errno: `otherwise` when it is no symlink.
  int follow(const std::string& name, int otherwise) {
    SysResult<std::string> target = read_link(here(), name);
    if (!target) return target.error() == EINVAL ? otherwise : target.error();
    if (++links_ > kMaxLinks) return ELOOP;
    return target->empty() ? ENOENT : push_names(*target);
  }

  int enter(const std::string& name) {
    SysResult<Fd> opened = open_one(here(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (opened) {
      entered_.push_back(std::move(*opened));
      return 0;
    }
    // With O_DIRECTORY a symlink is ENOTDIR.
    const bool maybe_link = opened.error() == ENOTDIR || opened.error() == ELOOP;
    return maybe_link ? follow(name, opened.error()) : opened.error();
  }

  /// The file; or the error 0 when it was a symlink whose target is to be walked now.
  SysResult<Fd> open_last(const std::string& name, int flags, mode_t mode) {
    SysResult<Fd> opened = open_one(here(), name, flags | O_NOFOLLOW, mode);
    if (flags & O_NOFOLLOW) return opened;
    int err = 0;
    if (opened) {
      if (!(flags & O_PATH)) return opened;
      struct stat st{};  // O_PATH with O_NOFOLLOW opens a symlink itself
      if (::fstat(opened->get(), &st) != 0) return tl::unexpected(errno);
      if (!S_ISLNK(st.st_mode)) return opened;
    } else {
      err = opened.error();
      if (err != ELOOP && err != ENOTDIR) return opened;
    }
    return tl::unexpected(follow(name, err == 0 ? ENOENT : err));
  }

  int root_;
  int links_ = 0;
  std::vector<Fd> entered_;         // the directories between the root and here
  std::vector<std::string> names_;  // yet to walk, the next one last
};

}  // namespace

SysResult<Fd> open_beneath_walk(int dir, const std::string& path, int flags, mode_t mode) {
  return Walk(dir).open(path, flags, mode);
}

SysResult<Fd> FileOps::open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
  static std::atomic<bool> missing{false};
  if (missing.load(std::memory_order_relaxed)) return open_beneath_walk(dir, path, flags, mode);
  struct open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0;;) {
    const long fd = ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno == EINTR || (errno == EAGAIN && ++tries < kMaxTriesOnEagain)) continue;
    if (errno == ENOSYS) missing = true;
    // Old seccomp filters answer EPERM to calls they do not know; an honest EPERM comes again from
    // the walk.
    if (errno == ENOSYS || errno == EPERM) return open_beneath_walk(dir, path, flags, mode);
    return tl::unexpected(errno);
  }
}

}  // namespace kbs
