#include "storage/local_fs/work.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace kbs::storage::local_fs {
namespace {

Copy::Kind kind_of(const Stat& info) noexcept {
  if (S_ISREG(info.st_mode)) return Copy::Kind::file;
  return S_ISLNK(info.st_mode) ? Copy::Kind::link : Copy::Kind::foreign;
}

}  // namespace

tl::unexpected<Error> in_the_way(const Copy& copy, const Names& names) {
  const char* what = "something that is not a regular file stands in its place";
  if (copy.kind == Copy::Kind::link) what = "it is a symbolic link";
  if (copy.kind == Copy::Kind::behind_link) what = "its directory is a symbolic link";
  return fail(ErrorKind::conflict,
              std::string("the resource was put there by hand (") + what +
                  "): change or remove it where it came from",
              names.path);
}

Result<Store::Work> Store::begin(const Names& names, const char* failed, bool quiet) {
  // All that share a byte of the lock file share the mutex, too: the lock file is open once, and
  // a second lock of a byte by the same descriptor would be had at once.
  const std::string stripe = options_.roots[0].path + '\n' + std::to_string(lock_slot(names.path));
  std::unique_lock lock = lock_writers(stripe);
  auto root = open_root(0);
  if (!root) return fail(root.error(), failed, names.path);
  KBS_TRY(ProcessLock process, lock_file_.lock(services_.files, *root, names.path, quiet));
  Work work{std::move(lock), std::move(process), std::move(*root)};
  if (auto looked = look_around(work, names); !looked) {
    return fail(looked.error(), failed, names.path);
  }
  return work;
}

Step<> Store::look_around(Work& work, const Names& names) {
  auto copies = copies_of(work, names);
  if (!copies) return tl::unexpected(copies.error());
  work.copies = std::move(*copies);
  const bool plain = std::all_of(work.copies.begin(), work.copies.end(),
                                 [](const Copy& copy) { return copy.kind == Copy::Kind::file; });
  if (plain) {
    for (std::size_t i = 0; i < work.copies.size(); ++i) {
      const Copy& copy = work.copies[i];
      const bool better = !work.served || (copy.root == work.served->root &&
                                           later(copy.info.st_mtim, work.served->info.st_mtim));
      if (better) work.served = Work::Served{copy.root, copy.layout, copy.info, i};
    }
  } else {
    auto place = find(names, Want::metadata);
    if (!place && !is_foreign(place.error().error)) return tl::unexpected(place.error());
    if (place && *place) {
      work.served = Work::Served{(*place)->root, (*place)->layout, (*place)->file.info, {}};
      for (std::size_t i = 0; i < work.copies.size(); ++i) {
        const Copy& copy = work.copies[i];
        if (copy.root == work.served->root && copy.layout == work.served->layout) {
          work.served->copy = i;
        }
      }
    }
  }
  auto history = History::open(services_.files, work.root->get(), names);
  if (!history) return tl::unexpected(history.error());
  work.history = std::move(*history);
  if (work.history && work.history->destroying()) {
    if (auto settled = settle_marker(work, names); !settled) return settled;
  }
  if (work.history && work.history->holds_nothing()) work.history.reset();
  return {};
}

Step<> Store::settle_marker(Work& work, const Names& names) {
  if (!work.copies.empty()) return work.history->unmark();
  if (auto destroyed = work.history->destroy(); !destroyed) return destroyed;
  work.history.reset();
  History::remove_empty(services_.files, work.root->get(), names);
  return {};
}

Step<std::optional<Copy>> Store::copy_in(const Directory& root, std::size_t index, Layout layout,
                                         const Names& names) {
  Directory parent = root;
  if (layout == Layout::tree) {
    auto inner = open_plain(services_.files, root->get(), names.dirs);
    if (!inner && (is_absence(inner.error().error) || inner.error().error == ELOOP)) {
      // A file, or a link, where a directory belongs: does a reader come through?
      if (inner.error().error == ENOENT) return std::nullopt;
      const bool link = look_at(services_.files, root->get(), names.path).has_value();
      if (!link) return std::nullopt;
      return Copy{index, layout, nullptr, Copy::Kind::behind_link};
    }
    if (!inner) return tl::unexpected(inner.error());
    parent = std::make_shared<const Fd>(std::move(*inner));
  }
  auto info = services_.files.lstat_at(parent->get(), last_name(layout, names));
  if (!info && is_absence(info.error())) return std::nullopt;
  if (!info) return tl::unexpected(Failure{info.error(), "stat"});
  return Copy{index, layout, std::move(parent), kind_of(*info), *info};
}

