#pragma once
/// The files behind `LocalFs`. All of it blocks; `LocalFs` decides what runs where.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "storage/files.h"
#include "storage/local_fs/local_fs.h"
#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {

/// Where a reader finds a resource.
struct Place {
  std::size_t root;
  Layout layout;
  OpenFile file;
};

/// One name on disk that stands, or seems to stand, for a resource: what writers and deleters work
/// on.
struct Copy {
  std::size_t root;
  Layout layout;
  Fd parent;  ///< its directory, opened as itself; none when it lies behind a link
  enum class Kind { file, link, foreign, behind_link } kind;
};

/// Thread-safe: it holds no state but counters; the file system is the state.
class Store {
 public:
  Store(Options options, Services services);

  /// Makes and opens the first root; the message of a failure names it.
  Result<> prepare();
  /// Removes what a crash left, in all roots.
  void sweep();

  Result<Resource> read(const ResourceId& id, const ReadOptions& options);
  Result<VersionId> write(const ResourceId& id, const Secret& value, const WriteOptions& options);
  Result<> remove(const ResourceId& id, const RemoveOptions& options);
  Result<Page> list(const ListOptions& options);
  Result<> health();

  const Capabilities& capabilities() const noexcept { return capabilities_; }

 private:
  /// O_RDONLY for readers, O_PATH for those who want to know and not to read.
  enum class Want { value, metadata };

  // resolve.cc
  Step<Fd> open_root(std::size_t root);
  Step<std::optional<Place>> find(const Names& names, Want want);
  Step<std::optional<Place>> find_in(std::size_t root, const Names& names, Want want);
  Step<std::optional<OpenFile>> open_layout(int dir, std::size_t root, const Names& names,
                                            Layout layout, Want want);
  Step<std::optional<Resource>> read_once(const Names& names, const ReadOptions& options);
  void warn(const char* message, const Names& names);

  // write.cc
  Step<std::vector<Copy>> copies_of(const Names& names);
  Step<std::optional<Copy>> copy_in(std::size_t root, Layout layout, const Names& names);
  Result<> check_target(const std::vector<Copy>& copies, const Names& names) const;
  Step<Stat> put(const Names& names, const Secret& value, const Replacement& how);
  Step<> discard(const Copy& copy, const Names& names);
  Result<> discard_older(const std::vector<Copy>& copies, const Names& names);
  void prune(std::size_t root, const Names& names);
  timespec last_write(const OpenFile* current) const;
  void note_write(const Stat& written, const OpenFile* current);

  // list.cc
  class Selection;
  class Walk;
  Step<std::optional<Entry>> entry_of(const std::string& path);

  const Options options_;
  const Services services_;
  const Capabilities capabilities_;
  std::atomic<std::int64_t> next_warning_{0};  ///< steady time, in milliseconds
  std::atomic<std::int64_t> last_write_{0};    ///< the newest file of ours, in nanoseconds
};

/// Opaque outside; see local_fs.h.
VersionId version_of(const Stat& info);
SysTime updated_at(const Stat& info);

}  // namespace kbs::storage::local_fs
