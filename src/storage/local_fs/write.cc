#include <cerrno>

#include "base/log.h"
#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {
namespace {

/// A directory can be pruned between our opening it and our first file in it; then it is made
/// again.
constexpr int kWriteAttempts = 32;
constexpr std::int64_t kNano = 1'000'000'000;

Copy::Kind kind_of(const Stat& info) noexcept {
  if (S_ISREG(info.st_mode)) return Copy::Kind::file;
  return S_ISLNK(info.st_mode) ? Copy::Kind::link : Copy::Kind::foreign;
}

tl::unexpected<Error> in_the_way(const Copy& copy, const Names& names) {
  const char* what = "something that is not a regular file stands in its place";
  if (copy.kind == Copy::Kind::link) what = "it is a symbolic link";
  if (copy.kind == Copy::Kind::behind_link) what = "its directory is a symbolic link";
  return fail(ErrorKind::conflict,
              std::string("the resource was put there by hand (") + what +
                  "): change or remove it where it came from",
              names.path);
}

}  // namespace

Step<std::optional<Copy>> Store::copy_in(std::size_t root, Layout layout, const Names& names) {
  const Root& where = options_.roots[root];
  if (!(layout == Layout::flat ? where.flat : where.tree) || !names.fits(layout)) {
    return std::nullopt;
  }
  auto parent = open_root(root);
  if (!parent && root > 0 && is_absence(parent.error().error)) return std::nullopt;
  if (!parent) return tl::unexpected(parent.error());
  if (layout == Layout::tree) {
    auto inner = open_plain(services_.files, parent->get(), names.dirs);
    if (!inner && (is_absence(inner.error().error) || inner.error().error == ELOOP)) {
      // A file, or a link, where a directory belongs: does a reader come through?
      const bool link = look_at(services_.files, parent->get(), names.path).has_value();
      if (!link) return std::nullopt;
      return Copy{root, layout, Fd(), Copy::Kind::behind_link};
    }
    if (!inner) return tl::unexpected(inner.error());
    parent = std::move(inner);
  }
  const std::string& name = layout == Layout::tree ? names.tag : names.flat;
  auto info = services_.files.lstat_at(parent->get(), name);
  if (!info && is_absence(info.error())) return std::nullopt;
  if (!info) return tl::unexpected(Failure{info.error(), "stat"});
  return Copy{root, layout, std::move(*parent), kind_of(*info)};
}

/// In the order of search, flat before tree.
Step<std::vector<Copy>> Store::copies_of(const Names& names) {
  std::vector<Copy> copies;
  for (std::size_t root = 0; root < options_.roots.size(); ++root) {
    for (Layout layout : {Layout::flat, Layout::tree}) {
      auto copy = copy_in(root, layout, names);
      if (!copy) return tl::unexpected(copy.error());
      if (*copy) copies.push_back(std::move(**copy));
    }
  }
  return copies;
}

/// Nothing is ever written through a link, and no copy that would shadow the new value later can
/// stay.
Result<> Store::check_target(const std::vector<Copy>& copies, const Names& names) const {
  for (const Copy& copy : copies) {
    if (copy.root != 0 || copy.kind == Copy::Kind::file) continue;
    const bool harmless = copy.layout != options_.layout && copy.kind == Copy::Kind::foreign;
    if (!harmless) return in_the_way(copy, names);
  }
  return {};
}

Step<Stat> Store::put(const Names& names, const Secret& value, const Replacement& how) {
  const bool tree = options_.layout == Layout::tree;
  for (int attempt = 1;; ++attempt) {
    auto parent = open_root(0);
    if (parent && tree) parent = make_plain(services_.files, parent->get(), names.dirs);
    auto info = parent ? replace_durably(services_.files, parent->get(),
                                         tree ? names.tag : names.flat, value.expose(), how)
                       : Step<Stat>(tl::unexpected(parent.error()));
    if (info || info.error().error != ENOENT || attempt >= kWriteAttempts) return info;
  }
}

Step<> Store::discard(const Copy& copy, const Names& names) {
  const std::string& name = copy.layout == Layout::tree ? names.tag : names.flat;
  auto gone = remove_durably(services_.files, copy.parent.get(), name);
  if (!gone && gone.error().error != ENOENT) return gone;
  if (copy.layout == Layout::tree) prune(copy.root, names);
  return {};
}

