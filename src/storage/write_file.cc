#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <shared_mutex>

#include "crypto/random.h"
#include "storage/files.h"

namespace kbs::storage {
namespace {

constexpr auto kSafeAge = std::chrono::minutes(1);

template <class T>
Step<> step(const SysResult<T>& result, const char* what) {
  if (result) return {};
  return tl::unexpected(Failure{result.error(), what});
}

std::string temporary_name() {
  std::array<std::byte, 12> random;
  crypto::random_bytes(random);
  return std::string(kTempPrefix) + hex(random);
}

Step<> write_all(FileOps& files, int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    auto count = files.write(fd, bytes);
    if (!count || *count == 0) return tl::unexpected(Failure{count ? EIO : count.error(), "write"});
    bytes = bytes.subspan(*count);
  }
  return {};
}

/// Two writes can fall into one tick of the file system's clock, and clocks step back. A later
/// value always looks later.
Step<> move_past(FileOps& files, int fd, timespec floor) {
  auto info = files.fstat(fd);
  if (!info) return step(info, "stat the temporary file");
  if (later(info->st_mtim, floor)) return {};
  if (++floor.tv_nsec == 1'000'000'000) floor = {floor.tv_sec + 1, 0};
  return step(files.set_mtime(fd, floor), "date the temporary file");
}

Step<Stat> fill(FileOps& files, int fd, std::span<const std::byte> bytes, const Replacement& how) {
  if (auto written = write_all(files, fd, bytes); !written) return tl::unexpected(written.error());
  if (how.newer_than) {
    auto moved = move_past(files, fd, *how.newer_than);
    if (!moved) return tl::unexpected(moved.error());
  }
  if (auto synced = step(files.fsync(fd), "sync the temporary file"); !synced) {
    return tl::unexpected(synced.error());
  }
  auto info = files.fstat(fd);
  if (!info) return tl::unexpected(Failure{info.error(), "stat the temporary file"});
  return *info;
}

Step<> put_in_place(FileOps& files, int dir, const std::string& temp, const std::string& name,
                    bool create_only) {
  if (!create_only) return step(files.rename_at(dir, temp, dir, name), "rename");
  // rename replaces; link is the one that refuses a name already taken.
  auto linked = step(files.link_at(dir, temp, dir, name), "link");
  if (linked) (void)files.unlink_at(dir, temp);  // the sweep gets it, should this fail
  return linked;
}

/// Held exclusively while a directory is made and its parent synced: whoever opens it meanwhile
/// waits, and never acknowledges a file in a directory that a crash could still take away.
std::shared_mutex& directory_lock() {
  static std::shared_mutex lock;
  return lock;
}

Step<> make_one(FileOps& files, int parent, const std::string& name) {
  auto made = files.mkdir_at(parent, name, 0700);
  if (!made && made.error() == EEXIST) return {};
  if (!made) return step(made, "make a directory");
  auto synced = step(files.fsync(parent), "sync the parent directory");
  if (!synced) (void)files.unlink_at(parent, name, AT_REMOVEDIR);
  return synced;
}

Step<Fd> open_one(FileOps& files, int parent, const std::string& name) {
  auto fd = files.open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (!fd) return tl::unexpected(Failure{fd.error(), "open a directory"});
  return std::move(*fd);
}

}  // namespace

Step<Stat> replace_durably(FileOps& files, int dir, const std::string& name,
                           std::span<const std::byte> bytes, const Replacement& how) {
  const std::string temp = temporary_name();
  auto fd =
      files.open_beneath(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (!fd) return tl::unexpected(Failure{fd.error(), "create a temporary file"});
  auto info = fill(files, fd->get(), bytes, how);
  auto placed = info ? put_in_place(files, dir, temp, name, how.create_only)
                     : Step<>(tl::unexpected(info.error()));
  if (!placed) {
    (void)files.unlink_at(dir, temp);
    return tl::unexpected(placed.error());
  }
  if (auto synced = step(files.fsync(dir), "sync the directory"); !synced) {
    return tl::unexpected(synced.error());
  }
  return info;
}

Step<> remove_durably(FileOps& files, int dir, const std::string& name) {
  if (auto gone = step(files.unlink_at(dir, name), "unlink"); !gone) return gone;
  return step(files.fsync(dir), "sync the directory");
}

Step<Fd> open_plain(FileOps& files, int dir, std::span<const std::string> names) {
  Fd current;
  for (const std::string& name : names) {
    auto next = open_one(files, current ? current.get() : dir, name);
    if (!next) return next;
    current = std::move(*next);
  }
  return current;
}

Step<Fd> make_plain(FileOps& files, int dir, std::span<const std::string> names) {
  {
    std::shared_lock reading(directory_lock());
    auto there = open_plain(files, dir, names);
    if (there || there.error().error != ENOENT) return there;
  }
  std::unique_lock making(directory_lock());
  Fd current;
  for (const std::string& name : names) {
    const int parent = current ? current.get() : dir;
    auto next = open_one(files, parent, name);
    if (!next && next.error().error == ENOENT) {
      if (auto made = make_one(files, parent, name); !made) return tl::unexpected(made.error());
      next = open_one(files, parent, name);
    }
    if (!next) return next;
    current = std::move(*next);
  }
  return current;
}

Step<> make_path(FileOps& files, const std::string& path) {
  if (open_directory(files, path)) return {};
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  std::string reached = whole.root_path().string();
  for (const auto& part : whole.relative_path()) {
    if (part.empty()) continue;
    const std::string parent = reached;
    reached = (std::filesystem::path(parent) / part).string();
    if (open_directory(files, reached)) continue;
    auto above = open_directory(files, parent);
    if (!above) return tl::unexpected(above.error());
    if (auto made = make_one(files, above->get(), part.string()); !made) return made;
  }
  auto there = open_directory(files, path);
  if (!there) return tl::unexpected(there.error());
  return {};
}

void sweep_leftovers(FileOps& files, int dir, SysTime now) {
  auto names = files.list(dir);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.starts_with(kTempPrefix)) continue;
    auto info = files.lstat_at(dir, name);
    if (!info || !S_ISREG(info->st_mode)) continue;
    const SysTime written{std::chrono::seconds(info->st_mtim.tv_sec)};
    if (now - written > kSafeAge) (void)files.unlink_at(dir, name);
  }
}

std::unique_lock<std::mutex> lock_writers(const std::string& path) {
  static std::array<std::mutex, 256> stripes;
  return std::unique_lock(stripes[std::hash<std::string>()(path) % stripes.size()]);
}

}  // namespace kbs::storage
