// Where earlier values lie, and what becomes of them when people lay hands on the files.
#include "storage/local_fs/history.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>

#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::ElementsAre;
using testing::FaultyFiles;
using ::testing::SizeIs;
namespace fs = std::filesystem;

constexpr const char* kKey = "default/key/1";

Stat stat_of(const fs::path& path) {
  Stat info{};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info;
}

void age(const fs::path& path, std::chrono::seconds by) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - by);
}

TEST(LocalFsHistory, VersionIdsAreReadStrictly) {
  struct Case {
    const char* name;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {"18eb05f84e79be4e-988885-400", true, "time, inode, size"},
      {"0-0-0", true, "the smallest"},
      {"", false, "nothing"},
      {"18eb05f84e79be4e-988885", false, "a part is missing"},
      {"18eb05f84e79be4e-988885-", false, "the last is empty"},
      {"18eb05f84e79be4e-988885-400-1", false, "one too many"},
      {"18eb05f84e79be4e-988885-400 ", false, "something behind it"},
      {"../../../etc/passwd", false, "a way out"},
      {"18eb05f84e79be4e/988885/400", false, "a path"},
      {"fffffffffffffffff-1-1", false, "more than 64 bits"},
      {"-1-1-1", false, "a sign"},
      {".destroying", false, "the marker"},
  };
  for (const Case& c : cases) EXPECT_EQ(Kept::parse(c.name).has_value(), c.good) << c.why;
}

TEST(LocalFsHistory, EarlierValuesArePrivateLinksNamedByTheirVersion) {
  const mode_t before = ::umask(0);
  TestStore store;
  auto first = store.write(kKey, "one");
  ASSERT_TRUE(first);
  const ino_t inode = stat_of(store.dir.path() / kKey).st_ino;
  ASSERT_TRUE(store.write(kKey, "two"));
  ::umask(before);
  const fs::path kept = store.history_dir(kKey) / *first;
  EXPECT_EQ(stat_of(kept).st_ino, inode) << "no bytes were copied";
  EXPECT_EQ(stat_of(kept).st_mode & 07777, 0600u);
  for (const char* each : {"", "default", "default/key", "default/key/1"}) {
    EXPECT_EQ(stat_of(store.dir.path() / ".history" / each).st_mode & 07777, 0700u) << each;
  }
  EXPECT_THAT(store.history_names(kKey), ElementsAre(*first));
  EXPECT_THAT(store.paths(), ElementsAre(kKey)) << "the history is no resource";
}

TEST(LocalFsHistory, WhereLinkingFailsTheValueIsCopied) {
  for (int error : {EXDEV, EPERM, EMLINK, EOPNOTSUPP}) {
    for (Layout layout : {Layout::tree, Layout::flat}) {
      FaultyFiles files;
      TestStore store(layout, files);
      files.fail_all("link", error);
      WriteOptions typed;
      typed.content_type = "text/plain";
      auto first = store.write(kKey, "one", typed);
      ASSERT_TRUE(first) << error;
      const auto before = store.read(kKey);
      ASSERT_TRUE(store.write(kKey, "two"));
      EXPECT_THAT(store.history(kKey), ElementsAre("two*", "one"));
      auto kept = store.read(kKey, *first);
      ASSERT_TRUE(kept && before) << "it keeps its version";
      EXPECT_EQ(kept->metadata.updated, before->metadata.updated);
      EXPECT_EQ(kept->metadata.content_type, "text/plain");
      ASSERT_TRUE(store.remove_softly(kKey));
      ASSERT_TRUE(store.undelete(kKey));
      EXPECT_THAT(store.history(kKey), ElementsAre("two*", "one"));
      EXPECT_FALSE(store.dir.has_leftovers());
    }
  }
}

/// Every directory is a file system of its own.
class ManyFileSystems final : public FileOps {
 public:
  SysResult<> rename_at(int from_dir, const std::string& from, int to_dir,
                        const std::string& to) override {
    if (apart(from_dir, to_dir)) return tl::unexpected(EXDEV);
    return FileOps::rename_at(from_dir, from, to_dir, to);
  }
  SysResult<> link_at(int from_dir, const std::string& from, int to_dir,
                      const std::string& to) override {
    if (apart(from_dir, to_dir)) return tl::unexpected(EXDEV);
    return FileOps::link_at(from_dir, from, to_dir, to);
  }

 private:
  bool apart(int a, int b) { return FileOps::fstat(a)->st_ino != FileOps::fstat(b)->st_ino; }
};

TEST(LocalFsHistory, WorksAcrossFileSystems) {
  ManyFileSystems files;
  TestStore store(Layout::tree, files);
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(store.write(kKey, value));
  const auto before = store.versions(kKey);
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one"));
  ASSERT_TRUE(store.remove_softly(kKey));
  ASSERT_TRUE(store.undelete(kKey));
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two", "one"));
  const auto after = store.versions(kKey);
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].metadata.updated, before.at(i).metadata.updated);
  }
  ASSERT_TRUE(store.remove(kKey));
  EXPECT_FALSE(store.dir.has_leftovers());
}

