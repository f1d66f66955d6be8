#include "storage/testing/faulty_files.h"

#include <algorithm>

namespace kbs::storage::testing {

void FaultyFiles::fail_nth(int nth, int error) {
  const std::lock_guard guard(lock_);
  record_.clear();
  countdown_ = nth;
  error_ = error;
  failed_ = false;
}

void FaultyFiles::fail_all(std::string beginning, int error) {
  const std::lock_guard guard(lock_);
  beginning_ = std::move(beginning);
  beginning_error_ = error;
}

void FaultyFiles::limit_writes(std::size_t bytes) {
  const std::lock_guard guard(lock_);
  write_limit_ = bytes;
}

std::vector<std::string> FaultyFiles::record() const {
  const std::lock_guard guard(lock_);
  return record_;
}

bool FaultyFiles::failed() const {
  const std::lock_guard guard(lock_);
  return failed_;
}

void FaultyFiles::before(std::string beginning, std::function<void()> call) {
  before_ = std::move(beginning);
  call_ = std::move(call);
}

int FaultyFiles::ask(std::string operation) {
  if (call_ && operation.starts_with(before_)) call_();
  const std::lock_guard guard(lock_);
  const bool chosen = beginning_error_ != 0 && operation.starts_with(beginning_);
  record_.push_back(std::move(operation));
  if (chosen) {
    failed_ = true;
    return beginning_error_;
  }
  if (countdown_ == 0) return 0;
  --countdown_;
  if (countdown_ > 0) return 0;
  failed_ = true;
  return error_;
}

SysResult<Fd> FaultyFiles::open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
  if (int error = ask("open_beneath " + path)) return tl::unexpected(error);
  return FileOps::open_beneath(dir, path, flags, mode);
}

SysResult<Fd> FaultyFiles::open(const std::string& path, int flags, mode_t mode) {
  if (int error = ask("open " + path)) return tl::unexpected(error);
  return FileOps::open(path, flags, mode);
}

SysResult<struct stat> FaultyFiles::fstat(int fd) {
  if (int error = ask("fstat")) return tl::unexpected(error);
  return FileOps::fstat(fd);
}

SysResult<struct stat> FaultyFiles::lstat_at(int dir, const std::string& name) {
  if (int error = ask("lstat " + name)) return tl::unexpected(error);
  return FileOps::lstat_at(dir, name);
}

SysResult<std::size_t> FaultyFiles::pread(int fd, std::span<std::byte> into, off_t offset) {
  if (int error = ask("pread")) return tl::unexpected(error);
  return FileOps::pread(fd, into, offset);
}

SysResult<std::size_t> FaultyFiles::write(int fd, std::span<const std::byte> from) {
  if (int error = ask("write")) return tl::unexpected(error);
  return FileOps::write(fd, from.first(std::min(from.size(), write_limit_)));
}

SysResult<> FaultyFiles::fsync(int fd) {
  auto info = FileOps::fstat(fd);
  const bool directory = info && S_ISDIR(info->st_mode);
  if (int error = ask(directory ? "fsync directory" : "fsync file")) return tl::unexpected(error);
  return {};  // what is lost with the power is not tried here, and thousands of syncs take minutes
}

SysResult<> FaultyFiles::mkdir_at(int dir, const std::string& name, mode_t mode) {
  if (int error = ask("mkdir " + name)) return tl::unexpected(error);
  return FileOps::mkdir_at(dir, name, mode);
}

SysResult<> FaultyFiles::rename_at(int from_dir, const std::string& from, int to_dir,
                                   const std::string& to) {
  if (int error = ask("rename " + to)) return tl::unexpected(error);
  return FileOps::rename_at(from_dir, from, to_dir, to);
}

SysResult<> FaultyFiles::link_at(int from_dir, const std::string& from, int to_dir,
                                 const std::string& to) {
  if (int error = ask("link " + to)) return tl::unexpected(error);
  return FileOps::link_at(from_dir, from, to_dir, to);
}

SysResult<> FaultyFiles::unlink_at(int dir, const std::string& name, int flags) {
  if (int error = ask((flags ? "rmdir " : "unlink ") + name)) return tl::unexpected(error);
  return FileOps::unlink_at(dir, name, flags);
}

SysResult<> FaultyFiles::set_mtime(int fd, const timespec& mtime) {
  if (int error = ask("set_mtime")) return tl::unexpected(error);
  return FileOps::set_mtime(fd, mtime);
}

SysResult<std::string> FaultyFiles::get_attribute(int fd, const char* name) {
  if (int error = ask(std::string("get_attribute ") + name)) return tl::unexpected(error);
  return FileOps::get_attribute(fd, name);
}

SysResult<> FaultyFiles::set_attribute(int fd, const char* name, std::string_view value) {
  if (int error = ask(std::string("set_attribute ") + name)) return tl::unexpected(error);
  return FileOps::set_attribute(fd, name, value);
}

SysResult<> FaultyFiles::try_lock(int fd, off_t at) {
  if (int error = ask("try_lock")) return tl::unexpected(error);
  return FileOps::try_lock(fd, at);
}

SysResult<std::vector<std::string>> FaultyFiles::list(int dir_fd) {
  if (int error = ask("list")) return tl::unexpected(error);
  return FileOps::list(dir_fd);
}

}  // namespace kbs::storage::testing
