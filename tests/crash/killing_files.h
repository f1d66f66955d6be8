#pragma once
/// A file layer in which the process kills itself at a chosen operation.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/file.h"

namespace kbs::crash {

/// The operations at which one can die.
enum class Point : std::uint8_t {
  none,
  create,
  write,
  fsync_file,
  fsync_directory,
  mkdir,
  rename,
  link,
  unlink,
  rmdir,
  date,
  attribute,
  lock
};
inline constexpr std::size_t kPoints = 13;
std::string_view to_string(Point point) noexcept;

enum class When : std::uint8_t { before, after, halfway };  ///< halfway: half the bytes of a write
std::string_view to_string(When when) noexcept;

struct FailPoint {
  Point point = Point::none;
  When when = When::before;
  unsigned nth = 0;  ///< the first is 1
};

/// How often somebody died where; in memory that outlives them.
using Deaths = std::array<std::array<std::atomic<std::uint32_t>, 3>, kPoints>;

/// Thread-safe: all threads of the process count together.
class KillingFiles final : public FileOps {
 public:
  /// `deaths` outlives the process.
  KillingFiles(const FailPoint& at, Deaths& deaths) : at_(at), deaths_(deaths) {}
  /// From here on a rename is no rename: it rewrites the target in place, in two pieces. A check
  /// that does not see this sees nothing.
  void be_careless() { careless_ = true; }

  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override;
  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override;
  SysResult<> fsync(int fd) override;
  SysResult<> mkdir_at(int dir, const std::string& name, mode_t mode) override;
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override;
  SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                      const std::string& to) override;
  SysResult<> unlink_at(int dir, const std::string& name, int flags) override;
  SysResult<> set_mtime(int fd, const timespec& mtime) override;
  SysResult<> set_attribute(int fd, const char* name, std::string_view value) override;
  SysResult<> try_lock(int fd, off_t at) override;

 private:
  /// Performs `call`, unless it is time to die before it.
  template <class Call>
  auto pass(Point point, Call call);
  bool is_time(Point point);
  [[noreturn]] void die();
  SysResult<> rewrite(int from_dir, const std::string& from, int to_dir, const std::string& to);

  const FailPoint at_;
  Deaths& deaths_;
  std::atomic<unsigned> count_{0};
  bool careless_ = false;
};

}  // namespace kbs::crash
