#pragma once
/// A file layer that can be told to fail, and that remembers what it was asked.

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"

namespace kbs::storage::testing {

/// One operation: "rename .kbs-tmp-… 1" without descriptors. Thread-safe.
class FaultyFiles final : public FileOps {
 public:
  /// Fails the `nth` operation from now (1 is the next) with `error`; 0 fails none. Starts a new
  /// record.
  void fail_nth(int nth, int error);
  /// Fails every operation whose text begins with `beginning`.
  void fail_all(std::string beginning, int error);
  /// Short writes: at most this many bytes go out at once.
  void limit_writes(std::size_t bytes);
  /// Calls `call` before every operation whose text begins with `beginning`. Not while others are
  /// at work.
  void before(std::string beginning, std::function<void()> call);
  /// What was asked since the last `fail_nth`, in order, the failed one included.
  std::vector<std::string> record() const;
  /// Whether the fault came to pass.
  bool failed() const;

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
  /// Notes the operation; 0, or the errno it fails with.
  int ask(std::string operation);

  mutable std::mutex lock_;
  std::vector<std::string> record_;
  int countdown_ = 0;
  int error_ = 0;
  bool failed_ = false;
  std::string beginning_;
  int beginning_error_ = 0;
  std::size_t write_limit_ = SIZE_MAX;
  std::string before_;
  std::function<void()> call_;
};

}  // namespace kbs::storage::testing
