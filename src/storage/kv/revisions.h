#pragma once
/// Version ids for the keys of one file that has room for keys and values only.
///
/// Every change of the file gives it a later modification time, in every process (see
/// `replace_durably`), so that time names a revision of the whole file. The version of a key is the
/// revision since which it is known to be unchanged: the one that wrote it, or, where others wrote
/// the file in between, the one in which we found it. So an id always means "the value of this key
/// in that revision": it tells nothing of the value, no write repeats it, it means the same in
/// every process and after a restart, and all that ignorance ever costs is a `conflict` too many.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "storage/backend.h"
#include "storage/files.h"

namespace kbs::storage::kv {

/// Not thread-safe.
class Revisions {
 public:
  /// The file is as `info` says: somebody else's revision unless it is the last we know.
  void seen(const Stat& info);
  /// We turned the revision last seen into this one, and changed nothing but `key`.
  void wrote(const std::string& key, const Stat& info);
  void dropped(const std::string& key, const Stat& info);

  VersionId id_of(std::string_view key) const;
  /// Whether `key` now has the value that it had at `version`.
  bool is_at(std::string_view key, const VersionId& version) const;
  SysTime updated(std::string_view key) const;
  /// The modification time of the revision last seen; later ones must be later.
  timespec last_time() const noexcept;

 private:
  using Moment = std::int64_t;  ///< nanoseconds since the epoch
  struct State {
    Moment moment = INT64_MIN;
    ino_t inode = 0;
    off_t size = 0;
    bool operator==(const State&) const = default;
  };
  static State state_of(const Stat& info) noexcept;
  Moment since(std::string_view key) const;

  State last_;
  Moment found_ = INT64_MIN;  ///< of the keys that are not in `ours_`
  std::map<std::string, Moment, std::less<>> ours_;
};

}  // namespace kbs::storage::kv
