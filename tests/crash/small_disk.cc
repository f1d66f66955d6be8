#include "crash/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace kbs::crash {
namespace {

constexpr const char* kSize = "size=600k,mode=0700";
constexpr const char* kFiller = "/filler";

void put(const char* path, const std::string& text) { std::ofstream(path) << text; }

/// Once for the process, which must have a single thread then: mounts of ours are nobody else's.
bool enter_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) {
    const std::string user = std::to_string(::getuid());
    const std::string group = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", "0 " + user + " 1");
    put("/proc/self/gid_map", "0 " + group + " 1");
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool may_mount() {
  static const bool may = enter_namespace();
  return may;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

SmallDisk::SmallDisk(bool real)
    : path_((std::filesystem::temp_directory_path() / "kbs-disk-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) give_up("mkdtemp");
  mounted_ = real && may_mount() && ::mount("none", path_.c_str(), "tmpfs", 0, kSize) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void SmallDisk::fill() {
  if (!mounted_) {
    files_.set_fate([](Call call) { return call == Call::write ? ENOSPC : 0; });
    return;
  }
  const Fd file(::open((path_ + kFiller).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::array<char, 4096> block{};
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
  if (errno != ENOSPC) give_up("fill the disk");
}

void SmallDisk::make_room() {
  files_.set_fate({});
  if (mounted_ && ::unlink((path_ + kFiller).c_str()) != 0) give_up("make room");
}

void SmallDisk::set_read_only(bool read_only) {
  if (!mounted_) {
    files_.set_fate([read_only](Call call) {
      const bool changes = call != Call::look && call != Call::read && call != Call::sync;
      return read_only && changes ? EROFS : 0;
    });
    return;
  }
  const unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
  if (::mount("none", path_.c_str(), nullptr, flags, kSize) != 0) give_up("remount");
}

}  // namespace kbs::crash
