#pragma once
/// A file layer on which every call asks its fate first.

#include <atomic>
#include <functional>

#include "base/file.h"

namespace kbs::crash {

/// What a call is to the disk under it.
enum class Call : std::uint8_t {
  look,    ///< open, stat, list, attributes and locks: needs a descriptor or nothing
  read,    ///< of bytes
  create,  ///< of a file or directory
  write,   ///< of bytes or attributes
  rename,  ///< rename, link, date
  unlink,
  sync
};

/// Thread-safe as far as `fate` is; set it while nobody is at work.
class FlakyFiles final : public FileOps {
 public:
  using Fate = std::function<int(Call call)>;  ///< 0, or the errno
  void set_fate(Fate fate) { fate_ = std::move(fate); }
  /// At most so many bytes go out at once.
  void set_longest_write(std::size_t bytes) { longest_write_ = bytes; }

  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override;
  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) override;
  SysResult<struct stat> fstat(int fd) override;
  SysResult<struct stat> lstat_at(int dir, const std::string& name) override;
  SysResult<std::size_t> pread(int fd, std::span<std::byte> into, off_t offset) override;
  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override;
  SysResult<> fsync(int fd) override;
  SysResult<> mkdir_at(int dir, const std::string& name, mode_t mode) override;
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override;
  SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                      const std::string& to) override;
  SysResult<> unlink_at(int dir, const std::string& name, int flags) override;
  SysResult<> set_mtime(int fd, const timespec& mtime) override;
  SysResult<std::string> get_attribute(int fd, const char* name) override;
  SysResult<> set_attribute(int fd, const char* name, std::string_view value) override;
  SysResult<> try_lock(int fd, off_t at) override;
  SysResult<std::vector<std::string>> list(int dir_fd) override;

 private:
  int ask(Call call) const { return fate_ ? fate_(call) : 0; }

  Fate fate_;
  std::size_t longest_write_ = SIZE_MAX;
};

}  // namespace kbs::crash
