#include "crash/killing_files.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

namespace kbs::crash {

std::string_view to_string(Point point) noexcept {
  constexpr std::string_view kNames[kPoints] = {
      "none", "create", "write", "fsync of a file", "fsync of a directory", "mkdir", "rename",
      "link", "unlink", "rmdir", "set mtime",       "set attribute",        "lock"};
  return kNames[static_cast<std::size_t>(point)];
}

std::string_view to_string(When when) noexcept {
  constexpr std::string_view kNames[] = {"before", "after", "halfway through"};
  return kNames[static_cast<std::size_t>(when)];
}

bool KillingFiles::is_time(Point point) { return point == at_.point && ++count_ == at_.nth; }

void KillingFiles::die() {
  ++deaths_[static_cast<std::size_t>(at_.point)][static_cast<std::size_t>(at_.when)];
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <class Call>
auto KillingFiles::pass(Point point, Call call) {
  const bool last = is_time(point);
  if (last && at_.when == When::before) die();
  auto result = call();
  if (last) die();
  return result;
}

SysResult<Fd> KillingFiles::open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
  const auto call = [&] { return FileOps::open_beneath(dir, path, flags, mode); };
  return (flags & O_CREAT) ? pass(Point::create, call) : call();
}

SysResult<std::size_t> KillingFiles::write(int fd, std::span<const std::byte> from) {
  const bool half = at_.when == When::halfway;
  const auto call = [&] {
    const bool last = half && at_.point == Point::write && count_ == at_.nth;
    return FileOps::write(fd, last ? from.first(from.size() / 2) : from);
  };
  return pass(Point::write, call);
}

SysResult<> KillingFiles::fsync(int fd) {
  auto info = FileOps::fstat(fd);
  const bool directory = info && S_ISDIR(info->st_mode);
  return pass(directory ? Point::fsync_directory : Point::fsync_file,
              [&] { return FileOps::fsync(fd); });
}

SysResult<> KillingFiles::mkdir_at(int dir, const std::string& name, mode_t mode) {
  return pass(Point::mkdir, [&] { return FileOps::mkdir_at(dir, name, mode); });
}

SysResult<> KillingFiles::rename_at(int from_dir, const std::string& from, int to_dir,
                                    const std::string& to) {
  if (careless_) return rewrite(from_dir, from, to_dir, to);
  return pass(Point::rename, [&] { return FileOps::rename_at(from_dir, from, to_dir, to); });
}

SysResult<> KillingFiles::rewrite(int from_dir, const std::string& from, int to_dir,
                                  const std::string& to) {
  auto source = FileOps::open_beneath(from_dir, from, O_RDONLY, 0);
  auto target = FileOps::open_beneath(to_dir, to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!source || !target) return tl::unexpected(EIO);
  std::vector<std::byte> bytes(1u << 20);
  auto size = FileOps::pread(source->get(), bytes, 0);
  if (!size) return tl::unexpected(size.error());
  const auto all = std::span<const std::byte>(bytes).first(*size);
  (void)FileOps::write(target->get(), all.first(*size / 2));
  return pass(Point::rename, [&]() -> SysResult<> {
    (void)FileOps::write(target->get(), all.subspan(*size / 2));
    return FileOps::unlink_at(from_dir, from, 0);
  });
}

SysResult<> KillingFiles::link_at(int from_dir, const std::string& from, int to_dir,
                                  const std::string& to) {
  return pass(Point::link, [&] { return FileOps::link_at(from_dir, from, to_dir, to); });
}

SysResult<> KillingFiles::unlink_at(int dir, const std::string& name, int flags) {
  return pass(flags & AT_REMOVEDIR ? Point::rmdir : Point::unlink,
              [&] { return FileOps::unlink_at(dir, name, flags); });
}

SysResult<> KillingFiles::set_mtime(int fd, const timespec& mtime) {
  return pass(Point::date, [&] { return FileOps::set_mtime(fd, mtime); });
}

SysResult<> KillingFiles::set_attribute(int fd, const char* name, std::string_view value) {
  return pass(Point::attribute, [&] { return FileOps::set_attribute(fd, name, value); });
}

SysResult<> KillingFiles::try_lock(int fd, off_t at) {
  return pass(Point::lock, [&] { return FileOps::try_lock(fd, at); });
}

}  // namespace kbs::crash
