#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/encoding.h"

namespace kbs {
namespace {

ErrorKind kind_of(int err) {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
    case EROFS:
    case EACCES:
    case EPERM:
      return ErrorKind::unavailable;
    case ENAMETOOLONG:
      return ErrorKind::invalid_request;
    default:
      return ErrorKind::internal;
  }
}

/// "ENOENT: No such file or directory". Not strerror, which threads may not share.
std::string errno_text(int err) {
  const char* name = ::strerrorname_np(err);
  const char* description = ::strerrordesc_np(err);
  if (!name || !description) return "errno " + std::to_string(err);
  return std::string(name) + ": " + description;
}

std::string_view remedy(int err) {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return "create it or correct the path";
    case EACCES:
    case EPERM:
      return "let the user of this process read it";
    case ELOOP:
      return "a symbolic link leads back to itself";
    default:
      return "check the file and its disk";
  }
}

tl::unexpected<Error> cannot_read(const std::string& path, int err) {
  const std::string detail = errno_text(err);
  return fail(kind_of(err),
              "cannot read " + path + ": " + detail.substr(detail.find(' ') + 1) + " (" +
                  std::string(remedy(err)) + ")",
              detail);
}

std::string_view what_it_is(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Where a path's file lives, and its name there.
struct Place {
  std::string directory;
  std::string name;
};

Place split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

SysResult<> write_all(FileOps& files, int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const SysResult<std::size_t> written = files.write(fd, bytes);
    if (!written) return tl::unexpected(written.error());
    if (*written == 0) return tl::unexpected(EIO);  // no progress and no reason: do not spin
    bytes = bytes.subspan(*written);
  }
  return {};
}

struct Temporary {
  std::string name;
  Fd fd;
};

/// A new file in `dir`, named so that no resource or glob takes it for the real one.
SysResult<Temporary> make_temporary(FileOps& files, int dir, const std::string& name, mode_t mode) {
  static std::atomic<unsigned> counter{0};
  for (int tries = 0; tries < 100;
       ++tries) {  // names of a crashed process that had our pid are passed over
    std::string temporary = ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    // Beside a name of 255 bytes there is no room for more: the name only helps people.
    if (temporary.size() + 1 + name.size() <= NAME_MAX) temporary += "-" + name;
    SysResult<Fd> fd =
        files.open_beneath(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (fd) return Temporary{std::move(temporary), std::move(*fd)};
    if (fd.error() != EEXIST) return tl::unexpected(fd.error());
  }
  return tl::unexpected(EEXIST);
}

}  // namespace

Error error_from_errno(int err, std::string_view what, boost::source_location where) {
  return Error{kind_of(err), "cannot " + std::string(what), errno_text(err), where};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  FileOps& files = system_files();
  // O_NONBLOCK: opening a FIFO must not wait for a writer who never comes.
  const SysResult<Fd> fd = files.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return cannot_read(path, fd.error());
  const SysResult<struct stat> st = files.fstat(fd->get());
  if (!st) return cannot_read(path, st.error());
  if (!S_ISREG(st->st_mode)) {
    return fail(ErrorKind::invalid_request, "cannot read " + path + ": it is " +
                                                std::string(what_it_is(st->st_mode)) +
                                                " (name a regular file)");
  }
  // In one piece when the size is right, so that no half-read copy of a key is left behind by
  // growing. The size is only a hint: files may grow, and those of /proc say 0.
  std::string text(std::min(static_cast<std::size_t>(st->st_size), limit) + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const std::span<char> room = std::span(text).subspan(size);
    const SysResult<std::size_t> read =
        files.pread(fd->get(), std::as_writable_bytes(room), static_cast<off_t>(size));
    if (!read) return cannot_read(path, read.error());
    size += *read;
    if (size > limit) {
      return fail(ErrorKind::too_large, "cannot read " + path + ": it is longer than " +
                                            std::to_string(limit) + " bytes");
    }
    if (*read == 0) break;
    if (size == text.size()) text.resize(std::min(size * 2, limit) + 1);
  }
  text.resize(size);
  return text;
}

Result<> write_file_durably(FileOps& files, const std::string& path,
                            std::span<const std::byte> bytes, mode_t mode) {
  const Place place = split(path);
  if (place.name.empty() || place.name == "." || place.name == "..") {
    return fail(ErrorKind::invalid_request, "cannot write " + path + ": it names no file");
  }
  const auto failed = [](int err, std::string_view what) {
    return tl::unexpected(error_from_errno(err, what));
  };
  const SysResult<Fd> dir = files.open(place.directory, O_RDONLY | O_DIRECTORY);
  if (!dir) return failed(dir.error(), "open the directory of a file to write");
  const SysResult<Temporary> temporary = make_temporary(files, dir->get(), place.name, mode);
  if (!temporary) return failed(temporary.error(), "create a temporary file");

  // The bytes must be on the disk before the name points to them, and the name before we say so.
  const char* step = "write a temporary file";
  SysResult<> done = write_all(files, temporary->fd.get(), bytes);
  if (done) {
    step = "sync a temporary file";
    done = files.fsync(temporary->fd.get());
  }
  if (done) {
    step = "rename a temporary file";
    done = files.rename_at(dir->get(), temporary->name, dir->get(), place.name);
  }
  if (!done) {
    (void)files.unlink_at(dir->get(), temporary->name);  // the first error is the one to tell
    return failed(done.error(), step);
  }
  if (done = files.fsync(dir->get()); !done) return failed(done.error(), "sync a directory");
  return {};
}

}  // namespace kbs
