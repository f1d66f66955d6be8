#pragma once
/// Single files, read whole and replaced durably: what LocalFs and the key-value stores share.
/// Everything here blocks; only reading is quick enough for a worker.

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
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
};
/// Puts `bytes` under `name`: temporary file 0600, write, fsync, rename (link for `create_only`),
/// fsync of `dir`. A failure before the rename leaves the old file and nothing else; after it, the
/// new file may stay.
Step<Stat> replace_durably(FileOps& files, int dir, const std::string& name,
                           std::span<const std::byte> bytes, const Replacement& how);
/// Removes the name itself, never what a link points at.
Step<> remove_durably(FileOps& files, int dir, const std::string& name);

/// Directories one below the other, each opened as itself and not through a link (ENOTDIR).
Step<Fd> open_plain(FileOps& files, int dir, std::span<const std::string> names);
/// The same, making 0700 what is absent. When it returns, all of them survive a crash.
Step<Fd> make_plain(FileOps& files, int dir, std::span<const std::string> names);

/// Removes temporary files in `dir` that a crash left behind: older than a minute, longer than any
/// write may take.
void sweep_leftovers(FileOps& files, int dir, SysTime now);

/// Orders the writers of one file in this process, whichever handle they came by. Take one at a
/// time, on a thread that may wait.
std::unique_lock<std::mutex> lock_writers(const std::string& path);

inline bool later(const timespec& a, const timespec& b) noexcept {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

}  // namespace kbs::storage
