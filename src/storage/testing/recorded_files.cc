#include "storage/testing/recorded_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "storage/files.h"

namespace kbs::storage::testing {
namespace {

using Kind = Change::Kind;
using Guard = std::lock_guard<std::recursive_mutex>;

/// The only one there is.
constexpr const char* kAttribute = "user.kbs";

/// Where a path's last name lies, and that name.
struct Split {
  std::string parent, name;
};
Split split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// Names of resources and versions are alike; those with a dot at the front are not.
std::string role(const std::string& name) {
  if (name.starts_with(kTempPrefix)) return std::string(kTempPrefix);
  return name.starts_with('.') ? name : "*";
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

RecordedFiles::RecordedFiles(const std::string& root) {
  auto fd = FileOps::open(root, O_PATH | O_DIRECTORY, 0);
  auto info = fd ? FileOps::fstat(fd->get()) : tl::unexpected(fd.error());
  if (!info) std::abort();
  by_inode_[{info->st_dev, info->st_ino}] = 0;
  known_[0] = {".", {}, true};
  take_stock(0, root);
  for (auto& [object, known] : known_) {
    known.dirty.clear();
    record_.push_back({.kind = Kind::sync, .object = object});
  }
  beginning_ = record_.size();
}

void RecordedFiles::take_stock(ObjectId directory, const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    auto info = FileOps::lstat_at(AT_FDCWD, entry.path());
    if (!info) std::abort();
    if (const ObjectId* other = find(*info)) {
      note({.kind = Kind::link, .object = *other, .directory = directory, .name = name}, directory,
           "link");
      continue;
    }
    const ObjectId object = add(directory, name, *info);
    if (S_ISDIR(info->st_mode)) {
      take_stock(object, entry.path());
      continue;
    }
    Change content{.kind = Kind::write, .object = object, .bytes = slurp(entry.path())};
    content.mtime = info->st_mtim;
    note(std::move(content), object, "write");
    auto fd = FileOps::open(entry.path(), O_RDONLY, 0);
    auto attribute = fd ? FileOps::get_attribute(fd->get(), kAttribute)
                        : SysResult<std::string>(tl::unexpected(EBADF));
    if (attribute) {
      note({.kind = Kind::attribute, .object = object, .name = kAttribute, .bytes = *attribute},
           object, "attribute");
    }
  }
}

void RecordedFiles::doing(std::string what) {
  const Guard guard(lock_);
  doing_ = std::move(what);
}

void RecordedFiles::leave_out(std::string site) {
  const Guard guard(lock_);
  left_out_ = std::move(site);
}

const ObjectId* RecordedFiles::find(const struct stat& info) const {
  const auto found = by_inode_.find({info.st_dev, info.st_ino});
  return found == by_inode_.end() ? nullptr : &found->second;
}

const ObjectId* RecordedFiles::find(int fd) {
  auto info = FileOps::fstat(fd);
  return info ? find(*info) : nullptr;
}

ObjectId RecordedFiles::add(ObjectId directory, const std::string& name, const struct stat& info) {
  const auto id = static_cast<ObjectId>(known_.size());
  by_inode_[{info.st_dev, info.st_ino}] = id;  // the number may have been another's before
  const std::string above = directory == 0 ? "" : known_[directory].place + '/';
  known_[id] = {above + role(name), {}, S_ISDIR(info.st_mode)};
  Change change{.kind = Kind::make, .object = id, .directory = directory, .name = name};
  change.is_directory = S_ISDIR(info.st_mode);
  change.inode = info.st_ino;
  change.mtime = info.st_mtim;
  note(std::move(change), directory, S_ISDIR(info.st_mode) ? "mkdir" : "create");
  return id;
}

void RecordedFiles::note(Change change, ObjectId touched, const char* what) {
  known_[touched].dirty.insert(what);
  record_.push_back(std::move(change));
}

SysResult<Fd> RecordedFiles::made_by_open(const ObjectId* directory, const std::string& name,
                                          int flags, Fd fd) {
  auto info = FileOps::fstat(fd.get());
  if (!info) return tl::unexpected(info.error());
  if (directory) {
    add(*directory, name, *info);
  } else if (const ObjectId* file = find(*info); file && (flags & O_TRUNC)) {
    note({.kind = Kind::truncate, .object = *file, .mtime = info->st_mtim}, *file, "truncate");
  }
  return fd;
}

SysResult<Fd> RecordedFiles::open_beneath(int dir, const std::string& path, int flags,
                                          mode_t mode) {
  if (!(flags & (O_CREAT | O_TRUNC))) return FileOps::open_beneath(dir, path, flags, mode);
  const Guard guard(lock_);
  const Split at = split(path);
  auto parent = FileOps::open_beneath(dir, at.parent, O_PATH | O_DIRECTORY, 0);
  const bool makes =
      (flags & O_CREAT) && parent && !FileOps::lstat_at(parent->get(), at.name).has_value();
  auto fd = FileOps::open_beneath(dir, path, flags, mode);
  if (!fd) return fd;
  return made_by_open(makes ? find(parent->get()) : nullptr, at.name, flags, std::move(*fd));
}

SysResult<Fd> RecordedFiles::open(const std::string& path, int flags, mode_t mode) {
  if (!(flags & (O_CREAT | O_TRUNC))) return FileOps::open(path, flags, mode);
  const Guard guard(lock_);
  const Split at = split(path);
  auto parent = FileOps::open(at.parent, O_PATH | O_DIRECTORY, 0);
  const bool makes =
      (flags & O_CREAT) && parent && !FileOps::lstat_at(parent->get(), at.name).has_value();
  auto fd = FileOps::open(path, flags, mode);
  if (!fd) return fd;
  return made_by_open(makes ? find(parent->get()) : nullptr, at.name, flags, std::move(*fd));
}

SysResult<std::size_t> RecordedFiles::write(int fd, std::span<const std::byte> from) {
  const Guard guard(lock_);
  auto count = FileOps::write(fd, from);
  const ObjectId* file = find(fd);
  if (!count || !file) return count;
  auto info = FileOps::fstat(fd);
  Change change{.kind = Kind::write, .object = *file};
  change.offset = ::lseek(fd, 0, SEEK_CUR) - static_cast<off_t>(*count);
  change.bytes = as_text(from.first(*count));
  if (info) change.mtime = info->st_mtim;
  note(std::move(change), *file, "write");
  return count;
}

SysResult<> RecordedFiles::sync(int fd, bool data_only) {
  const Guard guard(lock_);
  const ObjectId* object = find(fd);
  if (!object) return {};
  Known& known = known_[*object];
  if (!known.dirty.empty()) {
    std::string site = doing_ + ": " + (known.directory ? "directory " : "file ") + known.place;
    std::string glue = " after ";
    for (const std::string& each : known.dirty) site += std::exchange(glue, "+") + each;
    if (std::find(sites_.begin(), sites_.end(), site) == sites_.end()) sites_.push_back(site);
    if (site == left_out_) {
      left_out_at_ = std::min(left_out_at_, record_.size());
      return {};
    }
  }
  known.dirty.clear();
  record_.push_back({.kind = data_only ? Kind::sync_data : Kind::sync, .object = *object});
  return {};
}

// Not performed: what the record calls durable is durable in the model, and a disk would only be
// slow.
SysResult<> RecordedFiles::fsync(int fd) { return sync(fd, false); }
SysResult<> RecordedFiles::fdatasync(int fd) { return sync(fd, true); }

SysResult<> RecordedFiles::mkdir_at(int dir, const std::string& name, mode_t mode) {
  const Guard guard(lock_);
  auto made = FileOps::mkdir_at(dir, name, mode);
  const ObjectId* directory = find(dir);
  if (!made || !directory) return made;
  auto info = FileOps::lstat_at(dir, name);
  if (!info) return tl::unexpected(info.error());
  add(*directory, name, *info);
  return made;
}

SysResult<> RecordedFiles::rename_at(int from_dir, const std::string& from, int to_dir,
                                     const std::string& to) {
  const Guard guard(lock_);
  auto info = FileOps::lstat_at(from_dir, from);
  auto renamed = FileOps::rename_at(from_dir, from, to_dir, to);
  const ObjectId* source = find(from_dir);
  const ObjectId* target = find(to_dir);
  const ObjectId* moved = info ? find(*info) : nullptr;
  if (!renamed || !source || !target || !moved) return renamed;
  Change change{.kind = Kind::rename, .object = *moved, .directory = *source, .name = from};
  change.to_directory = *target;
  change.to_name = to;
  note(std::move(change), *target, "rename");
  if (*source != *target) known_[*source].dirty.insert("rename away");
  return renamed;
}

SysResult<> RecordedFiles::link_at(int from_dir, const std::string& from, int to_dir,
                                   const std::string& to) {
  const Guard guard(lock_);
  auto linked = FileOps::link_at(from_dir, from, to_dir, to);
  const ObjectId* target = find(to_dir);
  auto info = FileOps::lstat_at(to_dir, to);
  const ObjectId* file = linked && info ? find(*info) : nullptr;
  if (!target || !file) return linked;
  note({.kind = Kind::link, .object = *file, .directory = *target, .name = to}, *target, "link");
  return linked;
}

SysResult<> RecordedFiles::unlink_at(int dir, const std::string& name, int flags) {
  const Guard guard(lock_);
  auto info = FileOps::lstat_at(dir, name);
  auto gone = FileOps::unlink_at(dir, name, flags);
  const ObjectId* directory = find(dir);
  const ObjectId* object = info ? find(*info) : nullptr;
  if (!gone || !directory || !object) return gone;
  note({.kind = Kind::unlink, .object = *object, .directory = *directory, .name = name}, *directory,
       flags & AT_REMOVEDIR ? "rmdir" : "unlink");
  return gone;
}

SysResult<> RecordedFiles::set_mtime(int fd, const timespec& mtime) {
  const Guard guard(lock_);
  auto set = FileOps::set_mtime(fd, mtime);
  const ObjectId* file = find(fd);
  if (!set || !file) return set;
  note({.kind = Kind::date, .object = *file, .mtime = mtime}, *file, "date");
  return set;
}

SysResult<> RecordedFiles::set_attribute(int fd, const char* name, std::string_view value) {
  const Guard guard(lock_);
  auto set = FileOps::set_attribute(fd, name, value);
  const ObjectId* file = find(fd);
  if (!set || !file) return set;
  note({.kind = Kind::attribute, .object = *file, .name = name, .bytes = std::string(value)}, *file,
       "attribute");
  return set;
}

}  // namespace kbs::storage::testing
