// What a crash can leave between two steps, made by hand, and what the next start or the next
// operation makes of it.
#include <gmock/gmock.h>

#include <cerrno>
#include <functional>

#include "base/log.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::ElementsAre;
using testing::FaultyFiles;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr const char* kKey = "default/key/1";

void write_thrice(TestStore& store) {
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(store.write(kKey, value));
}
void mark(const TestStore& store) {
  store.dir.put(std::string(".history/") + kKey + "/.destroying", "");
}

TEST(LocalFsRecovery, AMarkerBesideAValueIsADeletionThatDidNotHappen) {
  for (bool restart : {true, false}) {
    TestStore store;
    write_thrice(store);
    mark(store);
    EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one"));
    if (restart) {
      store.reopen();
    } else {
      ASSERT_TRUE(store.destroy(kKey, store.versions(kKey).at(2).version));
    }
    EXPECT_FALSE(fs::exists(store.history_dir(kKey) / ".destroying"));
    fs::remove(store.dir.path() / kKey);
    EXPECT_TRUE(store.undelete(kKey)) << "from now on it counts as removed by hand";
    EXPECT_EQ(store.text(kKey), "two");
  }
}

TEST(LocalFsRecovery, AMarkerWithoutAValueIsADeletionToFinish) {
  struct Case {
    const char* why;
    std::function<void(TestStore&)> next;
  };
  const Case cases[] = {
      {"the next start", [](TestStore& s) { s.reopen(); }},
      {"undelete",
       [](TestStore& s) { EXPECT_EQ(s.undelete(kKey).error().kind, ErrorKind::not_found); }},
      {"destroy",
       [](TestStore& s) {
         EXPECT_EQ(s.destroy(kKey, s.history_names(kKey).back()).error().kind,
                   ErrorKind::not_found);
       }},
      {"remove",
       [](TestStore& s) { EXPECT_EQ(s.remove(kKey).error().kind, ErrorKind::not_found); }},
      {"replace",
       [](TestStore& s) {
         EXPECT_EQ(s.replace(kKey, s.history_names(kKey).back(), "x").error().kind,
                   ErrorKind::not_found);
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TestStore store;
    write_thrice(store);
    mark(store);
    fs::remove(store.dir.path() / kKey);
    EXPECT_THAT(store.versions(kKey), IsEmpty()) << "nobody sees it meanwhile";
    c.next(store);
    EXPECT_FALSE(fs::exists(store.history_dir(kKey)));
    EXPECT_FALSE(fs::exists(store.dir.path() / ".history/default"));
  }
  TestStore store;
  write_thrice(store);
  mark(store);
  fs::remove(store.dir.path() / kKey);
  ASSERT_TRUE(store.write(kKey, "a new life"));
  EXPECT_THAT(store.history(kKey), ElementsAre("a new life*"));
}

TEST(LocalFsRecovery, AValueInBothPlacesIsListedOnceAndLosesItsSecondName) {
  for (bool restart : {true, false}) {
    TestStore store;
    write_thrice(store);
    const VersionId current = store.read(kKey)->version;
    fs::create_hard_link(store.dir.path() / kKey, store.history_dir(kKey) / current);
    EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one"));
    EXPECT_EQ(store.destroy(kKey, current).error().kind, ErrorKind::conflict);
    if (restart) {
      store.reopen();
      EXPECT_EQ(fs::hard_link_count(store.dir.path() / kKey), 1u);
      EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one"));
    }
    ASSERT_TRUE(store.write(kKey, "four"));
    EXPECT_THAT(store.history(kKey), ElementsAre("four*", "three", "two", "one"));
  }
}

TEST(LocalFsRecovery, AValueInBothPlacesThatIsEditedInPlaceHasNoSecondName) {
  TestStore store;
  write_thrice(store);
  fs::create_hard_link(store.dir.path() / kKey,
                       store.history_dir(kKey) / store.read(kKey)->version);
  store.dir.put(kKey, "edited");
  EXPECT_THAT(store.history(kKey), ElementsAre("edited*", "two", "one"));
  store.reopen();
  EXPECT_EQ(fs::hard_link_count(store.dir.path() / kKey), 1u);
}

TEST(LocalFsRecovery, ReplacingAValueInBothPlacesLeavesNoOldForm) {
  TestStore store;
  write_thrice(store);
  fs::create_hard_link(store.dir.path() / kKey,
                       store.history_dir(kKey) / store.read(kKey)->version);
  ASSERT_TRUE(store.replace(kKey, "", "THREE"));
  EXPECT_THAT(store.history(kKey), ElementsAre("THREE*", "two", "one"));
}

TEST(LocalFsRecovery, DirectoriesMadeForNothingGo) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "one"));
  for (const char* made : {"a", "b/c", "d/e/f"}) {
    fs::create_directories(store.dir.path() / ".history" / made);
  }
  store.reopen();
  for (const char* made : {"a", "b", "d"}) {
    EXPECT_FALSE(fs::exists(store.dir.path() / ".history" / made)) << made;
  }
  EXPECT_EQ(store.text(kKey), "one");
}

TEST(LocalFsRecovery, WhatIsNotOursInTheHistoryStays) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "one"));
  ASSERT_TRUE(store.write(kKey, "two"));
  store.dir.put(".history/README", "by hand");
  store.dir.put(".history/default/key/1/notes.txt", "by hand");
  store.reopen();
  EXPECT_THAT(store.history(kKey), ElementsAre("two*", "one"));
  ASSERT_TRUE(store.remove(kKey));
  EXPECT_EQ(store.dir.get(".history/README"), "by hand");
  EXPECT_EQ(store.dir.get(".history/default/key/1/notes.txt"), "by hand");
}

TEST(LocalFsRecovery, AReadOnlyStoreIsServedWithWhatACrashLeft) {
  FaultyFiles files;
  TestStore store(Layout::tree, files);
  write_thrice(store);
  mark(store);
  std::string log;
  ASSERT_TRUE(configure_log("warn", LogFormat::json));
  set_log_sink_for_testing(&log);
  for (const char* call : {"unlink", "rmdir", "mkdir", "open_beneath .kbs-tmp-",
                           "open_beneath .history/.lock", "link", "rename"}) {
    files.fail_all(call, EROFS);
    store.reopen();
    EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one")) << call;
  }
  set_log_sink_for_testing(nullptr);
  EXPECT_EQ(log, "") << "quietly";
}

}  // namespace
}  // namespace kbs::storage::local_fs
