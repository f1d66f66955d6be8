#include "storage/local_fs/history.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <functional>

#include "base/log.h"

namespace kbs::storage::local_fs {
namespace {

constexpr std::uint64_t kNano = 1'000'000'000;

std::array<std::string, 4> path_of(const Names& names) {
  return {kHistory, names.dirs[0], names.dirs[1], names.tag};
}

std::string text_of(const std::array<std::string, 4>& path) {
  return path[0] + '/' + path[1] + '/' + path[2] + '/' + path[3];
}

timespec time_of(const Kept& kept) noexcept {
  return {static_cast<time_t>(kept.time / kNano), static_cast<long>(kept.time % kNano)};
}

}  // namespace

VersionId version_of(const Stat& info) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%llx-%llx-%llx",
                                   static_cast<unsigned long long>(nanoseconds(info.st_mtim)),
                                   static_cast<unsigned long long>(info.st_ino),
                                   static_cast<unsigned long long>(info.st_size));
  return VersionId(text, static_cast<std::size_t>(length));
}

std::optional<Kept> Kept::parse(std::string_view name) {
  Kept kept;
  kept.id = name;
  for (std::uint64_t* part : {&kept.time, &kept.inode, &kept.size}) {
    const bool last = part == &kept.size;
    const std::size_t end = last ? name.size() : name.find('-');
    if (end == std::string_view::npos) return std::nullopt;
    const auto parsed = std::from_chars(name.data(), name.data() + end, *part, 16);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + end) return std::nullopt;
    if (!last) name.remove_prefix(end + 1);
  }
  return kept;
}

std::strong_ordering Kept::operator<=>(const Kept& other) const noexcept {
  if (auto order = time <=> other.time; order != 0) return order;
  return id <=> other.id;
}

bool must_copy(int error) noexcept {
  // EPERM: also what `fs.protected_hardlinks` says to files of other users.
  return error == EXDEV || error == EPERM || error == EACCES || error == EMLINK ||
         error == EOPNOTSUPP || error == ENOSYS;
}

Step<std::string> copy_value(FileOps& files, const OpenFile& from, int dir, const std::string& name,
                             std::uint64_t limit, std::optional<timespec> newer_than) {
  auto extra = extra_of(files, from);
  if (!extra) return tl::unexpected(extra.error());
  auto bytes = read_whole(files, from, limit);
  if (!bytes) return tl::unexpected(bytes.error());
  Replacement how;
  how.newer_than = newer_than;
  if (!newer_than) how.mtime = from.info.st_mtim;
  how.finish = [&](int fd, const Stat& info) { return give_extra(files, fd, *extra, info); };
  auto draft = Draft::make(files, dir, *bytes, how);
  if (!draft) return tl::unexpected(draft.error());
  std::string called = name.empty() ? version_of(draft->info()) : name;
  auto placed = draft->place(called, false);
  if (!placed) return tl::unexpected(placed.error());
  return called;
}

Step<std::optional<History>> History::open(FileOps& files, int root, const Names& names) {
  auto fd = files.open_beneath(root, text_of(path_of(names)),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (!fd && is_absence(fd.error())) return std::nullopt;
  if (!fd) return tl::unexpected(Failure{fd.error(), "open the history"});
  History history(files, std::move(*fd));
  if (auto looked = history.look(); !looked) return tl::unexpected(looked.error());
  return history;
}

Step<History> History::make(FileOps& files, int root, const Names& names) {
  auto fd = make_own(files, root, path_of(names));
  if (!fd) return tl::unexpected(fd.error());
  History history(files, std::move(*fd));
  if (auto looked = history.look(); !looked) return tl::unexpected(looked.error());
  return history;
}

Step<> History::look() {
  auto names = files_->list(dir_.get());
  if (!names) return tl::unexpected(Failure{names.error(), "list the history"});
  for (const std::string& name : *names) {
    if (name == kMarker) destroying_ = true;
    if (name.starts_with(kTempPrefix)) leftovers_.push_back(name);
    if (auto kept = Kept::parse(name)) kept_.push_back(std::move(*kept));
  }
  std::sort(kept_.begin(), kept_.end(), std::greater<>());
  return {};
}

const Kept* History::find(const VersionId& id) const noexcept {
  const auto at =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& each) { return each.id == id; });
  return at == kept_.end() ? nullptr : &*at;
}

