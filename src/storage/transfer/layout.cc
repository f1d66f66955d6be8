#include "storage/transfer/layout.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "crypto/random.h"
#include "storage/files.h"
#include "storage/local_fs/extra.h"
#include "storage/local_fs/history.h"
#include "storage/local_fs/names.h"
#include "storage/local_fs/process_lock.h"
#include "storage/transfer/values.h"

namespace kbs::storage::transfer {
namespace {

using local_fs::Layout;
using local_fs::Names;

/// LocalFs refuses larger values by itself; here they only pass by.
constexpr std::uint64_t kAnySize = UINT64_MAX >> 1;
/// A server removes directories that are empty while we fill them.
constexpr int kAttempts = 32;
/// For a server's write to end.
constexpr std::chrono::seconds kLockWait{10};

Layout other(Layout layout) { return layout == Layout::tree ? Layout::flat : Layout::tree; }

/// One of the two names of a resource.
struct Spot {
  Layout layout;
  int dir = -1;
  std::string name;
  std::optional<Stat> info{};  ///< nullopt: nothing there
};

bool is_same_file(const Stat& a, const Stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

class Mover {
 public:
  Mover(FileOps& files, std::string path, Fd root, Layout to)
      : files_(files),
        path_(std::move(path)),
        root_(std::make_shared<const Fd>(std::move(root))),
        to_(to) {}

  /// Names of resources in the other spelling.
  Result<std::vector<ResourceId>> find(const std::string& prefix);
  /// True when it was moved, or would be; false when it is not there any more.
  Result<bool> move(const ResourceId& id, bool dry_run, Report& report);

 private:
  Step<std::vector<std::string>> names_in(const std::string& below);
  Step<std::vector<ResourceId>> flat_names();
  Step<std::vector<ResourceId>> tree_names();
  Step<Fd> directory(Layout layout, const Names& names, bool make);
  Step<Spot> look(Layout layout, int dir, const Names& names);
  Step<bool> move_once(const Names& names, bool dry_run, std::string& note);
  Step<bool> is_equal(const Spot& a, const Spot& b);
  Step<> settle(const Names& names, const Spot& from, const Spot& to, std::string& note);
  Step<> keep_as_earlier(const Names& names, const Spot& spot);
  Step<> give_name(const Spot& from, const Spot& to);
  Step<> copy(const Spot& from, const Spot& to);
  Step<> take_over(const Spot& from, const Spot& to);
  void remove_empty(const Names& names);

  FileOps& files_;
  const std::string path_;
  const local_fs::Directory root_;
  const Layout to_;
  local_fs::LockFile locks_{kLockWait};
};

Step<std::vector<std::string>> Mover::names_in(const std::string& below) {
  auto dir = files_.open_beneath(root_->get(), below,
                                 O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
  // A file, a link, or gone meanwhile: no directory of ours.
  if (!dir && (is_absence(dir.error()) || is_foreign(dir.error()))) {
    return std::vector<std::string>();
  }
  if (!dir) return tl::unexpected(Failure{dir.error(), "open a directory"});
  auto names = files_.list(dir->get());
  if (!names) return tl::unexpected(Failure{names.error(), "list a directory"});
  if (below != ".") {
    std::erase_if(*names, [](const std::string& name) { return !is_resource_segment(name); });
  }
  return std::move(*names);
}

Step<std::vector<ResourceId>> Mover::flat_names() {
  auto names = names_in(".");
  if (!names) return tl::unexpected(names.error());
  std::vector<ResourceId> ids;
  for (const std::string& name : *names) {
    if (auto id = local_fs::resource_of_flat_name(name)) ids.push_back(std::move(*id));
  }
  return ids;
}

Step<std::vector<ResourceId>> Mover::tree_names() {
  auto repositories = names_in(".");
  if (!repositories) return tl::unexpected(repositories.error());
  std::vector<ResourceId> ids;
  for (const std::string& repository : *repositories) {
    if (!is_resource_segment(repository)) continue;
    auto types = names_in(repository);
    if (!types) return tl::unexpected(types.error());
    for (const std::string& type : *types) {
      auto tags = names_in(repository + '/' + type);
      if (!tags) return tl::unexpected(tags.error());
      for (std::string& tag : *tags) ids.push_back({repository, type, std::move(tag)});
    }
  }
  return ids;
}

Result<std::vector<ResourceId>> Mover::find(const std::string& prefix) {
  auto ids = to_ == Layout::tree ? flat_names() : tree_names();
  if (!ids) return fail(ids.error(), "cannot look through " + path_, path_);
  std::erase_if(*ids, [&](const ResourceId& id) { return !id.path().starts_with(prefix); });
  std::sort(ids->begin(), ids->end());
  return std::move(*ids);
}

Step<Fd> Mover::directory(Layout layout, const Names& names, bool make) {
  if (layout == Layout::tree) {
    return make ? make_plain(files_, root_->get(), names.dirs)
                : open_plain(files_, root_->get(), names.dirs);
  }
  auto root = files_.open_beneath(root_->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (!root) return tl::unexpected(Failure{root.error(), "open the directory"});
  return std::move(*root);
}

Step<Spot> Mover::look(Layout layout, int dir, const Names& names) {
  Spot spot{layout, dir, layout == Layout::tree ? names.tag : names.flat};
  if (dir < 0) return spot;
  auto info = files_.lstat_at(dir, spot.name);
  if (info) spot.info = *info;
  if (!info && !is_absence(info.error())) return tl::unexpected(Failure{info.error(), "stat"});
  return spot;
}

Step<bool> Mover::is_equal(const Spot& a, const Spot& b) {
  auto first = read_regular(files_, a.dir, a.name, kAnySize);
  if (!first) return tl::unexpected(first.error());
  auto second = read_regular(files_, b.dir, b.name, kAnySize);
  if (!second) return tl::unexpected(second.error());
  return *first && *second && crypto::equal_in_constant_time(**first, **second);
}

/// The value that is about to lose its name keeps another.
Step<> Mover::keep_as_earlier(const Names& names, const Spot& spot) {
  auto history = local_fs::History::make(files_, root_->get(), names);
  if (!history) return tl::unexpected(history.error());
  auto open = [this, &spot] { return open_regular(files_, spot.dir, spot.name); };
  return history->keep({spot.dir, spot.name, std::move(open), *spot.info}, kAnySize);
}

/// Durable before the old name goes: after a crash there are one or two names, never none.
Step<> Mover::give_name(const Spot& from, const Spot& to) {
  auto linked = files_.link_at(from.dir, from.name, to.dir, to.name);
  if (linked) return sync_directory(files_, to.dir);
  if (!local_fs::must_copy(linked.error())) {
    return tl::unexpected(Failure{linked.error(), "give it its new name"});
  }
  return copy(from, to);
}

/// Where the file system has no hard links: the same bytes, date, expiry and content type.
Step<> Mover::copy(const Spot& from, const Spot& to) {
  auto file = open_regular(files_, from.dir, from.name);
  if (!file) return tl::unexpected(file.error());
  auto extra = local_fs::extra_of(files_, *file);
  if (!extra) return tl::unexpected(extra.error());
  auto bytes = read_whole(files_, *file, kAnySize);
  if (!bytes) return tl::unexpected(bytes.error());
  Replacement how;
  how.mtime = file->info.st_mtim;
  how.finish = [&](int fd, const Stat& info) {
    return local_fs::give_extra(files_, fd, *extra, info);
  };
  auto copied = replace_durably(files_, to.dir, to.name, *bytes, how);
  if (!copied) return tl::unexpected(copied.error());
  return {};
}

/// The same where an older value has the name: it never goes without the newer one in its place.
Step<> Mover::take_over(const Spot& from, const Spot& to) {
  Spot draft = to;
  draft.name = std::string(kTempPrefix) + crypto::random_uuid_simple();
  if (auto named = give_name(from, draft); !named) return named;
  auto renamed = files_.rename_at(to.dir, draft.name, to.dir, to.name);
  if (!renamed) {
    (void)files_.unlink_at(to.dir, draft.name);
    return tl::unexpected(Failure{renamed.error(), "put it in place of an older one"});
  }
  return sync_directory(files_, to.dir);
}

/// Best effort, not synced: an empty directory harms nobody.
void Mover::remove_empty(const Names& names) {
  auto repository = open_plain(files_, root_->get(), std::span(names.dirs).first(1));
  if (!repository) return;
  if (!files_.unlink_at(repository->get(), names.dirs[1], AT_REMOVEDIR)) return;
  (void)files_.unlink_at(root_->get(), names.dirs[0], AT_REMOVEDIR);
}

/// Both spellings lie there: what a reader gets stays, the other value becomes an earlier one.
Step<> Mover::settle(const Names& names, const Spot& from, const Spot& to, std::string& note) {
  const timespec ours = from.info->st_mtim;
  const timespec theirs = to.info->st_mtim;
  const bool tie = !later(ours, theirs) && !later(theirs, ours);
  const bool newer = tie ? from.layout == Layout::flat : later(ours, theirs);
  auto equal = is_equal(from, to);
  if (!equal) return tl::unexpected(equal.error());
  if (!*equal) {
    if (auto kept = keep_as_earlier(names, newer ? to : from); !kept) return kept;
    note = "lay there in both spellings: the older value is an earlier version now";
  }
  return newer ? take_over(from, to) : Step<>();
}

Step<bool> Mover::move_once(const Names& names, bool dry_run, std::string& note) {
  auto source_dir = directory(other(to_), names, false);
  if (!source_dir && is_absence(source_dir.error().error)) return false;
  if (!source_dir) return tl::unexpected(source_dir.error());
  auto from = look(other(to_), source_dir->get(), names);
  if (!from) return tl::unexpected(from.error());
  if (!from->info) return false;
  if (!S_ISREG(from->info->st_mode)) return tl::unexpected(Failure{ENXIO, "move"});
  if (!names.fits(to_)) return tl::unexpected(Failure{ENAMETOOLONG, "move"});
  auto target_dir = directory(to_, names, !dry_run);
  if (!target_dir && !(dry_run && is_absence(target_dir.error().error))) {
    return tl::unexpected(target_dir.error());
  }
  auto to = look(to_, target_dir ? target_dir->get() : -1, names);
  if (!to) return tl::unexpected(to.error());
  if (to->info && !S_ISREG(to->info->st_mode)) {
    return tl::unexpected(Failure{ENXIO, "move to where something else is"});
  }
  const bool done = to->info && is_same_file(*from->info, *to->info);  // a crash came between
  if (dry_run) return true;
  Step<> settled;
  if (!to->info) settled = give_name(*from, *to);
  if (to->info && !done) settled = settle(names, *from, *to, note);
  if (!settled) return tl::unexpected(settled.error());
  // People know no locks: what they put there meanwhile is not ours to remove.
  auto now = look(from->layout, from->dir, names);
  if (!now) return tl::unexpected(now.error());
  if (!now->info || !is_same_file(*now->info, *from->info)) {
    return tl::unexpected(Failure{EAGAIN, "move"});
  }
  if (auto gone = remove_durably(files_, from->dir, from->name); !gone) {
    return tl::unexpected(gone.error());
  }
  return true;
}

Result<bool> Mover::move(const ResourceId& id, bool dry_run, Report& report) {
  const Names names(id);
  const std::string stripe = path_ + '\n' + std::to_string(local_fs::lock_slot(names.path));
  const std::unique_lock lock = lock_writers(stripe);
  std::optional<local_fs::ProcessLock> process;
  if (!dry_run) {
    KBS_TRY(auto held, locks_.lock(files_, root_, names.path));
    process.emplace(std::move(held));
  }
  for (int attempt = 1;; ++attempt) {
    std::string note;
    auto moved = move_once(names, dry_run, note);
    const bool changed = !moved && (moved.error().error == ENOENT || moved.error().error == EAGAIN);
    if (changed && attempt < kAttempts) continue;
    if (!dry_run) remove_empty(names);
    if (!moved) return fail(moved.error(), "cannot be moved", names.path);
    if (!note.empty() && *moved) report.notes.push_back({names.path, note});
    return *moved;
  }
}

}  // namespace

Result<LayoutReport> change_layout(const std::string& root, local_fs::Layout to,
                                   const Options& options, Services services) {
  auto dir = open_directory(services.files, root);
  if (!dir) return fail(dir.error(), "cannot open the resource directory " + root, root);
  Mover mover(services.files, root, std::move(*dir), to);
  KBS_TRY(const std::vector<ResourceId> ids, mover.find(options.prefix));
  LayoutReport report;
  Report notes;
  for (const ResourceId& id : ids) {
    if (report.problems.size() >= options.max_problems) {
      report.gave_up = true;
      break;
    }
    auto moved = mover.move(id, options.dry_run, notes);
    if (moved && !*moved) continue;
    ++report.seen;
    if (moved) ++report.moved;
    if (!moved) report.problems.push_back({id.path(), text_of(moved.error())});
    if (options.progress) options.progress(id.path(), moved ? "moved" : "failed");
  }
  report.notes = std::move(notes.notes);
  return report;
}

}  // namespace kbs::storage::transfer
