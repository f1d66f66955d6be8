#pragma once
/// The earlier values of one resource: `<first root>/.history/<repository>/<type>/<tag>/<version
/// id>`, hard links where possible. Everything here but looking is done under the lock of the
/// resource.

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/backend.h"
#include "storage/files.h"
#include "storage/local_fs/extra.h"
#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {

inline constexpr const char* kHistory = ".history";
/// In the directory of a resource whose history is being destroyed. Beside a current value it means
/// that the deletion did not come to pass.
inline constexpr const char* kMarker = ".destroying";

/// Modification time, inode and size of the file as it was made; opaque outside. See local_fs.h.
VersionId version_of(const Stat& info);

/// One earlier value, by its name.
struct Kept {
  VersionId id;
  std::uint64_t time = 0;  ///< nanoseconds since 1970
  std::uint64_t inode = 0;
  std::uint64_t size = 0;

  /// nullopt when `name` is no version id of ours.
  static std::optional<Kept> parse(std::string_view name);
  /// The one that was written later is the greater.
  std::strong_ordering operator<=>(const Kept& other) const noexcept;
  bool operator==(const Kept& other) const noexcept { return id == other.id; }
};

/// A value that is to be kept: a name to link, and a way to open it where linking is impossible.
struct Origin {
  int dir;           ///< -1 when it cannot be linked
  std::string name;  ///< in `dir`
  std::function<Step<OpenFile>()> open;
  Stat info;
};

class History {
 public:
  /// nullopt when the resource has none.
  static Step<std::optional<History>> open(FileOps& files, int root, const Names& names);
  static Step<History> make(FileOps& files, int root, const Names& names);

  const std::vector<Kept>& kept() const noexcept { return kept_; }  ///< newest first
  bool destroying() const noexcept { return destroying_; }
  bool holds_nothing() const noexcept { return kept_.empty() && !destroying_; }
  const Kept* find(const VersionId& id) const noexcept;
  int dir() const noexcept { return dir_.get(); }

  /// Keeps the value durably; what is there already stays. EAGAIN when it changed meanwhile.
  Step<> keep(const Origin& origin, std::uint64_t limit);
  /// Takes one away; not synced.
  Step<> forget(const VersionId& id);
  /// Takes the oldest away until `most` are left. Best effort, not synced: one that comes back
  /// after a crash goes with the next.
  void prune(std::size_t most);
  /// Notes durably that all of it is to go, or that it is not.
  Step<> mark();
  Step<> unmark();
  /// Removes everything, the marker last. Durable.
  Step<> destroy();
  /// Removes the directories that are empty now. Best effort.
  static void remove_empty(FileOps& files, int root, const Names& names);

 private:
  History(FileOps& files, Fd dir) : files_(&files), dir_(std::move(dir)) {}
  Step<> look();
  Step<> link(const Origin& origin, const VersionId& id);
  Step<> copy(const Origin& origin, std::uint64_t limit, std::optional<timespec> newer_than);
  void note(const VersionId& id);

  FileOps* files_;
  Fd dir_;
  std::vector<Kept> kept_;
  std::vector<std::string> leftovers_;  ///< temporary files of a copy that a crash cut short
  bool destroying_ = false;
};

/// Puts a copy of `from` under `name` in `dir`, durably, with its date (or one later than
/// `newer_than`), content type and expiry. "" as name: the version id of the copy. Returns the
/// name.
Step<std::string> copy_value(FileOps& files, const OpenFile& from, int dir, const std::string& name,
                             std::uint64_t limit, std::optional<timespec> newer_than);
/// Linking is refused here for reasons that do not concern copying.
bool must_copy(int error) noexcept;

}  // namespace kbs::storage::local_fs
