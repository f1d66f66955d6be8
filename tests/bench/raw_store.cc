#include "bench/raw_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace kbs::bench {
namespace {

constexpr const char* kName = "value";
constexpr const char* kTemp = ".new";

tl::unexpected<Error> failed(const char* what) {
  return tl::unexpected(error_from_errno(errno, what));
}

Result<Fd> open_new_directory(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::create_directories(path, ignored);
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open a directory of the bench");
  return fd;
}

}  // namespace

Result<RawStore> RawStore::make(const std::filesystem::path& dir, bool history) {
  KBS_TRY(Fd values, open_new_directory(dir / "values"));
  Fd kept;
  if (history) {
    KBS_TRY(kept, open_new_directory(dir / "kept"));
  }
  return RawStore(std::move(values), std::move(kept), dir / "values" / kName);
}

Result<std::size_t> RawStore::read(std::span<std::byte> into) const {
  const Fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed("open");
  const ssize_t size = ::pread(fd.get(), into.data(), into.size(), 0);
  if (size < 0) return failed("pread");
  return static_cast<std::size_t>(size);
}

Result<> RawStore::write(std::span<const std::byte> value) {
  const int dir = dir_.get();
  {
    const Fd fd(::openat(dir, kTemp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return failed("create");
    if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
      return failed("write");
    }
    if (::fsync(fd.get()) != 0) return failed("fsync");
    if (history_ && writes_ > 0) {
      const std::string name = std::to_string(writes_);
      if (::linkat(dir, kName, history_.get(), name.c_str(), 0) != 0) return failed("link");
      if (::fsync(history_.get()) != 0) return failed("fsync of the history");
    }
    if (::renameat(dir, kTemp, dir, kName) != 0) return failed("rename");
    if (::fsync(dir) != 0) return failed("fsync of the directory");
  }
  if (history_ && writes_ > kKept) {
    (void)::unlinkat(history_.get(), std::to_string(writes_ - kKept).c_str(), 0);
  }
  ++writes_;
  return {};
}

}  // namespace kbs::bench
