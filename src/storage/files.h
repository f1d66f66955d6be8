#pragma once
/// Single files, read whole and replaced durably: what LocalFs and the key-value stores share.
/// Everything here blocks; only reading is quick enough for a worker.

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::storage {

using Stat = struct stat;

/// An errno and what we were doing when it came. Some have a meaning of ours: ENXIO, not a regular
/// file; EXDEV, a link leads out of the directory; EAGAIN, it changed under the reader's eyes;
/// EFBIG, over the limit.
struct Failure {
  int error;
  const char* step;
};
template <class T = void>
using Step = tl::expected<T, Failure>;

/// "cannot store the resource: the store is full". `failed` opens the message; `subject`
/// ("default/key/1") is for the operator and stands in the detail.
tl::unexpected<Error> fail(const Failure& failure, const std::string& failed,
                           const std::string& subject,
                           boost::source_location where = BOOST_CURRENT_LOCATION);

/// Nothing is there, and that is certain.
bool is_absence(int error) noexcept;
/// Something is there that is no file of ours: a directory, a FIFO, a link that leads outside or in
/// a circle.
bool is_foreign(int error) noexcept;

/// Opens a directory by its own path, links in it followed: the anchor of everything below.
Step<Fd> open_directory(FileOps& files, const std::string& path);
/// Makes a directory, and its parents, 0700 and durable.
Step<> make_path(FileOps& files, const std::string& path);

struct OpenFile {
  Fd fd;
  Stat info;
};
/// Opens a regular file beneath `dir` for reading; never waits on a FIFO or device.
Step<OpenFile> open_regular(FileOps& files, int dir, const std::string& path);
/// The same without the right to read: for `info`.
Step<OpenFile> look_at(FileOps& files, int dir, const std::string& path);
/// Reads all of `file`; EAGAIN when somebody rewrote it in place meanwhile: open it anew.
Step<SecretBytes> read_whole(FileOps& files, const OpenFile& file, std::uint64_t limit);
/// Opens and reads, again if need be; nullopt when absent.
Step<std::optional<SecretBytes>> read_regular(FileOps& files, int dir, const std::string& path,
                                              std::uint64_t limit);

/// What temporary files are called; they lie beside their target.
inline constexpr std::string_view kTempPrefix = ".kbs-tmp-";

struct Replacement {
  bool create_only = false;            ///< EEXIST when the name is taken, atomically
  std::optional<timespec> newer_than;  ///< the new file's modification time is made later than this
  std::optional<timespec> mtime;       ///< or it is made exactly this
  /// Called with the new file when all but its extended attributes is in it, before the fsync.
  std::function<Step<>(int fd, const Stat& info)> finish;
};

/// A new file, 0600, written and synced under a temporary name beside its target. Unless it is put
/// in place it goes away with this object.
class Draft {
 public:
  /// `dir` stays open as long as the draft.
  static Step<Draft> make(FileOps& files, int dir, std::span<const std::byte> bytes,
                          const Replacement& how);
  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&&) = delete;
  ~Draft();
  const Stat& info() const noexcept { return info_; }
  /// Gives it its name in `dir` (rename, or link for `create_only`) and syncs `dir`. Where the file
  /// system has no links, `create_only` holds among those who hold the same lock.
  Step<> place(const std::string& name, bool create_only);

 private:
  Draft(FileOps& files, int dir, std::string temp)
      : files_(&files), dir_(dir), temp_(std::move(temp)) {}
  Step<> create(const std::string& name);

  FileOps* files_;
  int dir_;
  std::string temp_;  ///< "" when nothing is left to remove
  Stat info_{};
};

/// Puts `bytes` under `name`: a draft, put in place. A failure before the rename leaves the old
/// file and nothing else; after it, the new file may stay.
Step<Stat> replace_durably(FileOps& files, int dir, const std::string& name,
                           std::span<const std::byte> bytes, const Replacement& how);
/// fsync of a directory: what was named, renamed or removed in it before stays so.
Step<> sync_directory(FileOps& files, int dir);
/// Removes the name itself, never what a link points at.
Step<> remove_durably(FileOps& files, int dir, const std::string& name);

/// Directories one below the other, each opened as itself and not through a link (ENOTDIR).
Step<Fd> open_plain(FileOps& files, int dir, std::span<const std::string> names);
/// The same, making 0700 what is absent. When it returns, all of them survive a crash.
Step<Fd> make_plain(FileOps& files, int dir, std::span<const std::string> names);
/// The same for directories that nobody else has a hand in: when they exist it takes one system
/// call, and a link among them is followed as long as it stays beneath `dir`.
Step<Fd> make_own(FileOps& files, int dir, std::span<const std::string> names);

/// Removes temporary files in `dir` that a crash left behind: older than a minute, longer than any
/// write may take.
void sweep_leftovers(FileOps& files, int dir, SysTime now);

/// Orders the writers of one file in this process, whichever handle they came by. Take one at a
/// time, on a thread that may wait.
std::unique_lock<std::mutex> lock_writers(const std::string& path);

inline bool later(const timespec& a, const timespec& b) noexcept {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

inline std::int64_t nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace kbs::storage
