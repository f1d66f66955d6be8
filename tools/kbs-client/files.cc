#include "kbs-client/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"

namespace kbs::client {
namespace {

/// errno in the words of the system, with what we were doing: "cannot read x: No such file or
/// directory".
tl::unexpected<Error> failed(int err, std::string what) {
  Error error = error_from_errno(err, what);
  error.message = what + ": " + std::generic_category().message(err);
  error.detail.clear();
  return tl::unexpected(std::move(error));
}

Result<Secret> read_all(int fd, const std::string& name, std::size_t limit) {
  SecretBytes bytes;
  std::array<std::byte, 16384> chunk;
  ssize_t got = 0;
  do {
    got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno != EINTR) return failed(errno, "cannot read " + name);
    if (got > 0) bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + got);
  } while (got != 0 && bytes.size() <= limit);
  wipe(chunk.data(), chunk.size());
  if (bytes.size() > limit) {
    return fail(ErrorKind::too_large, name + " is larger than " + std::to_string(limit) + " bytes");
  }
  return Secret(std::move(bytes));
}

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

Result<Secret> read_secret_file(const std::string& path, bool dash_is_stdin, std::size_t limit) {
  if (dash_is_stdin && path == "-") return read_all(STDIN_FILENO, "standard input", limit);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failed(errno, "cannot read " + path);
  return read_all(fd.get(), path, limit);
}

Result<Secret> read_file_beneath(const std::string& folder, const std::string& path,
                                 std::size_t limit) {
  // Not waiting for a FIFO's other end; whether it is one we see when it is open.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const std::string what = "cannot read " + path;
  Fd file;
  if (path.starts_with('/')) {
    file = Fd(::open(path.c_str(), kFlags));
    if (!file) return failed(errno, what);
  } else {
    const Fd dir(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!dir) return failed(errno, what);
    auto opened = system_files().open_beneath(dir.get(), path, kFlags);
    if (!opened && (opened.error() == EXDEV || opened.error() == ELOOP)) {
      return fail(ErrorKind::denied,
                  what + ": it leads out of the folder " + folder +
                      ", by `..` or a link; write its absolute path if that is what you want");
    }
    if (!opened) return failed(opened.error(), what);
    file = std::move(*opened);
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return failed(errno, what);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorKind::invalid_request, what + ": it is not a regular file");
  return read_all(file.get(), path, limit);
}

Result<Secret> read_token_file(const std::string& path) {
  KBS_TRY(Secret file, read_secret_file(path, false, 1u << 20));
  std::string_view text = file.expose_text();
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.empty())
    return fail(ErrorKind::invalid_request, path + " is empty; it must hold a token");
  // The text becomes part of a header line: a line break inside would begin another header.
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return fail(ErrorKind::invalid_request,
                path + " holds more than one line; it must hold one token and no more");
  }
  return Secret::from_text(text);
}

Result<> create_file(const std::string& path, std::span<const std::byte> bytes, unsigned mode) {
  // O_EXCL: neither a file in our way nor a symlink laid there is written through.
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd && errno == EEXIST) {
    return fail(ErrorKind::conflict,
                path + " exists already and is not overwritten; remove it or choose another name");
  }
  if (!fd) return failed(errno, "cannot create " + path);
  if (::fchmod(fd.get(), mode) == 0 && write_all(fd.get(), bytes) && ::fsync(fd.get()) == 0)
    return {};
  const int err = errno;
  ::unlink(path.c_str());
  return failed(err, "cannot write " + path);
}

Result<> replace_file(const std::string& path, std::span<const std::byte> bytes) {
  struct stat info{};
  // A rename would put a file in the place of /dev/stdout itself.
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return fail(ErrorKind::invalid_request,
                path + " is not a regular file; name one, or leave the option out");
  }
  auto written = write_file_durably(system_files(), path, bytes, 0600);
  if (written) return {};
  return fail(written.error().kind, "cannot write " + path + ": " + written.error().message,
              written.error().detail);
}

}  // namespace kbs::client
