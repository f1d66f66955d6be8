#pragma once
/// A file layer that performs every operation and remembers what it changed, so that a test can ask
/// what a power cut would have left.

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"

namespace kbs::storage::testing {

/// A file or directory, whatever its names. 0 is the root of the record.
using ObjectId = std::uint32_t;

/// One thing that changed on the disk, or was made durable.
struct Change {
  enum class Kind { make, link, rename, unlink, write, truncate, date, attribute, sync, sync_data };
  Kind kind{};
  ObjectId object = 0;        ///< what was made, linked, moved, unlinked, written or synced
  ObjectId directory = 0;     ///< where its name is, or was before a rename
  std::string name{};         ///< that name; of an attribute its own
  ObjectId to_directory = 0;  ///< of a rename
  std::string to_name{};
  bool is_directory = false;  ///< of `make`
  ino_t inode = 0;            ///< of `make`
  off_t offset = 0;           ///< of `write`; of `truncate` the size
  std::string bytes{};        ///< of `write` and `attribute`
  timespec mtime{};           ///< of the object afterwards: make, write, truncate, date
};

/// Performs and records, below one directory; elsewhere it only performs. Syncs are recorded and
/// not performed. Thread-safe: changes stand in the record in the order in which they happened.
class RecordedFiles : public FileOps {
 public:
  /// `root` exists. What is in it already opens the record, as if made and synced just now.
  explicit RecordedFiles(const std::string& root);

  /// Names what the caller does from here on; it becomes part of the names of sync sites.
  void doing(std::string what);
  /// Syncs at this site are neither performed nor recorded: a build without that line.
  void leave_out(std::string site);

  /// Not while others are at work.
  const std::vector<Change>& record() const noexcept { return record_; }
  /// How much of the record tells what was there at first.
  std::size_t beginning() const noexcept { return beginning_; }
  /// Where something was synced that was not durable yet, in the order of their first time:
  /// "overwrite: directory */* after rename". Names of ours are `*`, those with a dot stay.
  const std::vector<std::string>& sites() const noexcept { return sites_; }
  /// How long the record was when a sync was first left out; npos when none was.
  std::size_t left_out_at() const noexcept { return left_out_at_; }
  static constexpr std::size_t npos = SIZE_MAX;

  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override;
  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) override;
  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override;
  SysResult<> fsync(int fd) override;
  SysResult<> fdatasync(int fd) override;
  SysResult<> mkdir_at(int dir, const std::string& name, mode_t mode) override;
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override;
  SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                      const std::string& to) override;
  SysResult<> unlink_at(int dir, const std::string& name, int flags) override;
  SysResult<> set_mtime(int fd, const timespec& mtime) override;
  SysResult<> set_attribute(int fd, const char* name, std::string_view value) override;

 private:
  struct Known {
    std::string place;            ///< "*/*/.kbs-tmp-", for the names of sites
    std::set<std::string> dirty;  ///< what happened to it since it was synced
    bool directory = false;
  };

  const ObjectId* find(const struct stat& info) const;
  const ObjectId* find(int fd);
  /// A new object of that name; its first change is `make`.
  void take_stock(ObjectId directory, const std::string& path);
  ObjectId add(ObjectId directory, const std::string& name, const struct stat& info);
  void note(Change change, ObjectId touched, const char* what);
  SysResult<Fd> made_by_open(const ObjectId* directory, const std::string& name, int flags, Fd fd);
  SysResult<> sync(int fd, bool data_only);

  std::recursive_mutex lock_;
  std::vector<Change> record_;
  std::map<std::pair<dev_t, ino_t>, ObjectId> by_inode_;
  std::map<ObjectId, Known> known_;
  std::size_t beginning_ = 0;
  std::string doing_ = "open";
  std::string left_out_;
  std::size_t left_out_at_ = npos;
  std::vector<std::string> sites_;
};

}  // namespace kbs::storage::testing
