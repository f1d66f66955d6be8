#include <algorithm>
#include <cerrno>
#include <set>

#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {
namespace {

/// Something that is no directory of ours, or went away: skipped.
bool is_skipped(int error) noexcept { return is_absence(error) || is_foreign(error); }

/// `name/` of every name that can be a segment, in the order in which their contents sort.
std::vector<std::string> sorted_prefixes(const std::vector<std::string>& names,
                                         const std::string& above) {
  std::vector<std::string> prefixes;
  for (const std::string& name : names) {
    if (is_resource_segment(name)) prefixes.push_back(above + name + '/');
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

}  // namespace

/// The smallest paths after `after` that begin with `prefix`, at most `room` of them, each once.
class Store::Selection {
 public:
  Selection(std::string prefix, std::string after, std::size_t room)
      : prefix_(std::move(prefix)), after_(std::move(after)), room_(room) {}

  void offer(std::string path) {
    if (path <= after_ || !path.starts_with(prefix_)) return;
    paths_.insert(std::move(path));
    if (paths_.size() > room_) paths_.erase(std::prev(paths_.end()));
  }

  /// Whether a path that begins with `directory` could still be taken.
  bool may_take(const std::string& directory) const {
    if (!prefix_.starts_with(directory) && !directory.starts_with(prefix_)) return false;
    if (directory < after_ && !after_.starts_with(directory)) return false;
    return paths_.size() < room_ || directory < *paths_.rbegin();
  }

  const std::set<std::string>& paths() const noexcept { return paths_; }
  bool full() const noexcept { return paths_.size() == room_; }

 private:
  const std::string prefix_;
  const std::string after_;
  const std::size_t room_;
  std::set<std::string> paths_;
};

/// Goes through one root. Directories that cannot hold a wanted path are not opened.
class Store::Walk {
 public:
  explicit Walk(FileOps& files) : files_(files) {}

  Step<> select(const Root& root, Selection& selection) {
    auto dir = open_directory(files_, root.path);
    if (!dir) return tl::unexpected(dir.error());
    auto names = files_.list(dir->get());
    if (!names) return tl::unexpected(Failure{names.error(), "list the store's directory"});
    if (root.flat) {
      for (const std::string& name : *names) {
        if (auto id = resource_of_flat_name(name)) selection.offer(id->path());
      }
    }
    if (root.tree) return select_tree(dir->get(), *names, selection);
    return {};
  }

  /// Every directory that can hold a file of ours.
  template <class Visit>
  void each_directory(const Root& root, Visit visit) {
    auto dir = open_directory(files_, root.path);
    if (!dir) return;
    visit(dir->get());
    if (!root.tree) return;
    for (const std::string& repository : children(dir->get(), "")) {
      auto inner = open_below(dir->get(), repository);
      if (!inner) continue;
      for (const std::string& type : children(inner->get(), "")) {
        if (auto leaf = open_below(inner->get(), type)) visit(leaf->get());
      }
    }
  }

 private:
  SysResult<Fd> open_below(int dir, const std::string& path) {
    return files_.open_beneath(dir, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  }

  std::vector<std::string> children(int dir, const std::string& above) {
    auto names = files_.list(dir);
    return names ? sorted_prefixes(*names, above) : std::vector<std::string>();
  }

  Step<std::optional<std::vector<std::string>>> names_in(int root, const std::string& directory) {
    auto dir = open_below(root, directory);
    if (!dir && is_skipped(dir.error())) return std::nullopt;
    if (!dir) return tl::unexpected(Failure{dir.error(), "open a directory"});
    auto names = files_.list(dir->get());
    if (!names) return tl::unexpected(Failure{names.error(), "list a directory"});
    return std::move(*names);
  }

  Step<> select_tree(int root, const std::vector<std::string>& top, Selection& selection) {
    for (const std::string& repository : sorted_prefixes(top, "")) {
      if (!selection.may_take(repository)) continue;
      auto types = names_in(root, repository);
      if (!types) return tl::unexpected(types.error());
      if (!*types) continue;
      for (const std::string& type : sorted_prefixes(**types, repository)) {
        if (!selection.may_take(type)) continue;
        auto tags = names_in(root, type);
        if (!tags) return tl::unexpected(tags.error());
        if (!*tags) continue;
        for (const std::string& tag : **tags) {
          if (is_resource_segment(tag)) selection.offer(type + tag);
        }
      }
    }
    return {};
  }

  FileOps& files_;
};

/// What a reader would find under `path`; nullopt when it is nothing, or nothing that is served.
Step<std::optional<Entry>> Store::entry_of(const std::string& path) {
  auto id = ResourceId::parse(path);
  if (!id) return std::nullopt;
  auto place = find(Names(*id), Want::metadata);
  if (!place && is_foreign(place.error().error)) return std::nullopt;
  if (!place) return tl::unexpected(place.error());
  if (!*place) return std::nullopt;
  const Stat& info = (*place)->file.info;
  Entry entry{path, version_of(info), {}};
  entry.metadata.size = static_cast<std::uint64_t>(info.st_size);
  entry.metadata.updated = updated_at(info);
  return entry;
}

Result<Page> Store::list(const ListOptions& options) {
  KBS_OK(check(options));
  Page page;
  std::string after = options.cursor;
  for (;;) {
    Selection selection(options.prefix, after, options.limit + 1);
    Walk walk(services_.files);
    for (std::size_t root = 0; root < options_.roots.size(); ++root) {
      auto walked = walk.select(options_.roots[root], selection);
      if (walked || (root > 0 && is_absence(walked.error().error))) continue;
      return fail(walked.error(), "cannot list the resources", options_.roots[root].path);
    }
    for (const std::string& path : selection.paths()) {
      if (page.entries.size() == options.limit) {
        page.next = after;
        return page;
      }
      auto entry = entry_of(path);
      if (!entry) return fail(entry.error(), "cannot list the resources", path);
      if (*entry) page.entries.push_back(std::move(**entry));
      after = path;
    }
    if (!selection.full()) return page;
  }
}

void Store::sweep() {
  Walk walk(services_.files);
  for (const Root& root : options_.roots) {
    walk.each_directory(
        root, [this](int dir) { sweep_leftovers(services_.files, dir, services_.clock.now()); });
  }
}

}  // namespace kbs::storage::local_fs
