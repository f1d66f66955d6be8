#include "crash/flaky_files.h"

#include <fcntl.h>

#include <algorithm>

namespace kbs::crash {

SysResult<Fd> FlakyFiles::open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
  if (int error = ask(flags & O_CREAT ? Call::create : Call::look)) return tl::unexpected(error);
  return FileOps::open_beneath(dir, path, flags, mode);
}

SysResult<Fd> FlakyFiles::open(const std::string& path, int flags, mode_t mode) {
  if (int error = ask(flags & O_CREAT ? Call::create : Call::look)) return tl::unexpected(error);
  return FileOps::open(path, flags, mode);
}

SysResult<struct stat> FlakyFiles::fstat(int fd) {
  if (int error = ask(Call::look)) return tl::unexpected(error);
  return FileOps::fstat(fd);
}

SysResult<struct stat> FlakyFiles::lstat_at(int dir, const std::string& name) {
  if (int error = ask(Call::look)) return tl::unexpected(error);
  return FileOps::lstat_at(dir, name);
}

SysResult<std::size_t> FlakyFiles::pread(int fd, std::span<std::byte> into, off_t offset) {
  if (int error = ask(Call::read)) return tl::unexpected(error);
  return FileOps::pread(fd, into, offset);
}

SysResult<std::size_t> FlakyFiles::write(int fd, std::span<const std::byte> from) {
  if (int error = ask(Call::write)) return tl::unexpected(error);
  return FileOps::write(fd, from.first(std::min(from.size(), longest_write_)));
}

SysResult<> FlakyFiles::fsync(int) {
  if (int error = ask(Call::sync)) return tl::unexpected(error);
  return {};  // what a sync keeps is the business of other tests
}

SysResult<> FlakyFiles::mkdir_at(int dir, const std::string& name, mode_t mode) {
  if (int error = ask(Call::create)) return tl::unexpected(error);
  return FileOps::mkdir_at(dir, name, mode);
}

SysResult<> FlakyFiles::rename_at(int from_dir, const std::string& from, int to_dir,
                                  const std::string& to) {
  if (int error = ask(Call::rename)) return tl::unexpected(error);
  return FileOps::rename_at(from_dir, from, to_dir, to);
}

SysResult<> FlakyFiles::link_at(int from_dir, const std::string& from, int to_dir,
                                const std::string& to) {
  if (int error = ask(Call::rename)) return tl::unexpected(error);
  return FileOps::link_at(from_dir, from, to_dir, to);
}

SysResult<> FlakyFiles::unlink_at(int dir, const std::string& name, int flags) {
  if (int error = ask(Call::unlink)) return tl::unexpected(error);
  return FileOps::unlink_at(dir, name, flags);
}

SysResult<> FlakyFiles::set_mtime(int fd, const timespec& mtime) {
  if (int error = ask(Call::rename)) return tl::unexpected(error);
  return FileOps::set_mtime(fd, mtime);
}

SysResult<std::string> FlakyFiles::get_attribute(int fd, const char* name) {
  if (int error = ask(Call::look)) return tl::unexpected(error);
  return FileOps::get_attribute(fd, name);
}

SysResult<> FlakyFiles::set_attribute(int fd, const char* name, std::string_view value) {
  if (int error = ask(Call::write)) return tl::unexpected(error);
  return FileOps::set_attribute(fd, name, value);
}

SysResult<> FlakyFiles::try_lock(int fd, off_t at) {
  if (int error = ask(Call::look)) return tl::unexpected(error);
  return FileOps::try_lock(fd, at);
}

SysResult<std::vector<std::string>> FlakyFiles::list(int dir_fd) {
  if (int error = ask(Call::look)) return tl::unexpected(error);
  return FileOps::list(dir_fd);
}

}  // namespace kbs::crash