/// Removes every copy but the one just written. The new value is durable by now, so a crash in
/// between shows either the copy that readers saw all along, or the new one; never an older one
/// after a newer.
Result<> Store::discard_older(const std::vector<Copy>& copies, const Names& names) {
  for (const Copy& copy : copies) {
    if (copy.root == 0 && copy.layout == options_.layout) continue;
    const bool removable = copy.kind == Copy::Kind::file || copy.kind == Copy::Kind::link;
    auto gone = removable ? discard(copy, names)
                          : Step<>(tl::unexpected(Failure{EISDIR, "remove an older copy"}));
    if (gone) continue;
    if (copy.root == 0 && removable) {
      return fail(gone.error(), "stored, but an older copy cannot be removed", names.path);
    }
    // Shadowed by the order of search: it is never served again, but the operator should know of
    // it.
    KBS_LOG(warn, "storage", "an older copy of a resource stays where it cannot be removed",
            {{"resource", names.path}, {"root", options_.roots[copy.root].path}});
  }
  return {};
}

/// Best effort and not synced: an empty directory that comes back after a crash harms nobody.
void Store::prune(std::size_t root, const Names& names) {
  auto top = open_root(root);
  if (!top) return;
  {
    auto repository = open_plain(services_.files, top->get(), std::span(names.dirs).first(1));
    if (!repository) return;
    if (!services_.files.unlink_at(repository->get(), names.dirs[1], AT_REMOVEDIR)) return;
  }
  (void)services_.files.unlink_at(top->get(), names.dirs[0], AT_REMOVEDIR);
}

/// A version id never comes twice: neither when two writes fall into one tick of the file system's
/// clock, nor when the resource was deleted in between and the new file got the old one's inode.
timespec Store::last_write(const OpenFile* current) const {
  const std::int64_t last = last_write_.load();
  const timespec noted = {last / kNano, last % kNano};
  return current && later(current->info.st_mtim, noted) ? current->info.st_mtim : noted;
}

void Store::note_write(const Stat& written, const OpenFile* current) {
  // The date of a file from the future must not spread to all others.
  const std::int64_t time = written.st_mtim.tv_sec * kNano + written.st_mtim.tv_nsec;
  if (current && later(current->info.st_mtim, written.st_ctim)) return;
  std::int64_t last = last_write_.load();
  while (last < time && !last_write_.compare_exchange_weak(last, time)) {
  }
}

Result<VersionId> Store::write(const ResourceId& id, const Secret& value,
                               const WriteOptions& options) {
  const Names names(id);
  const std::unique_lock lock = lock_writers(options_.roots[0].path + '\n' + names.path);
  auto current = find(names, Want::metadata);
  if (!current && !is_foreign(current.error().error)) {
    return fail(current.error(), "cannot store the resource", names.path);
  }
  const OpenFile* file = current && *current ? &(*current)->file : nullptr;
  if (options.create_only && file) {
    return fail(ErrorKind::conflict, "the resource exists already");
  }
  if (options.if_version && (!file || version_of(file->info) != *options.if_version)) {
    return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
  }
  auto copies = copies_of(names);
  if (!copies) return fail(copies.error(), "cannot store the resource", names.path);
  KBS_OK(check_target(*copies, names));
  Replacement how;
  how.create_only = options.create_only;
  how.newer_than = last_write(file);
  auto info = put(names, value, how);
  if (!info) {
    if (options_.layout == Layout::tree) prune(0, names);
    return fail(info.error(), "cannot store the resource", names.path);
  }
  note_write(*info, file);
  KBS_OK(discard_older(*copies, names));
  return version_of(*info);
}

Result<> Store::remove(const ResourceId& id, const RemoveOptions& options) {
  const Names names(id);
  const std::unique_lock lock = lock_writers(options_.roots[0].path + '\n' + names.path);
  auto copies = copies_of(names);
  if (!copies) return fail(copies.error(), "cannot delete the resource", names.path);
  if (copies->empty()) return fail(ErrorKind::not_found, "no such resource");
  for (const Copy& copy : *copies) {
    const bool removable = copy.kind == Copy::Kind::file || copy.kind == Copy::Kind::link;
    if (!removable) return in_the_way(copy, names);
  }
  auto current = find(names, Want::metadata);
  const Place* place = current && *current ? &**current : nullptr;
  if (options.if_version && (!place || version_of(place->file.info) != *options.if_version)) {
    return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
  }
  // The copy that readers see goes last: a crash in between must not bring an older one to light.
  const auto is_served = [place](const Copy& copy) {
    return place && copy.root == place->root && copy.layout == place->layout;
  };
  for (bool last : {false, true}) {
    for (auto copy = copies->rbegin(); copy != copies->rend(); ++copy) {
      if (is_served(*copy) != last) continue;
      auto gone = discard(*copy, names);
      if (!gone) return fail(gone.error(), "cannot delete the resource", names.path);
    }
  }
  return {};
}

}  // namespace kbs::storage::local_fs
