// FileOps::open_beneath: by openat2 and by a walk of our own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>

#include "base/file.h"
#include "base/open_beneath_walk.h"
#include "base/testing/temp_dir.h"

namespace kbs {
namespace {

namespace fs = std::filesystem;

/// Both ways of opening below a directory keep the same promises.
class OpenBeneath : public testing::TempDirTest, public ::testing::WithParamInterface<bool> {
 protected:
  OpenBeneath() : root_(system_files().open(dir_, O_PATH | O_DIRECTORY).value()) {}
  SysResult<Fd> open(const std::string& name, int flags = O_RDONLY, mode_t mode = 0) {
    return GetParam() ? open_beneath_walk(root_.get(), name, flags, mode)
                      : system_files().open_beneath(root_.get(), name, flags, mode);
  }
  int error_of(const std::string& name, int flags = O_RDONLY) {
    const SysResult<Fd> fd = open(name, flags);
    return fd ? 0 : fd.error();
  }
  Fd root_;
};
INSTANTIATE_TEST_SUITE_P(Both, OpenBeneath, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Walk" : "Openat2"; });

TEST_P(OpenBeneath, NeverLeavesItsRoot) {
  fs::create_directories(path("a/b"));
  put("file", "top");
  put("a/b/file", "deep");
  fs::create_symlink("a/b", path("inside"));
  fs::create_symlink("../../file", path("a/b/up"));
  fs::create_symlink("inside/file", path("chain"));
  fs::create_symlink("..", path("a/parent"));
  fs::create_symlink("/etc/passwd", path("absolute"));
  fs::create_symlink("../../../../../etc/passwd", path("a/climb"));
  fs::create_symlink(dir_, path("self"));
  fs::create_symlink("ping", path("pong"));
  fs::create_symlink("pong", path("ping"));
  fs::create_symlink("nowhere", path("dangling"));
  fs::create_symlink("a/b/", path("slash"));
  struct Case {
    const char* name;
    int err;
    const char* why;
  };
  const Case cases[] = {
      {"file", 0, "a file"},
      {"a/b/file", 0, "a file further down"},
      {"./a//b/./file", 0, "dots and double slashes"},
      {"a/../file", 0, "up and down inside"},
      {"a/b/../../file", 0, "up twice, inside"},
      {"inside/file", 0, "a symlink to a directory"},
      {"slash/file", 0, "a symlink with a slash at its end"},
      {"chain", 0, "a symlink through a symlink"},
      {"a/b/up", 0, "a symlink upwards that stays inside"},
      {"inside/up", 0, "it starts where it lies, not where we came from"},
      {"a/parent/file", 0, "a symlink to the root itself"},
      {"..", EXDEV, "the parent"},
      {"../x", EXDEV, "above the root"},
      {"a/../../x", EXDEV, "above the root by a detour"},
      {"a/parent/../x", EXDEV, "above the root by a symlink"},
      {"/file", EXDEV, "an absolute path"},
      {"absolute", EXDEV, "a symlink with an absolute target"},
      {"a/climb", EXDEV, "a symlink that climbs out"},
      {"self/file", EXDEV, "absolute, although it leads back here"},
      {"ping", ELOOP, "symlinks in a circle"},
      {"ping/x", ELOOP, "symlinks in a circle on the way"},
      {"dangling", ENOENT, "a symlink to nothing"},
      {"absent", ENOENT, "nothing"},
      {"absent/x", ENOENT, "nothing on the way"},
      {"", ENOENT, "no name"},
      {"file/x", ENOTDIR, "through a file"},
      {"file/", ENOTDIR, "a file as a directory"},
      {"chain/", ENOTDIR, "a symlink to a file as a directory"},
      {"a/b/", 0, "a directory with its slash"},
      {".", 0, "the root"},
      {"a/..", 0, "the root by a detour"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.name) + ": " + c.why);
    EXPECT_EQ(error_of(c.name), c.err);
  }
  EXPECT_EQ(error_of(std::string(300, 'x')), ENAMETOOLONG);
}

TEST_P(OpenBeneath, HonoursItsFlags) {
  put("file", "x");
  fs::create_directory(path("dir"));
  fs::create_symlink("file", path("link"));
  fs::create_symlink("new", path("dangling"));
  fs::create_symlink("dir", path("dirlink"));
  EXPECT_EQ(error_of("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT_EQ(error_of("link", O_PATH), 0);
  EXPECT_EQ(error_of("dirlink", O_RDONLY | O_DIRECTORY), 0);
  EXPECT_EQ(error_of("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(error_of("link", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(error_of("dir", O_WRONLY), EISDIR);
  EXPECT_EQ(error_of("file", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(error_of("dangling", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
  {
    const Fd linked = open("link", O_PATH).value();
    EXPECT_TRUE(S_ISREG(system_files().fstat(linked.get())->st_mode)) << "follows the link";
  }
  EXPECT_TRUE(open("dir/made", O_WRONLY | O_CREAT | O_EXCL, 0600));
  EXPECT_EQ(fs::status(path("dir/made")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(open("dangling", O_WRONLY | O_CREAT, 0600));
  EXPECT_TRUE(fs::exists(path("new")));
  const Fd fd = open("file").value();
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_P(OpenBeneath, FollowsNoMoreLinksThanLinuxDoes) {
  put("l0", "x");
  for (int i = 1; i <= 41; ++i)
    fs::create_symlink("l" + std::to_string(i - 1), path("l" + std::to_string(i)));
  EXPECT_EQ(error_of("l40"), 0);
  EXPECT_EQ(error_of("l41"), ELOOP);
}

/// In a process of its own: makes openat2 fail with `err`, as old kernels and seccomp filters do,
/// then opens.
[[noreturn]] void open_without_openat2(const std::string& dir, int err) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | (static_cast<unsigned>(err) & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(10);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(11);
  const Fd root = system_files().open(dir, O_PATH | O_DIRECTORY).value();
  for (int again = 0; again < 2; ++again) {
    if (!system_files().open_beneath(root.get(), "link", O_RDONLY)) ::_exit(12);
    const SysResult<Fd> out = system_files().open_beneath(root.get(), "out", O_RDONLY);
    if (out || out.error() != EXDEV) ::_exit(13);
  }
  ::_exit(0);
}

using OpenBeneathDeathTest = testing::TempDirTest;

TEST_F(OpenBeneathDeathTest, OpensWhereOpenat2IsMissingOrForbidden) {
  put("file", "x");
  fs::create_symlink("file", path("link"));
  fs::create_symlink("/etc/passwd", path("out"));
  for (int err : {ENOSYS, EPERM}) {
    EXPECT_EXIT(open_without_openat2(dir_, err), ::testing::ExitedWithCode(0), "") << err;
  }
}

}  // namespace
}  // namespace kbs
