#include <algorithm>
#include <cerrno>

#include "storage/local_fs/work.h"

namespace kbs::storage::local_fs {
namespace {

bool is_same_file(const Stat& a, const Stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

tl::unexpected<Error> no_version() {
  return fail(ErrorKind::not_found, "no such version of the resource");
}

/// A cursor names the last entry told: "c" and its id when it is the file that readers get, "h" and
/// its id when it is an earlier one.
struct Cursor {
  bool in_history = false;
  std::optional<Kept> last;

  static std::optional<Cursor> parse(std::string_view text) {
    if (text.empty()) return Cursor();
    Cursor cursor{text.front() == 'h', Kept::parse(text.substr(1))};
    if ((!cursor.in_history && text.front() != 'c') || !cursor.last) return std::nullopt;
    return cursor;
  }
  /// Whether an earlier version comes after it, whatever is current by now.
  bool is_before(const VersionId& id) const {
    if (!last) return true;
    const auto kept = Kept::parse(id);
    return kept && (in_history ? *kept < *last : id != last->id);
  }
};

}  // namespace

/// nullopt when it went meanwhile, or is the current one that a crash left in both places.
Step<std::optional<Entry>> Store::entry_of_kept(const History& history, const Kept& kept,
                                                const Stat* current, const std::string& path) {
  auto file = open_regular(services_.files, history.dir(), kept.id);
  if (!file && (is_absence(file.error().error) || is_foreign(file.error().error))) {
    return std::nullopt;
  }
  if (!file) return tl::unexpected(file.error());
  if (current && (is_same_file(*current, file->info) || version_of(*current) == kept.id)) {
    return std::nullopt;
  }
  auto extra = extra_of(services_.files, *file);
  if (!extra && extra.error().error != EBADMSG) return tl::unexpected(extra.error());
  return Entry{path, kept.id, metadata_of(file->info, extra ? std::move(*extra) : Extra()), false};
}

/// The file that readers get, expired or not, then what is kept, newest first. The current one is
/// looked for first: what loses its place meanwhile is then found in the history.
Step<Store::Versions> Store::all_versions(const Names& names) {
  Versions all;
  std::vector<Entry>& entries = all.entries;
  auto place = find(names, Want::value);
  if (!place && !is_foreign(place.error().error)) return tl::unexpected(place.error());
  const OpenFile* current = place && *place ? &(*place)->file : nullptr;
  all.current_file = current != nullptr;
  if (current) {
    auto extra = extra_of(services_.files, *current);
    if (!extra && extra.error().error != EBADMSG) return tl::unexpected(extra.error());
    const bool expired = extra && has_expired(*extra);
    entries.push_back({names.path, version_of(current->info),
                       metadata_of(current->info, extra ? std::move(*extra) : Extra()), !expired});
  }
  auto root = open_root(0);
  if (!root) return tl::unexpected(root.error());
  auto history = History::open(services_.files, (*root)->get(), names);
  if (!history) return tl::unexpected(history.error());
  if (!*history || (!current && (*history)->destroying())) return all;
  for (const Kept& kept : (*history)->kept()) {
    auto entry = entry_of_kept(**history, kept, current ? &current->info : nullptr, names.path);
    if (!entry) return tl::unexpected(entry.error());
    if (*entry) entries.push_back(std::move(**entry));
  }
  return all;
}

Result<Page> Store::versions(const ResourceId& id, const ListOptions& options) {
  const Names names(id);
  const auto cursor = Cursor::parse(options.cursor);
  if (!cursor) {
    return fail(ErrorKind::invalid_request, "not a cursor of this list of versions");
  }
  auto all = all_versions(names);
  if (!all) return fail(all.error(), "cannot list the versions", names.path);
  if (all->entries.empty()) return fail(ErrorKind::not_found, "no such resource");
  Page page;
  bool last_is_file = false;
  for (std::size_t i = 0; i < all->entries.size(); ++i) {
    const bool is_file = i == 0 && all->current_file;
    if (is_file ? cursor->last.has_value() : !cursor->is_before(all->entries[i].version)) continue;
    if (page.entries.size() == options.limit) {
      page.next = (last_is_file ? 'c' : 'h') + page.entries.back().version;
      return page;
    }
    page.entries.push_back(std::move(all->entries[i]));
    last_is_file = is_file;
  }
  return page;
}

Result<> Store::destroy(const ResourceId& id, const VersionId& version) {
  constexpr const char* kFailed = "cannot destroy the version";
  const Names names(id);
  KBS_TRY(Work work, begin(names, kFailed));
  // Also when it has expired: what came before it would come back in its place.
  if (work.served && (version.empty() || version == version_of(work.served->info))) {
    return fail(ErrorKind::conflict,
                "the current version cannot be destroyed: delete the resource, or write it anew");
  }
  const Kept* kept = work.history ? work.history->find(version) : nullptr;
  if (!kept) return no_version();
  const auto time = static_cast<std::int64_t>(kept->time);
  auto gone = work.history->forget(version);
  if (gone) gone = sync_directory(services_.files, work.history->dir());
  if (!gone) return fail(gone.error(), kFailed, names.path);
  if (work.history->holds_nothing()) {
    work.history.reset();
    History::remove_empty(services_.files, work.root->get(), names);
    if (!work.served) work.lock.raise_floor(time);
  }
  return {};
}

Step<> Store::replace_file(const OpenFile& old, int dir, const std::string& name,
                           const Secret& value) {
  auto extra = extra_of(services_.files, old);
  if (!extra) return tl::unexpected(extra.error());
  Replacement how;
  how.mtime = old.info.st_mtim;
  how.finish = [&](int fd, const Stat& info) {
    return give_extra(services_.files, fd, *extra, info);
  };
  auto replaced = replace_durably(services_.files, dir, name, value.expose(), how);
  if (!replaced) return tl::unexpected(replaced.error());
  return {};
}

Step<> Store::replace_current(const Work& work, const Names& names, const Secret& value) {
  auto file = origin_of(work, names).open();
  if (!file) return tl::unexpected(file.error());
  if (version_of(file->info) != version_of(work.served->info)) {
    return tl::unexpected(Failure{EAGAIN, "open the value to replace"});
  }
  return replace_file(*file, work.served_copy()->parent->get(),
                      last_name(work.served->layout, names), value);
}

Result<> Store::replace(const ResourceId& id, const VersionId& version, const Secret& value) {
  constexpr const char* kFailed = "cannot replace the version";
  const Names names(id);
  KBS_TRY(Work work, begin(names, kFailed));
  const bool current = work.served && (version.empty() || version == version_of(work.served->info));
  const VersionId name = current ? version_of(work.served->info) : version;
  const Kept* kept = work.history ? work.history->find(name) : nullptr;
  if (!current && !kept) return no_version();
  Step<> done;
  if (current) {
    const Copy* copy = work.served_copy();
    if (!copy) return no_version();
    if (copy->kind != Copy::Kind::file) return in_the_way(*copy, names);
    if (kept) {  // a crash left it in both places: its old form would become a version of its own
      done = work.history->forget(name);
      if (done) done = sync_directory(services_.files, work.history->dir());
    }
    if (done) done = replace_current(work, names, value);
  } else {
    auto old = open_regular(services_.files, work.history->dir(), name);
    done = old ? replace_file(*old, work.history->dir(), name, value)
               : Step<>(tl::unexpected(old.error()));
  }
  if (!done) return fail(done.error(), kFailed, names.path);
  return {};
}

}  // namespace kbs::storage::local_fs
