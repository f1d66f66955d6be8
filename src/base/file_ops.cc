// The system calls of FileOps, EINTR retried.
#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"

namespace kbs {
namespace {

/// Calls until it is not interrupted: the result, or errno.
template <class Call>
auto retried(Call call) -> SysResult<decltype(call())> {
  for (;;) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return tl::unexpected(errno);
  }
}

template <class Call>
SysResult<> done(Call call) {
  if (auto result = retried(call); !result) return tl::unexpected(result.error());
  return {};
}

SysResult<> set_lock(int fd, off_t at, short type) {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = at;
  range.l_len = 1;
  auto locked = done([&] { return ::fcntl(fd, F_OFD_SETLK, &range); });
  if (!locked && locked.error() == EACCES) return tl::unexpected(EAGAIN);  // POSIX allows either
  return locked;
}

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0)
    ::close(fd_);  // what must be durable was synced; Linux frees the number whatever close says
}

SysResult<Fd> FileOps::open(const std::string& path, int flags, mode_t mode) {
  const auto fd = retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (!fd) return tl::unexpected(fd.error());
  return Fd(*fd);
}

SysResult<struct stat> FileOps::fstat(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return tl::unexpected(errno);
  return st;
}

SysResult<struct stat> FileOps::lstat_at(int dir, const std::string& name) {
  struct stat st{};
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return tl::unexpected(errno);
  return st;
}

SysResult<std::size_t> FileOps::pread(int fd, std::span<std::byte> into, off_t offset) {
  const auto size = retried([&] { return ::pread(fd, into.data(), into.size(), offset); });
  if (!size) return tl::unexpected(size.error());
  return static_cast<std::size_t>(*size);
}

SysResult<std::size_t> FileOps::write(int fd, std::span<const std::byte> from) {
  const auto size = retried([&] { return ::write(fd, from.data(), from.size()); });
  if (!size) return tl::unexpected(size.error());
  return static_cast<std::size_t>(*size);
}

SysResult<> FileOps::fsync(int fd) {
  return done([&] { return ::fsync(fd); });
}

SysResult<> FileOps::fdatasync(int fd) {
  return done([&] { return ::fdatasync(fd); });
}

SysResult<> FileOps::mkdir_at(int dir, const std::string& name, mode_t mode) {
  return done([&] { return ::mkdirat(dir, name.c_str(), mode); });
}

SysResult<> FileOps::rename_at(int from_dir, const std::string& from, int to_dir,
                               const std::string& to) {
  return done([&] { return ::renameat(from_dir, from.c_str(), to_dir, to.c_str()); });
}

SysResult<> FileOps::link_at(int from_dir, const std::string& from, int to_dir,
                             const std::string& to) {
  return done([&] { return ::linkat(from_dir, from.c_str(), to_dir, to.c_str(), 0); });
}

SysResult<> FileOps::unlink_at(int dir, const std::string& name, int flags) {
  return done([&] { return ::unlinkat(dir, name.c_str(), flags); });
}

SysResult<std::string> FileOps::get_attribute(int fd, const char* name) {
  char value[4096];
  const auto size = retried([&] { return ::fgetxattr(fd, name, value, sizeof value); });
  if (!size) return tl::unexpected(size.error());
  return std::string(value, static_cast<std::size_t>(*size));
}

SysResult<> FileOps::set_attribute(int fd, const char* name, std::string_view value) {
  return done([&] { return ::fsetxattr(fd, name, value.data(), value.size(), 0); });
}

SysResult<> FileOps::try_lock(int fd, off_t at) { return set_lock(fd, at, F_WRLCK); }
SysResult<> FileOps::unlock(int fd, off_t at) { return set_lock(fd, at, F_UNLCK); }

SysResult<std::vector<std::string>> FileOps::list(int dir_fd) {
  // A descriptor of its own: a copy would share, and move, the caller's place in the directory.
  const auto fd =
      retried([&] { return ::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (!fd) return tl::unexpected(fd.error());
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(*fd));
  if (!dir) {
    const int err = errno;
    ::close(*fd);
    return tl::unexpected(err);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;  // null means the end or an error: only errno tells
    const dirent* entry =
        ::readdir(dir.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return tl::unexpected(errno);
  return names;
}

FileOps& system_files() {
  static FileOps files;
  return files;
}

}  // namespace kbs