/// In the order of search, flat before tree.
Step<std::vector<Copy>> Store::copies_of(Work& work, const Names& names) {
  std::vector<Copy> copies;
  for (std::size_t index = 0; index < options_.roots.size(); ++index) {
    Directory root = work.root;
    if (index > 0) {
      auto other = open_root(index);
      if (!other && is_absence(other.error().error)) continue;
      if (!other) return tl::unexpected(other.error());
      root = std::move(*other);
    }
    for (Layout layout : {Layout::flat, Layout::tree}) {
      if (!has(index, layout, names)) continue;
      auto copy = copy_in(root, index, layout, names);
      if (!copy) return tl::unexpected(copy.error());
      if (*copy) copies.push_back(std::move(**copy));
    }
  }
  return copies;
}

/// False when that cannot be told: then it is treated as what it looks like, a value.
Step<bool> Store::is_expired(const Work& work, const Names& names) {
  if (!work.served) return false;
  auto file = origin_of(work, names).open();
  if (!file && file.error().error == EACCES) return false;
  if (!file) return tl::unexpected(file.error());
  auto extra = extra_of(services_.files, *file);
  if (!extra && extra.error().error == EBADMSG) return false;
  if (!extra) return tl::unexpected(extra.error());
  return has_expired(*extra);
}

/// Nothing is ever written through a link, and no copy that would shadow the new value later can
/// stay.
Result<> Store::check_target(const Work& work, const Names& names) const {
  for (const Copy& copy : work.copies) {
    if (copy.root != 0 || copy.kind == Copy::Kind::file) continue;
    const bool harmless = copy.layout != options_.layout && copy.kind == Copy::Kind::foreign;
    if (!harmless) return in_the_way(copy, names);
  }
  return {};
}

Origin Store::origin_of(const Work& work, const Names& names) {
  const Work::Served& served = *work.served;
  const Copy* copy = work.served_copy();
  const bool linkable = copy && copy->kind == Copy::Kind::file;
  auto open = [this, root = served.root, name = names.of(served.layout)]() -> Step<OpenFile> {
    auto dir = open_root(root);
    if (!dir) return tl::unexpected(dir.error());
    return open_regular(services_.files, (*dir)->get(), name);
  };
  return Origin{linkable ? copy->parent->get() : -1, last_name(served.layout, names),
                std::move(open), served.info};
}

Step<> Store::keep_current(Work& work, const Names& names) {
  if (!work.history) {
    auto made = History::make(services_.files, work.root->get(), names);
    if (!made) return tl::unexpected(made.error());
    work.history = std::move(*made);
  }
  auto kept = work.history->keep(origin_of(work, names), capabilities_.max_value_bytes);
  if (kept || (kept.error().error != EFBIG && kept.error().error != EBADMSG)) return kept;
  KBS_LOG(warn, "storage", "a value that cannot be read is not kept as an earlier version",
          {{"resource", names.path}});
  return {};
}

Step<> Store::discard(const Work& work, const Copy& copy, const Names& names) {
  auto gone = remove_durably(services_.files, copy.parent->get(), last_name(copy.layout, names));
  if (!gone && gone.error().error != ENOENT) return gone;
  if (copy.layout == Layout::tree) {
    auto root = copy.root == 0 ? Step<Directory>(work.root) : open_root(copy.root);
    if (root) prune_directories(*root, names);
  }
  return {};
}

/// The copy that readers see goes last: a crash in between must not bring an older one to light.
Step<> Store::discard_all(const Work& work, const Names& names) {
  for (bool last : {false, true}) {
    for (auto copy = work.copies.rbegin(); copy != work.copies.rend(); ++copy) {
      if ((&*copy == work.served_copy()) != last) continue;
      if (auto gone = discard(work, *copy, names); !gone) return gone;
    }
  }
  return {};
}

/// Best effort and not synced: an empty directory that comes back after a crash harms nobody.
void Store::prune_directories(const Directory& root, const Names& names) {
  {
    auto repository = open_plain(services_.files, root->get(), std::span(names.dirs).first(1));
    if (!repository) return;
    if (!services_.files.unlink_at(repository->get(), names.dirs[1], AT_REMOVEDIR)) return;
  }
  (void)services_.files.unlink_at(root->get(), names.dirs[0], AT_REMOVEDIR);
}

}  // namespace kbs::storage::local_fs
