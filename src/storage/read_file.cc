#include <cerrno>

#include "storage/files.h"

namespace kbs::storage {
namespace {

/// How often a file that keeps changing under the reader is opened anew.
constexpr int kReadAttempts = 8;

Step<OpenFile> open_checked(FileOps& files, int dir, const std::string& path, int flags) {
  auto fd = files.open_beneath(dir, path, flags | O_CLOEXEC);
  if (!fd) return tl::unexpected(Failure{fd.error(), "open"});
  auto info = files.fstat(fd->get());
  if (!info) return tl::unexpected(Failure{info.error(), "stat"});
  if (!S_ISREG(info->st_mode)) return tl::unexpected(Failure{ENXIO, "open"});
  return OpenFile{std::move(*fd), *info};
}

bool same_state(const Stat& a, const Stat& b) noexcept {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Step<Fd> open_directory(FileOps& files, const std::string& path) {
  auto fd = files.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!fd) return tl::unexpected(Failure{fd.error(), "open the store's directory"});
  return std::move(*fd);
}

Step<OpenFile> open_regular(FileOps& files, int dir, const std::string& path) {
  // O_NONBLOCK: opening a FIFO would otherwise wait for its writer, for ever.
  return open_checked(files, dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

Step<OpenFile> look_at(FileOps& files, int dir, const std::string& path) {
  return open_checked(files, dir, path, O_PATH);
}

Step<SecretBytes> read_whole(FileOps& files, const OpenFile& file, std::uint64_t limit) {
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  if (size > limit) return tl::unexpected(Failure{EFBIG, "read"});
  SecretBytes bytes(static_cast<std::size_t>(size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto count =
        files.pread(file.fd.get(), std::span(bytes).subspan(done), static_cast<off_t>(done));
    if (!count) return tl::unexpected(Failure{count.error(), "read"});
    if (*count == 0) return tl::unexpected(Failure{EAGAIN, "read"});  // it became shorter
    done += *count;
  }
  // Our own writers replace files; an editor or `tee` rewrites in place and must not give us half
  // of each.
  auto now = files.fstat(file.fd.get());
  if (!now) return tl::unexpected(Failure{now.error(), "stat"});
  if (!same_state(file.info, *now)) return tl::unexpected(Failure{EAGAIN, "read"});
  return bytes;
}

Step<std::optional<SecretBytes>> read_regular(FileOps& files, int dir, const std::string& path,
                                              std::uint64_t limit) {
  for (int attempt = 1;; ++attempt) {
    auto file = open_regular(files, dir, path);
    if (!file && is_absence(file.error().error)) {
      // A volume's `..data` may have been swapped between one link and the next.
      if (attempt < 3) continue;
      return std::nullopt;
    }
    if (!file) return tl::unexpected(file.error());
    auto bytes = read_whole(files, *file, limit);
    if (bytes) return std::move(*bytes);
    if (bytes.error().error != EAGAIN || attempt >= kReadAttempts) {
      return tl::unexpected(bytes.error());
    }
  }
}

}  // namespace kbs::storage
