#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <shared_mutex>
#include <utility>

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

/// Random once for each process, then counted: what counts is that no two are the same.
/// Random anew each time: a forked process must not go on where its parent was.
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
  Step<> dated;
  if (how.newer_than) dated = move_past(files, fd, *how.newer_than);
  if (how.mtime) dated = step(files.set_mtime(fd, *how.mtime), "date the temporary file");
  if (!dated) return tl::unexpected(dated.error());
  if (how.finish) {
    auto info = files.fstat(fd);
    if (!info) return tl::unexpected(Failure{info.error(), "stat the temporary file"});
    if (auto finished = how.finish(fd, *info); !finished) return tl::unexpected(finished.error());
  }
  if (auto synced = step(files.fsync(fd), "sync the temporary file"); !synced) {
    return tl::unexpected(synced.error());
  }
  auto info = files.fstat(fd);  // a file system of the network dates it only now
  if (!info) return tl::unexpected(Failure{info.error(), "stat the temporary file"});
  return *info;
}

/// Held exclusively while the directory of that path is made and its parent synced, by whichever
/// root. One lock for many paths costs time and no more.
std::shared_mutex& directory_lock(std::span<const std::string> names) {
  static std::array<std::shared_mutex, 256> locks;
  std::size_t hash = 0;
  for (const std::string& name : names) hash = hash * 31 + std::hash<std::string>()(name);
  return locks[hash % locks.size()];
}

/// Whoever opened a directory that was being made just then waits here until it is durable, and so
/// never acknowledges a file in a directory that a crash could still take away.
void wait_until_durable(std::span<const std::string> names) {
  for (std::size_t depth = 1; depth <= names.size(); ++depth) {
    const std::shared_lock made(directory_lock(names.first(depth)));
  }
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

Step<Draft> Draft::make(FileOps& files, int dir, std::span<const std::byte> bytes,
                        const Replacement& how) {
  std::string temp = temporary_name();
  auto fd =
      files.open_beneath(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (!fd) return tl::unexpected(Failure{fd.error(), "create a temporary file"});
  Draft draft(files, dir, std::move(temp));
  auto info = fill(files, fd->get(), bytes, how);
  if (!info) return tl::unexpected(info.error());
  draft.info_ = *info;
  return draft;
}

Draft::Draft(Draft&& other) noexcept
    : files_(other.files_),
      dir_(other.dir_),
      temp_(std::exchange(other.temp_, {})),
      info_(other.info_) {}

Draft::~Draft() {
  if (!temp_.empty()) (void)files_->unlink_at(dir_, temp_);  // the sweep gets it, should this fail
}

Step<> Draft::place(const std::string& name, bool create_only) {
  auto named =
      create_only ? create(name) : step(files_->rename_at(dir_, temp_, dir_, name), "rename");
  if (!named) return named;
  temp_.clear();
  return sync_directory(*files_, dir_);
}

/// rename replaces; link is the one that refuses a name already taken.
Step<> Draft::create(const std::string& name) {
  auto linked = files_->link_at(dir_, temp_, dir_, name);
  if (linked) {
    (void)files_->unlink_at(dir_, temp_);
    return {};
  }
  const int error = linked.error();
  const bool no_links = error == EPERM || error == EOPNOTSUPP || error == ENOSYS;
  if (!no_links) return step(linked, "link");
  // Those who lock are kept out by their locks; for others there is no way.
  auto taken = files_->lstat_at(dir_, name);
  if (taken) return tl::unexpected(Failure{EEXIST, "create"});
  if (taken.error() != ENOENT) return step(taken, "stat");
  return step(files_->rename_at(dir_, temp_, dir_, name), "rename");
}

Step<Stat> replace_durably(FileOps& files, int dir, const std::string& name,
                           std::span<const std::byte> bytes, const Replacement& how) {
  auto draft = Draft::make(files, dir, bytes, how);
  if (!draft) return tl::unexpected(draft.error());
  if (auto placed = draft->place(name, how.create_only); !placed) {
    return tl::unexpected(placed.error());
  }
  return draft->info();
}

Step<> sync_directory(FileOps& files, int dir) {
  return step(files.fsync(dir), "sync the directory");
}

Step<> remove_durably(FileOps& files, int dir, const std::string& name) {
  if (auto gone = step(files.unlink_at(dir, name), "unlink"); !gone) return gone;
  return sync_directory(files, dir);
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
  auto there = open_plain(files, dir, names);
  if (there) wait_until_durable(names);
  if (there || there.error().error != ENOENT) return there;
  Fd current;
  for (std::size_t depth = 1; depth <= names.size(); ++depth) {
    const std::string& name = names[depth - 1];
    const int parent = current ? current.get() : dir;
    const std::unique_lock making(directory_lock(names.first(depth)));
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

Step<Fd> make_own(FileOps& files, int dir, std::span<const std::string> names) {
  std::string path;
  for (const std::string& name : names) path.append(path.empty() ? "" : "/").append(name);
  auto there = open_one(files, dir, path);
  if (there) wait_until_durable(names);
  if (there || there.error().error != ENOENT) return there;
  return make_plain(files, dir, names);
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
    // Not the date of modification: a file that takes the place of an older one is given its date.
    const SysTime changed{std::chrono::seconds(info->st_ctim.tv_sec)};
    if (now - changed > kSafeAge) (void)files.unlink_at(dir, name);
  }
}

std::unique_lock<std::mutex> lock_writers(const std::string& path) {
  static std::array<std::mutex, 256> stripes;
  return std::unique_lock(stripes[std::hash<std::string>()(path) % stripes.size()]);
}

}  // namespace kbs::storage
