#include <cerrno>

#include "storage/local_fs/paths.h"
#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {

/// nullopt when it has expired. A damaged attribute is told by reading, not by hiding the name.
Step<std::optional<Entry>> Store::entry_of_file(const OpenFile& file, const std::string& path) {
  auto extra = extra_of(services_.files, file);
  if (!extra && extra.error().error != EBADMSG) return tl::unexpected(extra.error());
  if (extra && has_expired(*extra)) return std::nullopt;
  return Entry{path, version_of(file.info),
               metadata_of(file.info, extra ? std::move(*extra) : Extra())};
}

/// What a reader would find under `path`; nullopt when it is nothing, or nothing that is served.
Step<std::optional<Entry>> Store::entry_of(const std::string& path) {
  auto id = ResourceId::parse(path);
  if (!id) return std::nullopt;
  auto place = find(Names(*id), Want::value);
  if (place && *place) return entry_of_file((*place)->file, path);
  if (place || is_foreign(place.error().error)) return std::nullopt;
  if (place.error().error != EACCES) return tl::unexpected(place.error());
  // It is there, but not for us to read: then we cannot know whether it has expired.
  place = find(Names(*id), Want::metadata);
  if (!place) return tl::unexpected(place.error());
  if (!*place) return std::nullopt;
  const Stat& info = (*place)->file.info;
  return Entry{path, version_of(info), metadata_of(info, Extra())};
}

/// The same for a resource of one name only. Without the walk that finding it takes.
Step<std::optional<Entry>> Store::entry_at(int dir, const std::string& name,
                                           const std::string& path) {
  auto info = services_.files.lstat_at(dir, name);
  if (!info || !S_ISREG(info->st_mode)) return entry_of(path);
  auto fd = services_.files.open_beneath(dir, name,
                                         O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
  info = fd ? services_.files.fstat(fd->get()) : info;
  if (!fd || !info || !S_ISREG(info->st_mode)) return entry_of(path);
  return entry_of_file(OpenFile{std::move(*fd), *info}, path);
}

Result<Page> Store::list(const ListOptions& options) {
  KBS_OK(check(options));
  constexpr const char* kFailed = "cannot list the resources";
  Paths paths;
  for (std::size_t root = 0; root < options_.roots.size(); ++root) {
    const Root& where = options_.roots[root];
    auto dir = open_root(root);
    if (!dir && root > 0 && is_absence(dir.error().error)) continue;
    if (!dir) return fail(dir.error(), kFailed, where.path);
    auto names = names_.names(services_.files, (*dir)->get(), Order::directories);
    if (!names) return fail(names.error(), kFailed, where.path);
    Step<> added;
    if (where.flat) {
      added = paths.add(flat_source(root, *dir, *names, options.prefix, options.cursor));
    }
    if (added && where.tree) {
      added = paths.add(
          tree_source(services_.files, names_, root, *dir, *names, options.prefix, options.cursor));
    }
    if (!added) return fail(added.error(), kFailed, where.path);
  }
  Page page;
  std::string last;
  for (std::vector<Hit> hits;;) {
    auto path = paths.next(hits);
    if (!path) return fail(path.error(), kFailed, last);
    if (!*path) break;
    if (page.entries.size() == options.limit) {
      page.next = last;
      return page;
    }
    const bool alone = hits.size() == 1 || hits[0].root != hits[1].root;
    auto entry = alone ? entry_at(hits[0].dir, hits[0].name, **path) : entry_of(**path);
    if (!entry) return fail(entry.error(), kFailed, **path);
    if (*entry) page.entries.push_back(std::move(**entry));
    last = std::move(**path);
  }
  if (!options.cursor.empty()) names_.clear();  // this was the last of several pages
  return page;
}

}  // namespace kbs::storage::local_fs
