#pragma once
/// The paths in the roots, one after the other in order, without reading more than it takes.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/local_fs/local_fs.h"
#include "storage/local_fs/name_cache.h"
#include "storage/local_fs/root_directory.h"

namespace kbs::storage::local_fs {

/// A name on disk that may stand for a resource.
struct Hit {
  std::size_t root;
  Layout layout;
  int dir;           ///< what it lies in; open until the next step
  std::string name;  ///< in `dir`
};

/// The names of one spelling in one root, in the order of paths.
class PathSource {
 public:
  virtual ~PathSource() = default;
  /// Goes to the next path; false at the end.
  virtual Step<bool> advance() = 0;
  const std::string& path() const noexcept { return path_; }
  virtual Hit hit() const = 0;

 protected:
  std::string path_;
};

/// What lies after `after` and begins with `prefix`. Directories that cannot hold such a path are
/// not opened.
std::unique_ptr<PathSource> flat_source(std::size_t root, Directory dir,
                                        std::shared_ptr<const SortedNames> names,
                                        std::string_view prefix, std::string_view after);
std::unique_ptr<PathSource> tree_source(FileOps& files, NameCache& cache, std::size_t root,
                                        Directory dir, std::shared_ptr<const SortedNames> names,
                                        std::string_view prefix, std::string_view after);

/// Several sources merged.
class Paths {
 public:
  Step<> add(std::unique_ptr<PathSource> source);
  /// The next path, and every name it has; nullopt at the end.
  Step<std::optional<std::string>> next(std::vector<Hit>& hits);

 private:
  std::vector<std::unique_ptr<PathSource>> sources_;  ///< in the order of search
  std::vector<std::size_t> told_;                     ///< those that stand on the path told last
};

/// Something that is no directory of ours, or went away: skipped.
bool is_skipped(int error) noexcept;

}  // namespace kbs::storage::local_fs
