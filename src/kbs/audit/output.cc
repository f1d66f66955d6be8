#include "kbs/audit/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/log.h"

namespace kbs::audit {
namespace {

/// No line of ours is longer: request bodies never get into one.
constexpr off_t kLongestLine = 1 << 20;

tl::unexpected<Error> cannot_open(const std::string& path, std::string_view why, ErrorKind kind,
                                  std::string detail = {}) {
  return fail(kind, "cannot open the audit file " + path + ": " + std::string(why),
              std::move(detail));
}

tl::unexpected<Error> cannot_open(const std::string& path, int err) {
  const Error error = error_from_errno(err, "open");
  std::string why = error.detail.substr(error.detail.find(' ') + 1);
  if (err == ENOENT) why += " (create its directory)";
  if (err == EACCES || err == EPERM) why += " (let the user of the server write there)";
  if (err == EISDIR) why = "it is a directory (name a file in it)";
  return cannot_open(path, why, error.kind, error.detail);
}

/// A new name in a directory is durable only once the directory is synced.
SysResult<> sync_directory_of(FileOps& files, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const SysResult<Fd> fd = files.open(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return tl::unexpected(fd.error());
  return files.fsync(fd->get());
}

}  // namespace

Result<Output> Output::open_file(FileOps& files, const std::string& path) {
  if (path.empty()) {
    return fail(ErrorKind::invalid_request, "the audit trail goes to a file, but no path is given");
  }
  // Read and write: to see how the file ends, and because opening a FIFO this way waits for nobody.
  SysResult<Fd> fd = files.open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
  if (!fd) return cannot_open(path, fd.error());
  const SysResult<struct stat> st = files.fstat(fd->get());
  if (!st) return cannot_open(path, st.error());
  if (!S_ISREG(st->st_mode)) {
    return cannot_open(path,
                       S_ISFIFO(st->st_mode)
                           ? "it is a FIFO (name a regular file, or use the stdout sink)"
                           : "it is no regular file (name one, or use the stdout sink)",
                       ErrorKind::invalid_request);
  }
  if (st->st_mode & 0022) {
    log_line(LogLevel::warn, "audit", "others may write the audit file: chmod 0600",
             {{"path", path}});
  }
  Output output(files, std::make_shared<Fd>(std::move(*fd)));
  output.is_file_ = true;
  output.device_ = st->st_dev;
  output.inode_ = st->st_ino;
  KBS_OK(output.look_at_end(path, st->st_size));
  if (const SysResult<> synced = sync_directory_of(files, path); !synced)
    return cannot_open(path, synced.error());
  return output;
}

Output Output::standard_output(FileOps& files) {
  return Output(files, std::shared_ptr<Fd>(new Fd(STDOUT_FILENO), [](Fd* fd) {
                  (void)fd->release();  // the process's, not ours to close
                  delete fd;
                }));
}

Result<> Output::look_at_end(const std::string& path, off_t size) {
  std::string tail(static_cast<std::size_t>(std::min(size, kLongestLine)), '\0');
  for (std::size_t have = 0; have < tail.size();) {
    const std::span<char> room = std::span(tail).subspan(have);
    const off_t at = size - static_cast<off_t>(tail.size() - have);
    const SysResult<std::size_t> read = files_->pread(fd_->get(), std::as_writable_bytes(room), at);
    if (!read) return cannot_open(path, read.error());
    if (*read == 0) return cannot_open(path, "it shrank while we looked", ErrorKind::unavailable);
    have += *read;
  }
  return explain_tail(path, tail, std::cmp_less(tail.size(), size));
}

/// A server before us may have been stopped in the middle of a line, or on a full disk: the lines
/// at the end that cannot be read are torn, and our header answers for them.
Result<> Output::explain_tail(const std::string& path, std::string_view tail, bool more_before) {
  at_line_start_ = tail.empty() || tail.ends_with('\n');
  if (!tail.empty() && at_line_start_) tail.remove_suffix(1);
  while (!tail.empty()) {
    const std::size_t feed = tail.rfind('\n');
    const std::string_view line = feed == std::string_view::npos ? tail : tail.substr(feed + 1);
    if (parse_json_object(line)) break;  // whole, if only for its line feed
    if (feed == std::string_view::npos && more_before) {
      return cannot_open(path, "it is no audit file (its last line is too long)",
                         ErrorKind::invalid_request);
    }
    fragments_.insert(fragments_.begin(), {line.size(), line_hash(line)});
    tail = tail.substr(0, feed == std::string_view::npos ? 0 : feed);
  }
  return {};
}

SysResult<> Output::write_line(std::string_view line) {
  if (!at_line_start_) {
    const SysResult<std::size_t> written = files_->write(fd_->get(), as_bytes("\n"));
    if (!written) return tl::unexpected(written.error());
    if (*written == 0) return tl::unexpected(EIO);
    at_line_start_ = true;
  }
  std::size_t done = 0;
  int err = 0;
  while (done < line.size() && err == 0) {
    const SysResult<std::size_t> written = files_->write(fd_->get(), as_bytes(line.substr(done)));
    if (!written)
      err = written.error();
    else if (*written == 0)
      err = EIO;  // no progress and no reason
    else
      done += *written;
  }
  if (err == 0) return {};
  if (done == 0) return tl::unexpected(err);
  at_line_start_ = false;
  if (done == line.size() - 1) return {};  // all but the line feed, which the next line brings
  fragments_.push_back({done, line_hash(line.substr(0, done))});
  return tl::unexpected(err);
}

}  // namespace kbs::audit
