#include "storage/kv/store_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <thread>

#include "storage/testing/faulty_files.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::kv {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class StoreLockTest : public ::testing::Test {
 protected:
  Result<StoreLock> take(milliseconds limit = std::chrono::seconds(20)) {
    return StoreLock::take(files_, fd_.get(), limit, "the subject");
  }

  testing::TempDir dir_;
  testing::FaultyFiles files_;
  Fd fd_ = *system_files().open(dir_.path().string(), O_RDONLY | O_DIRECTORY);
};

TEST_F(StoreLockTest, OneAtATime) {
  auto first = take();
  ASSERT_TRUE(first);
  auto second = take(milliseconds(5));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(second.error().message, HasSubstr("another process"));
  std::thread releases([held = std::move(*first)]() mutable {
    std::this_thread::sleep_for(milliseconds(20));
    const StoreLock gone = std::move(held);
  });
  EXPECT_TRUE(take()) << "who waits gets it";
  releases.join();
}

TEST_F(StoreLockTest, WhatCannotBeLockedIsSaid) {
  struct Case {
    const char* operation;
    int error;
    const char* text;
  };
  const Case cases[] = {
      {"try_lock", ENOLCK, "no locks"},
      {"try_lock", EOPNOTSUPP, "no locks"},
      {"try_lock", EIO, "disk"},
      {"open_beneath", EROFS, "read-only"},
      {"open_beneath", EACCES, "permission"},
  };
  for (const Case& c : cases) {
    files_.fail_all(c.operation, c.error);
    auto lock = take();
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(lock.error().message, HasSubstr(c.text));
    EXPECT_THAT(lock.error().detail, HasSubstr("the subject"));
  }
  files_.fail_all("", 0);
  EXPECT_TRUE(take());
}

TEST_F(StoreLockTest, ALinkInItsPlaceIsNotFollowed) {
  std::filesystem::create_symlink("elsewhere", dir_.path() / kLockFile);
  EXPECT_FALSE(take(milliseconds(5)));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "elsewhere"));
}

}  // namespace
}  // namespace kbs::storage::kv
