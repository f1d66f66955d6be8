#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "storage/local_fs/work.h"

namespace kbs::storage::local_fs {
namespace {

constexpr std::int64_t kNano = 1'000'000'000;

timespec time_at(std::int64_t count) noexcept { return {count / kNano, count % kNano}; }

}  // namespace

/// The directory that the written copy lies in.
Step<Directory> Store::target_directory(const Work& work, const Names& names) {
  if (options_.layout == Layout::flat) return work.root;
  for (const Copy& copy : work.copies) {
    if (copy.root == 0 && copy.layout == Layout::tree && copy.parent) return copy.parent;
  }
  auto made = make_plain(services_.files, work.root->get(), names.dirs);
  if (!made) return tl::unexpected(made.error());
  return std::make_shared<const Fd>(std::move(*made));
}

Step<Stat> Store::put(Work& work, const Names& names, const Secret& value,
                      const WriteOptions& options) {
  auto parent = target_directory(work, names);
  if (!parent) return tl::unexpected(parent.error());
  Replacement how;
  how.newer_than = last_write(work);
  if (options.not_after || !options.content_type.empty()) {
    how.finish = [&](int fd, const Stat& info) {
      return give_extra(services_.files, fd, Extra{options.content_type, options.not_after}, info);
    };
  }
  auto draft = Draft::make(services_.files, (*parent)->get(), value.expose(), how);
  if (!draft) return tl::unexpected(draft.error());
  // The old value is in the history, durably, before it loses its name. A crash in between leaves
  // it in both places, and listings show it once.
  if (work.served && options_.versions > 0) {
    if (auto kept = keep_current(work, names); !kept) return tl::unexpected(kept.error());
  }
  // What has expired is absent, and yet its file is there.
  const bool create = options.create_only && !work.served;
  auto placed = draft->place(last_name(options_.layout, names), create);
  if (!placed) return tl::unexpected(placed.error());
  return draft->info();
}

/// Removes every copy but the one just written. The new value is durable by now, so a crash in
/// between shows either the copy that readers saw all along, or the new one; never an older one
/// after a newer.
Result<> Store::discard_older(const Work& work, const Names& names) {
  for (const Copy& copy : work.copies) {
    if (copy.root == 0 && copy.layout == options_.layout) continue;
    auto gone = copy.is_removable()
                    ? discard(work, copy, names)
                    : Step<>(tl::unexpected(Failure{EISDIR, "remove an older copy"}));
    if (gone) continue;
    if (copy.root == 0 && copy.is_removable()) {
      return fail(gone.error(), "stored, but an older copy cannot be removed", names.path);
    }
    // Shadowed by the order of search: it is never served again, but the operator should know of
    // it.
    KBS_LOG(warn, "storage", "an older copy of a resource stays where it cannot be removed",
            {{"resource", names.path}, {"root", options_.roots[copy.root].path}});
  }
  return {};
}

/// A version id never comes twice: neither when two writes fall into one tick of the file system's
/// clock, nor when the resource was deleted in between, by this process or another, and the new
/// file got the old one's inode.
timespec Store::last_write(const Work& work) const {
  std::int64_t last = std::max(last_write_.load(), work.lock.floor());
  if (work.served) last = std::max(last, nanoseconds(work.served->info.st_mtim));
  if (work.history && !work.history->kept().empty()) {
    last = std::max(last, static_cast<std::int64_t>(work.history->kept().front().time));
  }
  return time_at(last);
}

void Store::note_write(const Work& work, const Stat& written) {
  const std::int64_t time = nanoseconds(written.st_mtim);
  // The date of a file from the future must not spread to all others.
  if (time > nanoseconds(written.st_ctim) + kNano) return;
  if (work.served && later(work.served->info.st_mtim, written.st_ctim)) return;
  std::int64_t last = last_write_.load();
  while (last < time && !last_write_.compare_exchange_weak(last, time)) {
  }
}

std::optional<Result<VersionId>> Store::write_once(const Names& names, const Secret& value,
                                                   const WriteOptions& options) {
  constexpr const char* kFailed = "cannot store the resource";
  KBS_TRY(Work work, begin(names, kFailed));
  bool live = work.served.has_value();
  if (live && (options.create_only || options.if_version)) {
    auto expired = is_expired(work, names);
    if (!expired && is_changed(expired.error().error)) return std::nullopt;
    if (!expired) return fail(expired.error(), kFailed, names.path);
    live = !*expired;
  }
  if (options.create_only && live) {
    return fail(ErrorKind::conflict, "the resource exists already");
  }
  if (options.if_version && (!live || version_of(work.served->info) != *options.if_version)) {
    return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
  }
  KBS_OK(check_target(work, names));
  auto info = put(work, names, value, options);
  if (!info) {
    if (options_.layout == Layout::tree) prune_directories(work.root, names);
    if (is_changed(info.error().error)) return std::nullopt;
    return fail(info.error(), kFailed, names.path);
  }
  note_write(work, *info);
  KBS_OK(discard_older(work, names));
  if (work.history) {
    work.history->prune(options_.versions);
    if (options_.versions == 0) {
      History::remove_empty(services_.files, work.root->get(), names);
    }
  }
  return version_of(*info);
}

Result<VersionId> Store::write(const ResourceId& id, const Secret& value,
                               const WriteOptions& options) {
  const Names names(id);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto written = write_once(names, value, options);
    if (written) return std::move(*written);
  }
  return fail(Failure{EAGAIN, "store"}, "cannot store the resource", names.path);
}

}  // namespace kbs::storage::local_fs
