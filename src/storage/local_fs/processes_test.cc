// Two stores on one directory, as two processes have them: each with a lock file of its own.
#include <gmock/gmock.h>

#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

#include "base/log.h"
#include "storage/local_fs/process_lock.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using testing::FaultyFiles;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kKey = "default/key/1";

/// The same directory under another name: writers of one process that spell it alike meet in
/// memory, these two do not.
Options other_name_of(const TestStore& store) {
  Options options = store.options;
  options.roots[0].path = (store.dir.path() / "." / "").string();
  return options;
}

TEST(LocalFsProcesses, WritersOfBothLoseNoUpdateAndShareNoVersion) {
  TestStore a;
  TestStore b(other_name_of(a));
  ASSERT_TRUE(a.write(kKey, "0"));
  constexpr int kSteps = 100;
  std::atomic<int> odd{0};
  std::mutex lock;
  std::set<VersionId> seen;
  const auto count = [&](TestStore& store) {
    for (int done = 0; done < kSteps;) {
      auto now = store.read(kKey);
      if (!now) {
        ++odd;
        return;
      }
      WriteOptions on;
      on.if_version = now->version;
      auto next = store.write(
          kKey, std::to_string(std::stoi(std::string(now->value.expose_text())) + 1), on);
      if (!next && next.error().kind != ErrorKind::conflict) ++odd;
      if (!next) continue;
      ++done;
      const std::lock_guard guard(lock);
      if (!seen.insert(*next).second) ++odd;
    }
  };
  std::thread other([&] { count(b); });
  count(a);
  other.join();
  EXPECT_EQ(a.text(kKey), std::to_string(2 * kSteps));
  EXPECT_EQ(odd.load(), 0);
  EXPECT_EQ(a.versions(kKey).size(), 11u);
}

TEST(LocalFsProcesses, DeletersAndWritersOfBothLeaveNoHalfOfAHistory) {
  TestStore a;
  TestStore b(other_name_of(a));
  std::atomic<int> odd{0};
  std::set<VersionId> seen[2];
  const auto churn = [&](TestStore& store, std::set<VersionId>& mine) {
    for (int i = 0; i < 150; ++i) {
      auto written = store.write(kKey, "x");
      if (!written || !mine.insert(*written).second) ++odd;
      if (i % 3 != 0) continue;
      auto gone = i % 2 == 0 ? store.remove(kKey) : store.remove_softly(kKey);
      if (!gone && gone.error().kind != ErrorKind::not_found) ++odd;
    }
  };
  std::thread other([&] { churn(b, seen[1]); });
  churn(a, seen[0]);
  other.join();
  EXPECT_EQ(odd.load(), 0);
  for (const VersionId& version : seen[0]) EXPECT_FALSE(seen[1].contains(version)) << version;
  ASSERT_TRUE(a.remove(kKey).has_value() || a.text(kKey) == "<not_found>");
  EXPECT_TRUE(a.versions(kKey).empty());
  EXPECT_FALSE(a.dir.has_leftovers());
}

TEST(LocalFsProcesses, OneIsToldThatTheOtherHoldsTheLock) {
  FaultyFiles files;
  testing::TempDir dir;
  Options options;
  options.roots = {{dir.at("root")}};
  options.lock_wait = std::chrono::milliseconds(30);
  TestStore store(options, files);
  ASSERT_TRUE(store.write(kKey, "old"));
  const Fd held(::open(dir.at("root/.history/.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(system_files().try_lock(held.get(), lock_slot(kKey)));
  for (int i = 0; i < 2; ++i) {
    auto written = store.write(kKey, "new");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(written.error().message, HasSubstr("another process holds"));
  }
  EXPECT_EQ(store.text(kKey), "old") << "readers do not wait";
  EXPECT_TRUE(store.write("default/key/2", "x")) << "nor do other resources";
  ASSERT_TRUE(system_files().unlock(held.get(), lock_slot(kKey)));
  EXPECT_TRUE(store.write(kKey, "new"));
}

TEST(LocalFsProcesses, WhereThereAreNoLocksItIsSaidOnceAndWorkGoesOn) {
  struct Case {
    const char* call;
    int error;
    const char* why;
  };
  const Case cases[] = {
      {"try_lock", ENOLCK, "a network file system without a lock daemon"},
      {"try_lock", EOPNOTSUPP, "a file system without locks"},
      {"try_lock", EINVAL, "a kernel without this kind"},
      {"open_beneath .history/.lock", EACCES, "a lock file of another user"},
      {"open_beneath .history/.lock", EROFS,
       "a root mounted read-only, with a writable volume in "
       "it"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    FaultyFiles files;
    TestStore store(Layout::tree, files);
    std::string log;
    ASSERT_TRUE(configure_log("warn", LogFormat::json));
    files.fail_all(c.call, c.error);
    set_log_sink_for_testing(&log);
    EXPECT_TRUE(store.write(kKey, "one"));
    EXPECT_TRUE(store.write(kKey, "two"));
    EXPECT_TRUE(store.remove(kKey));
    set_log_sink_for_testing(nullptr);
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
    EXPECT_THAT(log, HasSubstr("no locks"));
  }
}

TEST(LocalFsProcesses, ALockFileThatCannotBeHadForNowIsAnError) {
  for (int error : {ENOSPC, EIO, EMFILE}) {
    FaultyFiles files;
    TestStore store(Layout::tree, files);
    files.fail_all("open_beneath .history/.lock", error);
    auto written = store.write(kKey, "x");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  }
}

TEST(LocalFsProcesses, AVersionOfWhatTheOtherDeletedDoesNotComeAgain) {
  // One after the other, as fast as it goes: on a coarse clock the new file often gets the inode
  // and the time of the old one.
  TestStore a;
  TestStore b(other_name_of(a));
  std::set<VersionId> seen;
  for (int i = 0; i < 300; ++i) {
    TestStore& writer = i % 2 == 0 ? a : b;
    TestStore& deleter = i % 2 == 0 ? b : a;
    auto written = writer.write(kKey, "x");
    ASSERT_TRUE(written);
    EXPECT_TRUE(seen.insert(*written).second) << "version " << *written << " came twice";
    ASSERT_TRUE(deleter.remove(kKey));
  }
}

TEST(LocalFsProcesses, AHistoryClearedAwayUnderBothIsMadeAnewByBoth) {
  TestStore a;
  TestStore b(other_name_of(a));
  ASSERT_TRUE(a.write(kKey, "one") && b.write(kKey, "two"));
  fs::remove_all(a.dir.path() / ".history");
  ASSERT_TRUE(a.write(kKey, "three") && b.write(kKey, "four"));
  const Fd held(::open(a.dir.at(".history/.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(held) << "the new one is used";
  EXPECT_EQ(a.history(kKey).size(), 3u);
}

TEST(LocalFsProcesses, TheLockOfAResourceIsTheSameInEveryBuild) {
  EXPECT_EQ(lock_slot("default/key/1"), 1146u);
  EXPECT_EQ(lock_slot(""), 2166136261u % 4096);
}

}  // namespace
}  // namespace kbs::storage::local_fs
