// What a crash left: temporary files, histories half made, half destroyed or with a value that has
// its place back. On a read-only store nothing of this comes to pass, quietly.
#include <array>
#include <cerrno>

#include "crypto/random.h"
#include "storage/local_fs/paths.h"
#include "storage/local_fs/work.h"

namespace kbs::storage::local_fs {
namespace {

/// Calls `visit(descriptor, path)` for `dir` and every directory down to `depth` levels below it
/// whose names can be those of resources, the lower ones first.
template <class Visit>
void each_directory(FileOps& files, int dir, const std::string& path, int depth,
                    const Visit& visit) {
  auto names = depth > 0 ? files.list(dir) : SysResult<std::vector<std::string>>();
  for (std::size_t i = 0; names && i < names->size(); ++i) {
    const std::string& name = (*names)[i];
    if (!is_resource_segment(name)) continue;
    auto inner =
        files.open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (!inner) continue;
    each_directory(files, inner->get(), path.empty() ? name : path + '/' + name, depth - 1, visit);
  }
  visit(dir, path);
}

/// After a crash between making a directory and the next one in it. Whoever is about to make that
/// one makes both again.
void remove_if_empty(FileOps& files, int top, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (path.empty()) return;
  if (slash == std::string::npos) {
    (void)files.unlink_at(top, path, AT_REMOVEDIR);
    return;
  }
  auto parent = files.open_beneath(top, path.substr(0, slash),
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (parent) (void)files.unlink_at(parent->get(), path.substr(slash + 1), AT_REMOVEDIR);
}

/// Whether a history needs a closer look, under the lock.
bool is_suspicious(FileOps& files, int dir) {
  auto names = files.list(dir);
  if (!names) return false;
  std::optional<Kept> newest;
  for (const std::string& name : *names) {
    if (name == kMarker) return true;
    auto kept = Kept::parse(name);
    if (kept && (!newest || *newest < *kept)) newest = std::move(kept);
  }
  if (!newest) return true;
  // A second name of the file: perhaps the current one.
  auto info = files.lstat_at(dir, newest->id);
  return info && info->st_nlink > 1;
}

}  // namespace

/// Tried once, on a file that nobody sees.
bool Store::keeps_attributes() {
  FileOps& files = services_.files;
  auto root = open_root(0);
  if (!root) return false;
  std::array<std::byte, 12> random;
  crypto::random_bytes(random);
  const std::string name = std::string(kTempPrefix) + hex(random);
  auto file = files.open_beneath((*root)->get(), name,
                                 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (!file) return false;
  const bool set = files.set_attribute(file->get(), kAttribute, "probe").has_value();
  auto got = set ? files.get_attribute(file->get(), kAttribute)
                 : SysResult<std::string>(tl::unexpected(EOPNOTSUPP));
  (void)files.unlink_at((*root)->get(), name);
  return got && *got == "probe";
}

void Store::recover(const Names& names) {
  auto work = begin(names, "cannot tidy up after a crash", true);
  if (!work) return;
  FileOps& files = services_.files;
  const std::vector<Kept> all = work->history ? work->history->kept() : std::vector<Kept>();
  for (const Kept& kept : all) {
    auto info = files.lstat_at(work->history->dir(), kept.id);
    if (!info) continue;
    const auto is_twin = [&](const Stat& other) {
      return other.st_dev == info->st_dev && other.st_ino == info->st_ino;
    };
    if (work->served && is_twin(work->served->info)) (void)work->history->forget(kept.id);
    // The copy in another layout that a rewrite had yet to remove.
    for (const Copy& copy : work->copies) {
      const bool old = work->served && &copy != work->served_copy();
      if (old && copy.kind == Copy::Kind::file && is_twin(copy.info)) {
        (void)discard(*work, copy, names);
      }
    }
  }
  if (!work->history || work->history->holds_nothing()) {
    work->history.reset();
    History::remove_empty(files, work->root->get(), names);
  }
}

void Store::sweep_history() {
  FileOps& files = services_.files;
  auto root = open_root(0);
  if (!root) return;
  auto top = files.open_beneath((*root)->get(), kHistory,
                                O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (!top) return;
  std::vector<ResourceId> suspicious;
  each_directory(files, top->get(), "", 3, [&](int dir, const std::string& path) {
    auto id = ResourceId::parse(path);
    if (!id) {
      remove_if_empty(files, top->get(), path);
      return;
    }
    sweep_leftovers(files, dir, services_.clock.now());
    if (is_suspicious(files, dir)) suspicious.push_back(std::move(*id));
  });
  for (const ResourceId& id : suspicious) recover(Names(id));
}

void Store::sweep() {
  FileOps& files = services_.files;
  for (std::size_t index = 0; index < options_.roots.size(); ++index) {
    auto root = open_root(index);
    if (!root) continue;
    const int depth = options_.roots[index].tree ? 2 : 0;
    each_directory(files, (*root)->get(), "", depth, [&](int dir, const std::string&) {
      sweep_leftovers(files, dir, services_.clock.now());
    });
  }
  sweep_history();
}

}  // namespace kbs::storage::local_fs
