#pragma once
/// The files behind `LocalFs`. All of it blocks; `LocalFs` decides what runs where.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "storage/files.h"
#include "storage/local_fs/extra.h"
#include "storage/local_fs/history.h"
#include "storage/local_fs/local_fs.h"
#include "storage/local_fs/name_cache.h"
#include "storage/local_fs/names.h"
#include "storage/local_fs/process_lock.h"
#include "storage/local_fs/root_directory.h"

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
  Directory parent;  ///< its directory, opened as itself; none when it lies behind a link
  enum class Kind { file, link, foreign, behind_link } kind;
  Stat info{};

  bool is_removable() const noexcept { return kind == Kind::file || kind == Kind::link; }
};

/// Thread-safe: what it holds beside counters are caches; the file system is the state.
class Store {
 public:
  Store(Options options, Services services);

  /// Makes and opens the first root, and learns what its file system can do; the message of a
  /// failure names it.
  Result<> prepare();
  /// Removes what a crash left, in all roots, and finishes what it cut short.
  void sweep();

  Result<Resource> read(const ResourceId& id, const ReadOptions& options);
  Result<VersionId> write(const ResourceId& id, const Secret& value, const WriteOptions& options);
  Result<> remove(const ResourceId& id, const RemoveOptions& options);
  Result<> undelete(const ResourceId& id);
  Result<Page> list(const ListOptions& options);
  Result<Page> versions(const ResourceId& id, const ListOptions& options);
  Result<> destroy(const ResourceId& id, const VersionId& version);
  Result<> replace(const ResourceId& id, const VersionId& version, const Secret& value);
  Result<> health();

  const Capabilities& capabilities() const noexcept { return capabilities_; }
  const Options& options() const noexcept { return options_; }
  FileOps& files() const noexcept { return services_.files; }

 private:
  /// O_RDONLY for readers, O_PATH for those who want to know and not to read.
  enum class Want { value, metadata };
  /// What a changing operation holds and knows.
  struct Work;

  // resolve.cc
  Step<Directory> open_root(std::size_t root);
  Step<std::optional<Place>> find(const Names& names, Want want);
  Step<std::optional<Place>> find_in(std::size_t root, const Names& names, Want want);
  Step<std::optional<OpenFile>> open_layout(int dir, std::size_t root, const Names& names,
                                            Layout layout, Want want);
  bool has(std::size_t root, Layout layout, const Names& names) const;
  void warn(const char* message, const Names& names);
  bool has_expired(const Extra& extra) const;

  // read.cc
  Step<std::optional<Resource>> read_once(const Names& names, const VersionId& version);
  Step<std::optional<Resource>> read_kept(const Names& names, const VersionId& version);
  Step<std::optional<Resource>> take(const OpenFile& file, VersionId version);

  // work.cc
  Result<Work> begin(const Names& names, const char* failed, bool quiet = false);
  Step<> look_around(Work& work, const Names& names);
  Step<std::vector<Copy>> copies_of(Work& work, const Names& names);
  Step<std::optional<Copy>> copy_in(const Directory& root, std::size_t index, Layout layout,
                                    const Names& names);
  Step<> settle_marker(Work& work, const Names& names);
  Step<bool> is_expired(const Work& work, const Names& names);
  Result<> check_target(const Work& work, const Names& names) const;
  Origin origin_of(const Work& work, const Names& names);
  Step<> keep_current(Work& work, const Names& names);
  Step<> discard(const Work& work, const Copy& copy, const Names& names);
  Step<> discard_all(const Work& work, const Names& names);
  void prune_directories(const Directory& root, const Names& names);

  // write.cc
  std::optional<Result<VersionId>> write_once(const Names& names, const Secret& value,
                                              const WriteOptions& options);
  Step<Directory> target_directory(const Work& work, const Names& names);
  Step<Stat> put(Work& work, const Names& names, const Secret& value, const WriteOptions& options);
  Result<> discard_older(const Work& work, const Names& names);
  timespec last_write(const Work& work) const;
  void note_write(const Work& work, const Stat& written);

  // remove.cc
  Step<> destroy_all(Work& work, const Names& names);
  Step<> bring_back(Work& work, const Names& names);
  Step<> name_anew(const History& history, const VersionId& version, int dir,
                   const std::string& name);

  // versions.cc
  Step<std::optional<Entry>> entry_of_kept(const History& history, const Kept& kept,
                                           const Stat* current, const std::string& path);
  struct Versions {
    std::vector<Entry> entries{};
    bool current_file = false;  ///< the first is the file that readers get
  };
  Step<Versions> all_versions(const Names& names);
  Step<> replace_file(const OpenFile& old, int dir, const std::string& name, const Secret& value);
  Step<> replace_current(const Work& work, const Names& names, const Secret& value);

  // list.cc
  Step<std::optional<Entry>> entry_of(const std::string& path);
  Step<std::optional<Entry>> entry_at(int dir, const std::string& name, const std::string& path);
  Step<std::optional<Entry>> entry_of_file(const OpenFile& file, const std::string& path);

  // recover.cc
  bool keeps_attributes();
  void sweep_history();
  void recover(const Names& names);

  const Options options_;
  const Services services_;
  Capabilities capabilities_;
  std::vector<std::unique_ptr<RootDirectory>> roots_;
  NameCache names_;
  LockFile lock_file_;
  std::atomic<std::int64_t> next_warning_{0};  ///< steady time, in milliseconds
  std::atomic<std::int64_t> last_write_{0};    ///< the newest file of ours, in nanoseconds
};

SysTime updated_at(const Stat& info);
/// What a version is, but for its value.
Metadata metadata_of(const Stat& info, Extra extra);

}  // namespace kbs::storage::local_fs
