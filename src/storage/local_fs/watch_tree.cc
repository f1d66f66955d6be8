#include "storage/local_fs/watch_tree.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {
namespace {

constexpr std::uint32_t kInside =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;
constexpr std::uint32_t kItself = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

/// `..data` of a volume and the directories beside it.
bool is_data(std::string_view name) noexcept { return name.starts_with(".."); }

}  // namespace

WatchTree::Identity WatchTree::identity(const Root& root) {
  auto dir = files_.open(root.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  auto info = dir ? files_.fstat(dir->get()) : SysResult<Stat>(tl::unexpected(ENOENT));
  if (!info) return {};
  return {true, info->st_dev, info->st_ino};
}

bool WatchTree::is_up_to_date() {
  for (std::size_t i = 0; i < roots_.size(); ++i) {
    if (i >= identities_.size() || identity(roots_[i]) != identities_[i]) return false;
  }
  return true;
}

bool WatchTree::rebuild() {
  spots_.clear();
  identities_.clear();
  exhausted_ = false;
  inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return false;
  for (std::size_t root = 0; root < roots_.size(); ++root) {
    identities_.push_back(identity(roots_[root]));
    watch_directory(Spot{root, 0, "", false});
  }
  return !exhausted_;
}

std::string WatchTree::full_path(const Spot& spot, std::string_view name) const {
  return roots_[spot.root].path + '/' + spot.path + std::string(name);
}

/// False when nothing of that kind is there.
bool WatchTree::watch(const std::string& path, Spot spot, bool directory) {
  const std::uint32_t mask = kInside | kItself | (directory ? IN_ONLYDIR : 0u);
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), mask);
  if (watch < 0) {
    if (errno == ENOSPC || errno == ENOMEM) exhausted_ = true;
    return false;
  }
  auto& here = spots_[watch];
  if (std::find(here.begin(), here.end(), spot) == here.end()) here.push_back(std::move(spot));
  return true;
}

void WatchTree::watch_directory(const Spot& spot) {
  // Watched first, read then: what appears in between is seen twice and not missed.
  if (!watch(full_path(spot), spot, true)) return;
  auto root = files_.open(roots_[spot.root].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (!root) return;
  const std::string below = spot.path.empty() ? "." : spot.path;
  auto dir = files_.open_beneath(root->get(), below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto names = dir ? files_.list(dir->get()) : SysResult<std::vector<std::string>>();
  for (std::size_t i = 0; dir && names && i < names->size(); ++i) {
    watch_child(spot, dir->get(), (*names)[i]);
  }
}

void WatchTree::watch_child(const Spot& spot, int dir, const std::string& name) {
  const bool segment = is_resource_segment(name);
  if (is_data(name)) {
    (void)watch(full_path(spot, name), {spot.root, spot.depth, spot.path, true}, true);
    return;
  }
  if (spot.depth < 2 && segment && roots_[spot.root].tree) {
    watch_directory({spot.root, spot.depth + 1, spot.path + name + '/', false});
    return;
  }
  std::string path = segment && spot.depth == 2 ? spot.path + name : "";
  if (spot.depth == 0) {
    if (auto id = resource_of_flat_name(name)) path = id->path();
  }
  if (path.empty()) return;
  auto info = files_.lstat_at(dir, name);
  if (!info || !S_ISLNK(info->st_mode)) return;
  (void)watch(full_path(spot, name), {spot.root, spot.depth, path, true}, false);
}

void WatchTree::on_name(const Spot& spot, const std::string& name, bool appeared,
                        const Tell& tell) {
  if (spot.whole || is_data(name)) {
    tell(spot.path);
    // The links of a volume lead elsewhere now.
    if (is_data(name) && appeared) watch_directory(spot);
    return;
  }
  if (name.starts_with('.')) return;  // ours, or none
  std::string path;
  bool directory = false;
  if (is_resource_segment(name) && roots_[spot.root].tree) {
    directory = spot.depth < 2;
    path = spot.path + name + (directory ? "/" : "");
  } else if (auto id = resource_of_flat_name(name); id && spot.depth == 0) {
    path = id->path();
  }
  if (path.empty()) return;
  tell(path);
  if (!appeared) return;
  auto root = files_.open(roots_[spot.root].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (!root) return;
  const std::string below = spot.path.empty() ? "." : spot.path;
  auto dir = files_.open_beneath(root->get(), below, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dir) watch_child(spot, dir->get(), name);
  // What appeared in it before it was watched.
  if (directory) tell(path);
}

bool WatchTree::on_event(int watch, std::uint32_t mask, const std::string& name, const Tell& tell) {
  if (mask & IN_Q_OVERFLOW) return false;
  const auto at = spots_.find(watch);
  if (at == spots_.end()) return true;
  const std::vector<Spot> spots = at->second;
  if (mask & kGone) {
    // One that was moved away would go on reporting under its old name.
    spots_.erase(at);
    if (!(mask & IN_IGNORED)) (void)::inotify_rm_watch(inotify_.get(), watch);
  }
  for (const Spot& spot : spots) {
    if (mask & kGone) {
      if (spot.depth == 0 && !spot.whole) return false;
      tell(spot.path);
    } else if (name.empty()) {
      if (spot.whole) tell(spot.path);
    } else {
      on_name(spot, name, (mask & (IN_CREATE | IN_MOVED_TO)) != 0, tell);
    }
  }
  return !exhausted_;
}

bool WatchTree::handle_events(const Tell& tell) {
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return true;
    if (size <= 0) return false;
    std::size_t at = 0;
    while (at < static_cast<std::size_t>(size)) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      const std::string text(name, ::strnlen(name, event.len));
      if (!on_event(event.wd, event.mask, text, tell)) return false;
      at += sizeof event + event.len;
    }
  }
}

}  // namespace kbs::storage::local_fs