void History::note(const VersionId& id) {
  auto kept = Kept::parse(id);
  if (!kept || find(id)) return;
  kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), *kept, std::greater<>()),
               std::move(*kept));
}

Step<> History::link(const Origin& origin, const VersionId& id) {
  auto linked = files_->link_at(origin.dir, origin.name, dir_.get(), id);
  if (!linked && linked.error() != EEXIST) {
    // What stood there a moment ago was replaced by hand, or went.
    const int error = linked.error() == ENOENT ? EAGAIN : linked.error();
    return tl::unexpected(Failure{error, "link into the history"});
  }
  auto info = files_->lstat_at(dir_.get(), id);
  if (!info) return tl::unexpected(Failure{info.error(), "look into the history"});
  if (linked && version_of(*info) != id) {
    (void)files_->unlink_at(dir_.get(), id);
    return tl::unexpected(Failure{EAGAIN, "link into the history"});
  }
  return sync_directory(*files_, dir_.get());
}

Step<> History::copy(const Origin& origin, std::uint64_t limit,
                     std::optional<timespec> newer_than) {
  auto file = origin.open();
  if (!file && is_absence(file.error().error)) {
    return tl::unexpected(Failure{EAGAIN, "open the value to keep"});
  }
  if (!file) return tl::unexpected(file.error());
  const VersionId id = version_of(origin.info);
  if (version_of(file->info) != id) return tl::unexpected(Failure{EAGAIN, "copy the value"});
  if (!newer_than && find(id)) return sync_directory(*files_, dir_.get());
  auto name = copy_value(*files_, *file, dir_.get(), newer_than ? "" : id, limit, newer_than);
  if (!name) return tl::unexpected(name.error());
  note(*name);
  return {};
}

Step<> History::keep(const Origin& origin, std::uint64_t limit) {
  const VersionId id = version_of(origin.info);
  const auto kept = Kept::parse(id);
  // A file put there by hand may be dated before what it took the place of; the order of the
  // history is that of dates.
  if (!find(id) && !kept_.empty() && *kept < kept_.front()) {
    return copy(origin, limit, time_of(kept_.front()));
  }
  if (origin.dir >= 0) {
    auto linked = link(origin, id);
    if (linked) note(id);
    if (linked || !must_copy(linked.error().error)) return linked;
  }
  return copy(origin, limit, std::nullopt);
}

Step<> History::forget(const VersionId& id) {
  auto gone = files_->unlink_at(dir_.get(), id);
  if (!gone && gone.error() != ENOENT) {
    return tl::unexpected(Failure{gone.error(), "remove an earlier version"});
  }
  std::erase_if(kept_, [&](const Kept& each) { return each.id == id; });
  return {};
}

void History::prune(std::size_t most) {
  while (kept_.size() > most) {
    const VersionId oldest = kept_.back().id;
    if (!forget(oldest)) return;
  }
}

Step<> History::mark() {
  auto marker =
      files_->open_beneath(dir_.get(), kMarker, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (!marker) return tl::unexpected(Failure{marker.error(), "mark the history"});
  destroying_ = true;
  return sync_directory(*files_, dir_.get());
}

Step<> History::unmark() {
  auto gone = files_->unlink_at(dir_.get(), kMarker);
  if (!gone && gone.error() != ENOENT) {
    return tl::unexpected(Failure{gone.error(), "unmark the history"});
  }
  destroying_ = false;
  return sync_directory(*files_, dir_.get());
}

Step<> History::destroy() {
  while (!kept_.empty()) {
    const VersionId next = kept_.back().id;
    if (auto gone = forget(next); !gone) return gone;
  }
  for (const std::string& each : leftovers_) (void)files_->unlink_at(dir_.get(), each);
  // Without this the marker could go first, and the rest come back with the power.
  if (auto synced = sync_directory(*files_, dir_.get()); !synced) return synced;
  (void)files_->unlink_at(dir_.get(), kMarker);
  destroying_ = false;
  return {};
}

void History::remove_empty(FileOps& files, int root, const Names& names) {
  const auto path = path_of(names);
  std::span<const std::string> above = path;
  for (above = above.first(3); !above.empty(); above = above.first(above.size() - 1)) {
    auto parent = open_plain(files, root, above);
    if (!parent) return;
    if (!files.unlink_at(parent->get(), path[above.size()], AT_REMOVEDIR)) return;
  }
}

}  // namespace kbs::storage::local_fs
