#include "server/looking.h"

#include <fcntl.h>
#include <unistd.h>

namespace kbs::server {
namespace {

using namespace storage;

class LookingBackend final : public Backend {
 public:
  LookingBackend(BackendPtr inner, std::atomic<bool>& refused)
      : inner_(std::move(inner)), refused_(refused) {}

  const Capabilities& capabilities() const noexcept override { return inner_->capabilities(); }
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    return inner_->read(std::move(id), std::move(options));
  }
  awaitable<Result<VersionId>> write(ResourceId, Secret, WriteOptions) override {
    co_return refuse();
  }
  awaitable<Result<>> remove(ResourceId, RemoveOptions) override { co_return refuse(); }
  awaitable<Result<>> undelete(ResourceId) override { co_return refuse(); }
  awaitable<Result<Page>> list(ListOptions options) override {
    return inner_->list(std::move(options));
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    return inner_->versions(std::move(id), std::move(options));
  }
  awaitable<Result<>> destroy(ResourceId, VersionId) override { co_return refuse(); }
  awaitable<Result<>> replace(ResourceId, VersionId, Secret) override { co_return refuse(); }
  std::shared_ptr<void> watch(ChangeListener listener) override {
    return inner_->watch(std::move(listener));
  }
  awaitable<Result<>> health() override { return inner_->health(); }

 private:
  tl::unexpected<Error> refuse() {
    refused_ = true;
    return fail(ErrorKind::unavailable, "this check writes nothing");
  }

  BackendPtr inner_;
  std::atomic<bool>& refused_;
};

bool changes(int flags) noexcept {
  const bool path_only = (flags & O_PATH) != 0;
  return !path_only && ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0);
}

}  // namespace

BackendPtr looking_backend(BackendPtr inner, std::atomic<bool>& refused) {
  return std::make_shared<LookingBackend>(std::move(inner), refused);
}

tl::unexpected<int> LookingFiles::refuse(int error) noexcept {
  refused_ = true;
  return tl::unexpected(error);
}

SysResult<Fd> LookingFiles::open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
  if (changes(flags)) return refuse(EROFS);
  return FileOps::open_beneath(dir, path, flags, mode);
}

SysResult<Fd> LookingFiles::open(const std::string& path, int flags, mode_t mode) {
  if (changes(flags)) return refuse(EROFS);
  auto fd = FileOps::open(path, flags, mode);
  if (!fd || (flags & O_DIRECTORY) == 0) return fd;
  const std::lock_guard lock(mutex_);
  if (!std::exchange(met_directory_, true) && ::faccessat(fd->get(), ".", W_OK, AT_EACCESS) != 0) {
    unwritable_ = path;
  }
  return fd;
}

std::string LookingFiles::unwritable() const {
  const std::lock_guard lock(mutex_);
  return unwritable_;
}

SysResult<std::size_t> LookingFiles::write(int, std::span<const std::byte>) {
  return refuse(EROFS);
}
SysResult<> LookingFiles::mkdir_at(int dir, const std::string& name, mode_t) {
  if (lstat_at(dir, name)) return tl::unexpected(EEXIST);
  return refuse(ENOENT);  // "the directory is missing" says more than "read-only" would
}
SysResult<> LookingFiles::rename_at(int, const std::string&, int, const std::string&) {
  return refuse(EROFS);
}
SysResult<> LookingFiles::link_at(int, const std::string&, int, const std::string&) {
  return refuse(EROFS);
}
SysResult<> LookingFiles::unlink_at(int, const std::string&, int) {
  // A sweep of leftovers: nothing is missing because of it.
  return tl::unexpected(EROFS);
}
SysResult<> LookingFiles::set_mtime(int, const timespec&) { return refuse(EROFS); }
SysResult<> LookingFiles::set_attribute(int, const char*, std::string_view) {
  return refuse(EROFS);
}

}  // namespace kbs::server