TEST(LocalFsHistory, OnlyTheNewestAreKept) {
  Options options;
  testing::TempDir dir;
  options.roots = {{dir.at("root")}};
  options.versions = 3;
  TestStore store(options);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(store.write(kKey, std::to_string(i)));
  EXPECT_THAT(store.history(kKey), ElementsAre("8*", "7", "6", "5"));
  EXPECT_THAT(store.history_names(kKey), SizeIs(3));
  store.options.versions = 1;
  store.reopen();
  EXPECT_THAT(store.history(kKey), SizeIs(4)) << "nothing goes before the next write";
  ASSERT_TRUE(store.write(kKey, "9"));
  EXPECT_THAT(store.history(kKey), ElementsAre("9*", "8"));
}

TEST(LocalFsHistory, SwitchedOffItIsUnseenAndGoesWithTheNextWriteOrDelete) {
  for (bool write : {true, false}) {
    TestStore store;
    auto first = store.write(kKey, "one");
    ASSERT_TRUE(first && store.write(kKey, "two"));
    store.options.versions = 0;
    store.reopen();
    EXPECT_EQ(store.text(kKey, *first), "<not_found>");
    EXPECT_THAT(store.history_names(kKey), SizeIs(1));
    ASSERT_TRUE(write ? store.write(kKey, "three").has_value() : store.remove(kKey).has_value());
    EXPECT_FALSE(fs::exists(store.history_dir(kKey)));
  }
}

TEST(LocalFsHistory, LiesInTheFirstRootWhereverTheValueCameFrom) {
  testing::TempDir dir;
  Options options;
  options.roots = {{dir.at("first")}, {dir.at("second")}};
  TestStore store(options);
  dir.put("second/default/key/1", "by hand");
  ASSERT_TRUE(store.write(kKey, "new"));
  EXPECT_THAT(store.history(kKey), ElementsAre("new*", "by hand"));
  EXPECT_TRUE(fs::is_directory(dir.path() / "first/.history/default/key/1"));
  EXPECT_FALSE(fs::exists(dir.path() / "second/.history"));
  dir.put(std::string("first/") + kFlat, "flat by hand");
  age(dir.path() / "first" / kFlat, std::chrono::seconds(-5));
  ASSERT_TRUE(store.write(kKey, "newest"));
  EXPECT_THAT(store.history(kKey), ElementsAre("newest*", "flat by hand", "by hand"))
      << "what readers saw is kept, and nothing else";
}

TEST(LocalFsHistory, AFileEditedInPlaceIsKeptAsItIsWhenItIsReplaced) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "one"));
  ASSERT_TRUE(store.write(kKey, "two"));
  store.dir.put(kKey, "edited by hand");
  EXPECT_THAT(store.history(kKey), ElementsAre("edited by hand*", "one"));
  ASSERT_TRUE(store.write(kKey, "three"));
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "edited by hand", "one"));
}

TEST(LocalFsHistory, AFileDatedBeforeItsHistoryComesBackAsTheNewest) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "one"));
  ASSERT_TRUE(store.write(kKey, "two"));
  store.dir.put("default/key/.new", "restored from a backup");
  age(store.dir.path() / "default/key/.new", std::chrono::hours(24));
  fs::rename(store.dir.path() / "default/key/.new", store.dir.path() / kKey);
  EXPECT_EQ(store.history(kKey).at(0), "restored from a backup*");
  ASSERT_TRUE(store.remove_softly(kKey));
  ASSERT_TRUE(store.undelete(kKey));
  EXPECT_THAT(store.history(kKey), ElementsAre("restored from a backup*", "one"));
  auto next = store.write(kKey, "three");
  ASSERT_TRUE(next);
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "restored from a backup", "one"));
}

TEST(LocalFsHistory, AFileSomebodyRemovedByHandIsKeptForUndelete) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "one"));
  ASSERT_TRUE(store.write(kKey, "two"));
  fs::remove(store.dir.path() / kKey);
  EXPECT_EQ(store.text(kKey), "<not_found>");
  EXPECT_THAT(store.versions(kKey), SizeIs(1));
  ASSERT_TRUE(store.undelete(kKey));
  EXPECT_EQ(store.text(kKey), "one");
  EXPECT_FALSE(fs::exists(store.history_dir(kKey))) << "nothing earlier is left";
  fs::remove(store.dir.path() / kKey);
  EXPECT_EQ(store.undelete(kKey).error().kind, ErrorKind::not_found);
}

TEST(LocalFsHistory, OneThatIsClearedAwayByHandIsBegunAnew) {
  TestStore store;
  for (const char* value : {"one", "two"}) ASSERT_TRUE(store.write(kKey, value));
  fs::remove_all(store.dir.path() / ".history");
  EXPECT_THAT(store.history(kKey), ElementsAre("two*"));
  ASSERT_TRUE(store.write(kKey, "three"));
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "two"));
}

