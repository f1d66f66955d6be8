#pragma once
/// Looking at stores without touching them.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/file.h"
#include "storage/backend.h"

namespace kbs::server {

/// File operations that refuse whatever would change something: EROFS, as a read-only volume does,
/// and ENOENT for directories that would have to be made. Thread-safe.
class LookingFiles final : public FileOps {
 public:
  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override;
  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) override;
  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override;
  SysResult<> mkdir_at(int dir, const std::string& name, mode_t mode) override;
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override;
  SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                      const std::string& to) override;
  SysResult<> unlink_at(int dir, const std::string& name, int flags) override;
  SysResult<> set_mtime(int fd, const timespec& mtime) override;
  SysResult<> set_attribute(int fd, const char* name, std::string_view value) override;

  /// Something would have been made or written.
  bool refused() const noexcept { return refused_; }
  /// The first directory opened by its own path, which is where a store writes, if this process may
  /// not write to it; else "".
  std::string unwritable() const;

 private:
  tl::unexpected<int> refuse(int error) noexcept;

  std::atomic<bool> refused_{false};
  mutable std::mutex mutex_;
  bool met_directory_ = false;
  std::string unwritable_;
};

/// Reads go through to `inner`; whatever would change something is refused as `unavailable`, and
/// noted in `refused`, which outlives the backend.
storage::BackendPtr looking_backend(storage::BackendPtr inner, std::atomic<bool>& refused);

}  // namespace kbs::server
