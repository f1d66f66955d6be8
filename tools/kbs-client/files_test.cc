#include "kbs-client/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "kbs-client/testing/temporary_directory.h"

namespace kbs::client {
namespace {

using testing::mode_of;
using testing::slurp;
using testing::TemporaryDirectory;

/// Sets the umask for one test.
class Umask {
 public:
  explicit Umask(mode_t mask) : old_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(old_); }

 private:
  mode_t old_;
};

TEST(CreateFile, HasTheModeWhateverTheUmask) {
  const TemporaryDirectory dir;
  for (mode_t mask : {0000u, 0022u, 0277u}) {
    const Umask umask(mask);
    const std::string file = dir.path("key" + std::to_string(mask));
    ASSERT_TRUE(create_file(file, as_bytes("k"), 0600));
    EXPECT_EQ(mode_of(file), 0600u);
  }
}

TEST(CreateFile, NeverOverwrites) {
  const TemporaryDirectory dir;
  const std::string file = dir.write("key", "old");
  auto again = create_file(file, as_bytes("new"), 0600);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::conflict);
  EXPECT_NE(again.error().message.find(file), std::string::npos);
  EXPECT_EQ(slurp(file), "old");
  std::filesystem::create_symlink(dir.path("elsewhere"), dir.path("link"));
  EXPECT_FALSE(create_file(dir.path("link"), as_bytes("new"), 0600))
      << "nor writes through a dangling link";
  EXPECT_FALSE(std::filesystem::exists(dir.path("elsewhere")));
}

TEST(ReplaceFile, ReplacesWholeAndPrivate) {
  const TemporaryDirectory dir;
  const std::string file = dir.write("resource", "an older and longer value");
  ::chmod(file.c_str(), 0644);
  ASSERT_TRUE(replace_file(file, as_bytes("new")));
  EXPECT_EQ(slurp(file), "new");
  EXPECT_EQ(mode_of(file), 0600u);
  ASSERT_TRUE(replace_file(dir.path("fresh"), as_bytes("")));
  EXPECT_EQ(mode_of(dir.path("fresh")), 0600u);
}

TEST(ReplaceFile, LeavesDevicesAndDirectoriesAlone) {
  const TemporaryDirectory dir;
  EXPECT_FALSE(replace_file("/dev/null", as_bytes("x")));
  EXPECT_FALSE(replace_file(dir.path(), as_bytes("x")));
  EXPECT_FALSE(replace_file(dir.path("no/such/folder"), as_bytes("x")));
}

TEST(ReadSecretFile, NamesWhatItCannotRead) {
  const TemporaryDirectory dir;
  auto absent = read_secret_file(dir.path("absent"));
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find(dir.path("absent")), std::string::npos);
  EXPECT_FALSE(read_secret_file(dir.path())) << "a directory";
  auto large = read_secret_file(dir.write("large", "12345"), false, 4);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::too_large);
  auto exact = read_secret_file(dir.write("exact", std::string("\0\xff\n1", 4)), false, 4);
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->expose_text(), std::string_view("\0\xff\n1", 4));
}

}  // namespace
}  // namespace kbs::client
