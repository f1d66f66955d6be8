#include <algorithm>
#include <cerrno>

#include "storage/local_fs/work.h"

namespace kbs::storage::local_fs {
namespace {

constexpr const char* kFailed = "cannot delete the resource";

}  // namespace

/// The marker first and last: a crash before the last copy is gone leaves a resource that was not
/// deleted, one after it a history that the next start, or the next who would see it, removes.
Step<> Store::destroy_all(Work& work, const Names& names) {
  std::int64_t newest = work.served ? nanoseconds(work.served->info.st_mtim) : 0;
  if (work.history) {
    if (!work.history->kept().empty()) {
      newest = std::max(newest, static_cast<std::int64_t>(work.history->kept().front().time));
    }
    if (auto marked = work.history->mark(); !marked) return marked;
  }
  if (auto gone = discard_all(work, names); !gone) return gone;
  if (work.history) {
    if (auto destroyed = work.history->destroy(); !destroyed) return destroyed;
    work.history.reset();
    History::remove_empty(services_.files, work.root->get(), names);
  }
  work.lock.raise_floor(newest);
  return {};
}

Result<> Store::remove(const ResourceId& id, const RemoveOptions& options) {
  const Names names(id);
  KBS_TRY(Work work, begin(names, kFailed));
  if (work.copies.empty() && !work.history) {
    return fail(ErrorKind::not_found, "no such resource");
  }
  for (const Copy& copy : work.copies) {
    if (!copy.is_removable()) return in_the_way(copy, names);
  }
  // Whatever is still there, expired or kept for undelete, a plain removal destroys for good.
  if (options.keep_for_undelete || options.if_version) {
    auto expired = is_expired(work, names);
    if (!expired) return fail(expired.error(), kFailed, names.path);
    if (!work.served || *expired) return fail(ErrorKind::not_found, "no such resource");
  }
  if (options.if_version && version_of(work.served->info) != *options.if_version) {
    return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
  }
  Step<> done = options.keep_for_undelete ? keep_current(work, names) : destroy_all(work, names);
  if (done && options.keep_for_undelete) done = discard_all(work, names);
  if (!done) return fail(done.error(), kFailed, names.path);
  return {};
}

/// Gives the earlier value its place back, durably. Linked, so that a crash before it leaves the
/// history finds it in both; moved where there are no links; copied to another file system.
Step<> Store::name_anew(const History& history, const VersionId& version, int dir,
                        const std::string& name) {
  FileOps& files = services_.files;
  auto named = files.link_at(history.dir(), version, dir, name);
  if (named) return sync_directory(files, dir);
  if (!must_copy(named.error())) {
    return tl::unexpected(Failure{named.error(), "link out of the history"});
  }
  named = files.rename_at(history.dir(), version, dir, name);
  if (named) {
    auto synced = sync_directory(files, dir);
    return synced ? sync_directory(files, history.dir()) : synced;
  }
  if (named.error() != EXDEV) {
    return tl::unexpected(Failure{named.error(), "move out of the history"});
  }
  auto file = open_regular(files, history.dir(), version);
  if (!file) return tl::unexpected(file.error());
  auto copied = copy_value(files, *file, dir, name, capabilities_.max_value_bytes, {});
  if (!copied) return tl::unexpected(copied.error());
  return {};
}

Step<> Store::bring_back(Work& work, const Names& names) {
  auto parent = target_directory(work, names);
  if (!parent) return tl::unexpected(parent.error());
  const VersionId newest = work.history->kept().front().id;
  auto named =
      name_anew(*work.history, newest, (*parent)->get(), last_name(options_.layout, names));
  if (!named) return named;
  (void)work.history->forget(newest);
  if (work.history->holds_nothing()) {
    work.history.reset();
    History::remove_empty(services_.files, work.root->get(), names);
  }
  return {};
}

Result<> Store::undelete(const ResourceId& id) {
  constexpr const char* kCannot = "cannot bring the resource back";
  const Names names(id);
  for (int attempt = 1;; ++attempt) {
    KBS_TRY(Work work, begin(names, kCannot));
    if (work.served) {
      auto expired = is_expired(work, names);
      if (!expired) return fail(expired.error(), kCannot, names.path);
      if (!*expired) return fail(ErrorKind::conflict, "the resource is not deleted");
      return fail(ErrorKind::not_found, "the resource has expired");
    }
    if (!work.history) return fail(ErrorKind::not_found, "no such resource");
    KBS_OK(check_target(work, names));
    auto back = bring_back(work, names);
    if (back) return {};
    if (!is_changed(back.error().error) || attempt >= kAttempts) {
      return fail(back.error(), kCannot, names.path);
    }
  }
}

}  // namespace kbs::storage::local_fs