TEST(LocalFsHistory, WhatStandsInPlaceOfAVersionIsNotServed) {
  TestStore store;
  auto first = store.write(kKey, "one");
  ASSERT_TRUE(first && store.write(kKey, "two"));
  const fs::path kept = store.history_dir(kKey) / *first;
  testing::TempDir outside;
  outside.put("secret", "outside");
  fs::remove(kept);
  fs::create_symlink(outside.path() / "secret", kept);
  EXPECT_EQ(store.text(kKey, *first), "<internal>");
  EXPECT_THAT(store.history(kKey), ElementsAre("two*"));
  ASSERT_TRUE(store.remove(kKey));
  EXPECT_EQ(outside.get("secret"), "outside");
}

TEST(LocalFsHistory, ReplacingLeavesNoOldForm) {
  TestStore store;
  auto first = store.write(kKey, "wrapped by the old key");
  ASSERT_TRUE(first && store.write(kKey, "two"));
  ASSERT_TRUE(store.replace(kKey, *first, "wrapped anew"));
  EXPECT_THAT(store.history_names(kKey), ElementsAre(*first)) << "under the same version";
  ASSERT_TRUE(store.replace(kKey, "", "TWO"));
  EXPECT_THAT(store.history(kKey), ElementsAre("TWO*", "wrapped anew"));
  ASSERT_TRUE(store.write(kKey, "three"));
  EXPECT_THAT(store.history(kKey), ElementsAre("three*", "TWO", "wrapped anew"));
}

TEST(LocalFsHistory, ReplacingTheCurrentValueWorksWhereverItLies) {
  testing::TempDir dir;
  Options options;
  options.roots = {{dir.at("first")}, {dir.at("second")}};
  TestStore store(options);
  dir.put(std::string("second/") + kFlat, "old form");
  ASSERT_TRUE(store.replace(kKey, "", "new form"));
  EXPECT_EQ(dir.get(std::string("second/") + kFlat), "new form");
  EXPECT_FALSE(fs::exists(dir.path() / "first/default"));
  fs::create_directories(dir.path() / "second/default/linked");
  dir.put("second/target", "x");
  fs::create_symlink("../../target", dir.path() / "second/default/linked/1");
  EXPECT_EQ(store.replace("default/linked/1", "", "y").error().kind, ErrorKind::conflict);
  EXPECT_EQ(dir.get("second/target"), "x");
}

TEST(LocalFsHistory, AValueBehindTheLinksOfAVolumeIsKeptWhenItIsShadowed) {
  testing::TempDir dir;
  Options options;
  options.roots = {{dir.at("first")}, {dir.at("volume")}};
  TestStore store(options);
  dir.put("volume/default/key/..2026/1", "mounted");
  fs::create_directory_symlink("..2026", dir.path() / "volume/default/key/..data");
  fs::create_symlink("..data/1", dir.path() / "volume/default/key/1");
  ASSERT_TRUE(store.write(kKey, "ours"));
  EXPECT_THAT(store.history(kKey), ElementsAre("ours*", "mounted"));
  EXPECT_EQ(dir.get("volume/default/key/..2026/1"), "mounted") << "the volume itself is untouched";
}

TEST(LocalFsHistory, AVolumeInTheFirstRootSwapsItsDataWithoutLeavingHistory) {
  TestStore store;
  for (int version = 0; version < 3; ++version) {
    const std::string data = "..data" + std::to_string(version);
    store.dir.put("default/key/" + data + "/1", std::to_string(version));
    const fs::path mount = store.dir.path() / "default/key";
    fs::remove(mount / "..data");
    fs::create_directory_symlink(data, mount / "..data");
    if (version == 0) fs::create_symlink("..data/1", mount / "1");
    EXPECT_THAT(store.history(kKey), ElementsAre(std::to_string(version) + "*"));
    EXPECT_EQ(store.write(kKey, "x").error().kind, ErrorKind::conflict);
  }
  EXPECT_FALSE(fs::exists(store.history_dir(kKey)));
}

TEST(LocalFsHistory, ACursorOfAnotherKindIsRefused) {
  TestStore store;
  ASSERT_TRUE(store.write(kKey, "x"));
  for (const char* cursor : {"x", "c", "hzz", "h1-1", "default/key/1"}) {
    auto page = run(store.backend->versions(*ResourceId::parse(kKey), {"", 10, cursor}));
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().kind, ErrorKind::invalid_request);
  }
}

TEST(LocalFsHistory, ListingGoesOnPastAWriteThatMovesTheCurrentOneDown) {
  TestStore store;
  for (const char* value : {"1", "2", "3"}) ASSERT_TRUE(store.write(kKey, value));
  const auto id = *ResourceId::parse(kKey);
  auto page = run(store.backend->versions(id, {"", 1, ""}));
  ASSERT_TRUE(page && page->entries.size() == 1);
  std::vector<VersionId> told = {page->entries[0].version};
  ASSERT_TRUE(store.write(kKey, "4"));
  while (!page->next.empty()) {
    page = run(store.backend->versions(id, {"", 1, page->next}));
    ASSERT_TRUE(page);
    for (const Entry& entry : page->entries) told.push_back(entry.version);
  }
  EXPECT_THAT(told, SizeIs(3)) << "each that was there from the beginning, once";
}

}  // namespace
}  // namespace kbs::storage::local_fs
