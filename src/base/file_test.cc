#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "base/encoding.h"
#include "base/testing/temp_dir.h"

namespace kbs {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using Files = testing::TempDirTest;

TEST_F(Files, ReadsAFileWhole) {
  put("empty", "");
  put("text", std::string("a\0b\n", 4));
  put("large", std::string(300'000, 'x'));
  EXPECT_EQ(read_file(path("empty")).value(), "");
  EXPECT_EQ(read_file(path("text")).value(), std::string("a\0b\n", 4));
  EXPECT_EQ(read_file(path("large")).value().size(), 300'000u);
  EXPECT_FALSE(read_file("/proc/self/status").value().empty()) << "its size is said to be 0";
}

TEST_F(Files, ReadsNoMoreThanAllowed) {
  put("ten", "0123456789");
  EXPECT_EQ(read_file(path("ten"), 10).value(), "0123456789");
  EXPECT_EQ(read_file(path("ten"), 9).error().kind, ErrorKind::too_large);
  EXPECT_EQ(read_file("/proc/self/status", 5).error().kind, ErrorKind::too_large);
}

TEST_F(Files, RefusesWhatIsNoRegularFileAndNamesIt) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  fs::create_directory(path("dir"));
  fs::create_symlink("loop", path("loop"));
  put("file", "x");
  struct Case {
    std::string path, says;
    ErrorKind kind;
  };
  const Case cases[] = {
      {path("fifo"), "a FIFO", ErrorKind::invalid_request},
      {path("dir"), "a directory", ErrorKind::invalid_request},
      {"/dev/zero", "a device", ErrorKind::invalid_request},
      {path("absent"), "No such file", ErrorKind::not_found},
      {path("file") + "/x", "Not a directory", ErrorKind::not_found},
      {path("loop"), "symbolic link", ErrorKind::internal},
      {"", "No such file", ErrorKind::not_found},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    const Result<std::string> got = read_file(c.path);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, c.kind);
    EXPECT_THAT(got.error().message, HasSubstr(c.path));
    EXPECT_THAT(got.error().message, HasSubstr(c.says));
  }
}

TEST_F(Files, RefusesAFileItMayNotRead) {
  if (::geteuid() == 0) return;  // root may read everything
  put("secret", "x");
  fs::permissions(path("secret"), fs::perms::none);
  const Result<std::string> got = read_file(path("secret"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
}

TEST_F(Files, ErrnoBecomesTheKindThatHelps) {
  struct Case {
    int err;
    ErrorKind kind;
  };
  const Case cases[] = {{ENOENT, ErrorKind::not_found},
                        {ENOTDIR, ErrorKind::not_found},
                        {ENOSPC, ErrorKind::unavailable},
                        {EDQUOT, ErrorKind::unavailable},
                        {EIO, ErrorKind::unavailable},
                        {EMFILE, ErrorKind::unavailable},
                        {ENFILE, ErrorKind::unavailable},
                        {EROFS, ErrorKind::unavailable},
                        {EACCES, ErrorKind::unavailable},
                        {EPERM, ErrorKind::unavailable},
                        {ENAMETOOLONG, ErrorKind::invalid_request},
                        {EBADF, ErrorKind::internal},
                        {9999, ErrorKind::internal}};
  for (const Case& c : cases) EXPECT_EQ(error_from_errno(c.err, "x").kind, c.kind) << c.err;
  const Error error = error_from_errno(ENOSPC, "open policy file");
  EXPECT_EQ(error.message, "cannot open policy file");
  EXPECT_EQ(error.detail, "ENOSPC: No space left on device");
}

TEST_F(Files, OffersEverySystemCall) {
  FileOps& files = system_files();
  const Fd dir = files.open(dir_, O_RDONLY | O_DIRECTORY).value();
  ASSERT_TRUE(files.mkdir_at(dir.get(), "sub", 0700));
  EXPECT_EQ(files.mkdir_at(dir.get(), "sub", 0700).error(), EEXIST);
  const Fd fd = files.open(path("a"), O_RDWR | O_CREAT, 0600).value();
  EXPECT_EQ(files.write(fd.get(), as_bytes("hello")).value(), 5u);
  EXPECT_TRUE(files.fsync(fd.get()));
  EXPECT_TRUE(files.fdatasync(fd.get()));
  Bytes three(3);
  EXPECT_EQ(files.pread(fd.get(), three, 2).value(), 3u);
  EXPECT_EQ(as_text(three), "llo");
  EXPECT_TRUE(files.link_at(dir.get(), "a", dir.get(), "b"));
  EXPECT_EQ(files.link_at(dir.get(), "a", dir.get(), "b").error(), EEXIST);
  EXPECT_TRUE(files.rename_at(dir.get(), "b", dir.get(), "c"));
  ASSERT_TRUE(files.lstat_at(dir.get(), "c"));
  EXPECT_EQ(files.lstat_at(dir.get(), "c")->st_nlink, 2u);
  EXPECT_EQ(files.lstat_at(dir.get(), "b").error(), ENOENT);
  fs::create_symlink("a", path("link"));
  EXPECT_TRUE(S_ISLNK(files.lstat_at(dir.get(), "link")->st_mode));
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(files.list(dir.get()).value(), UnorderedElementsAre("sub", "a", "c", "link"));
  }
  EXPECT_TRUE(files.unlink_at(dir.get(), "c"));
  EXPECT_EQ(files.unlink_at(dir.get(), "c").error(), ENOENT);
  EXPECT_TRUE(files.unlink_at(dir.get(), "sub", AT_REMOVEDIR));
  EXPECT_EQ(files.list(fd.get()).error(), ENOTDIR);
  EXPECT_EQ(files.fstat(-1).error(), EBADF);
  EXPECT_EQ(files.write(-1, as_bytes("x")).error(), EBADF);
}

TEST_F(Files, FdOwnsOneDescriptor) {
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1; };
  Fd a = system_files().open(dir_, O_RDONLY).value();
  Fd b = system_files().open(dir_, O_RDONLY).value();
  const int raw_a = a.get(), raw_b = b.get();
  b = std::move(a);
  EXPECT_TRUE(is_open(raw_a));
  EXPECT_FALSE(is_open(raw_b));
  EXPECT_FALSE(a);
  b = Fd();
  EXPECT_FALSE(is_open(raw_a));
}

/// Fails chosen calls and remembers their order.
class BreakingFiles final : public FileOps {
 public:
  std::map<std::string, int> broken;  ///< name of the call, errno
  std::vector<std::string> calls;
  std::size_t largest_write = SIZE_MAX;
  bool writes_nothing = false;

  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) override {
    if (int err = called("open")) return tl::unexpected(err);
    return FileOps::open(path, flags, mode);
  }
  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override {
    if (int err = called("open_beneath")) return tl::unexpected(err);
    return FileOps::open_beneath(dir, path, flags, mode);
  }
  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override {
    if (int err = called("write")) return tl::unexpected(err);
    if (writes_nothing) return std::size_t{0};
    return FileOps::write(fd, from.first(std::min(from.size(), largest_write)));
  }
  SysResult<> fsync(int fd) override {
    const bool is_dir = S_ISDIR(fstat(fd)->st_mode);
    if (int err = called(is_dir ? "fsync_dir" : "fsync")) return tl::unexpected(err);
    return FileOps::fsync(fd);
  }
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override {
    if (int err = called("rename")) return tl::unexpected(err);
    return FileOps::rename_at(from_dir, from, to_dir, to);
  }

 private:
  int called(const std::string& name) {
    calls.push_back(name);
    const auto found = broken.find(name);
    return found == broken.end() ? 0 : found->second;
  }
};

TEST_F(Files, WritesDurablyInTheOrderThatMatters) {
  BreakingFiles files;
  files.largest_write = 3;
  put("f", "old");
  ASSERT_TRUE(write_file_durably(files, path("f"), as_bytes("new text")));
  EXPECT_EQ(get("f"), "new text");
  EXPECT_EQ(fs::status(path("f")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_THAT(names(), UnorderedElementsAre("f"));
  EXPECT_THAT(files.calls, ::testing::ElementsAre("open", "open_beneath", "write", "write", "write",
                                                  "fsync", "rename", "fsync_dir"));
}

TEST_F(Files, WritesEmptyFilesAndLongNames) {
  ASSERT_TRUE(write_file_durably(system_files(), path("empty"), {}));
  EXPECT_EQ(get("empty"), "");
  const std::string name(255, 'n');
  ASSERT_TRUE(write_file_durably(system_files(), path(name), as_bytes("x"), 0640));
  EXPECT_EQ(get(name), "x");
  EXPECT_EQ(write_file_durably(system_files(), path(""), {}).error().kind,
            ErrorKind::invalid_request);
  EXPECT_EQ(write_file_durably(system_files(), path(".."), {}).error().kind,
            ErrorKind::invalid_request);
}

TEST_F(Files, AFailedWriteLeavesTheOldFileAndNothingElse) {
  struct Case {
    const char* call;
    int err;
    ErrorKind kind;
  };
  const Case cases[] = {
      {"open", ENOENT, ErrorKind::not_found},
      {"open_beneath", EACCES, ErrorKind::unavailable},
      {"open_beneath", EEXIST, ErrorKind::internal},
      {"write", ENOSPC, ErrorKind::unavailable},
      {"fsync", EIO, ErrorKind::unavailable},
      {"rename", EROFS, ErrorKind::unavailable},
  };
  put("f", "old");
  for (const Case& c : cases) {
    SCOPED_TRACE(c.call);
    BreakingFiles files;
    files.broken[c.call] = c.err;
    const Result<> got = write_file_durably(files, path("f"), as_bytes("new"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, c.kind);
    EXPECT_EQ(get("f"), "old");
    EXPECT_THAT(names(), UnorderedElementsAre("f"));
  }
  BreakingFiles files;
  files.writes_nothing = true;
  EXPECT_FALSE(write_file_durably(files, path("f"), as_bytes("new"))) << "must not spin";
  EXPECT_EQ(get("f"), "old");
}

TEST_F(Files, AnUnsyncedDirectoryIsAFailure) {
  BreakingFiles files;
  files.broken["fsync_dir"] = EIO;
  EXPECT_EQ(write_file_durably(files, path("f"), as_bytes("new")).error().kind,
            ErrorKind::unavailable);
}

}  // namespace
}  // namespace kbs
