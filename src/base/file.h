#pragma once
/// Files, durably and without surprises. Every system call of storage goes through `FileOps`, so
/// that tests can record the order of operations, drop what was not synced, and make any of them
/// fail.

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kbs {

/// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// The value, or an errno.
template <class T = void>
using SysResult = tl::expected<T, int>;

/// The system calls that storage makes, one method each. Thread-safe. EINTR is retried inside.
class FileOps {
 public:
  virtual ~FileOps() = default;
  /// openat2 with RESOLVE_BENEATH (and O_CLOEXEC): `path` and every symlink in it stay below `dir`;
  /// EAGAIN is retried; where the kernel lacks openat2, an equivalent walk. EXDEV when the path
  /// leaves `dir`.
  virtual SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode = 0);
  virtual SysResult<Fd> open(const std::string& path, int flags, mode_t mode = 0);
  virtual SysResult<struct stat> fstat(int fd);
  virtual SysResult<struct stat> lstat_at(int dir, const std::string& name);
  virtual SysResult<std::size_t> pread(int fd, std::span<std::byte> into, off_t offset);
  virtual SysResult<std::size_t> write(int fd, std::span<const std::byte> from);
  virtual SysResult<> fsync(int fd);
  virtual SysResult<> fdatasync(int fd);
  virtual SysResult<> mkdir_at(int dir, const std::string& name, mode_t mode);
  virtual SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                                const std::string& to);
  virtual SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                              const std::string& to);
  virtual SysResult<> unlink_at(int dir, const std::string& name, int flags = 0);
  /// futimens: sets the time of last modification, leaves that of access alone.
  virtual SysResult<> set_mtime(int fd, const timespec& mtime) {
    const timespec times[2] = {{0, UTIME_OMIT}, mtime};
    if (::futimens(fd, times) != 0) return tl::unexpected(errno);
    return {};
  }
  /// Extended attribute `name` of an open file; ENODATA when it has none, EOPNOTSUPP where the file
  /// system keeps none, ERANGE over 4 KiB.
  virtual SysResult<std::string> get_attribute(int fd, const char* name);
  virtual SysResult<> set_attribute(int fd, const char* name, std::string_view value);
  /// Takes the advisory lock (F_OFD_SETLK, exclusive) on the byte `at`, without waiting: EAGAIN
  /// while another open file description has it. It goes with `unlock` or the descriptor.
  virtual SysResult<> try_lock(int fd, off_t at);
  virtual SysResult<> unlock(int fd, off_t at);
  /// Names in a directory, without "." and "..", unordered.
  virtual SysResult<std::vector<std::string>> list(int dir_fd);
};

/// The real system calls.
FileOps& system_files();

/// An errno as an Error: ENOENT and ENOTDIR are `not_found`, ENOSPC, EDQUOT, EIO, EMFILE, ENFILE
/// and EROFS `unavailable`, EACCES and EPERM `unavailable` too (ours to mend, not the client's),
/// ENAMETOOLONG `invalid_request`, the rest `internal`. `what` says what we were doing: "open
/// policy file".
Error error_from_errno(int err, std::string_view what,
                       boost::source_location where = BOOST_CURRENT_LOCATION);

/// Reads a regular file whole, for configuration and keys. Refuses directories, FIFOs and devices
/// without hanging on them, and files over `limit` bytes; the message names `path` and the remedy.
Result<std::string> read_file(const std::string& path, std::size_t limit = 16u << 20);

/// Replaces `path` durably: temporary file beside it (`mode`), fsync, rename, fsync of the
/// directory.
Result<> write_file_durably(FileOps& files, const std::string& path,
                            std::span<const std::byte> bytes, mode_t mode = 0600);

}  // namespace kbs
