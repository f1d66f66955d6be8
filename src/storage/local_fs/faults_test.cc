// Every system call can fail. Then the error says so, the old value is whole, and nothing is left
// lying about.
#include <gmock/gmock.h>

#include <cerrno>

#include "base/log.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using testing::FaultyFiles;

constexpr const char* kTree = "default/key/1";
constexpr int kErrors[] = {ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, EACCES};

/// Thousands of stores with an odd state each: their warnings are tested elsewhere.
class LocalFsFaults : public ::testing::Test {
 protected:
  LocalFsFaults() { EXPECT_TRUE(configure_log("error")); }
  ~LocalFsFaults() override { EXPECT_TRUE(configure_log("info")); }
};

bool has(const std::vector<std::string>& record, std::string_view beginning) {
  return std::any_of(record.begin(), record.end(),
                     [&](const std::string& each) { return each.starts_with(beginning); });
}

/// What lies there before the write whose calls fail one after another.
struct Scene {
  const char* name;
  Layout layout;
  const char* tree;  ///< null: no such file
  const char* flat;
  bool create_only;
};

const Scene kScenes[] = {
    {"first write, tree", Layout::tree, nullptr, nullptr, false},
    {"first write, flat", Layout::flat, nullptr, nullptr, false},
    {"create only, tree", Layout::tree, nullptr, nullptr, true},
    {"overwrite, tree", Layout::tree, "old", nullptr, false},
    {"overwrite, flat", Layout::flat, nullptr, "old", false},
    {"flat becomes tree", Layout::tree, nullptr, "old", false},
    {"tree becomes flat", Layout::flat, "old", nullptr, false},
};

/// One write in `scene` with its `nth` call failing. False when it has no `nth` call.
bool fail_one_call(const Scene& scene, int nth, int error) {
  FaultyFiles files;
  TestStore store(scene.layout, files);
  if (scene.tree) store.dir.put(kTree, scene.tree);
  if (scene.flat) store.dir.put(kFlat, scene.flat);
  WriteOptions options;
  options.create_only = scene.create_only;
  files.fail_nth(nth, error);
  auto written = store.write(kTree, "new", options);
  const bool failed = files.failed();
  const auto record = files.record();
  files.fail_nth(0, 0);
  SCOPED_TRACE(std::string(scene.name) + ", call " + std::to_string(nth) + " fails with " +
               std::to_string(error) + ": " + (record.empty() ? "" : record[record.size() - 1]));
  const bool visible = has(record, "rename 1") || has(record, "link 1") ||
                       has(record, std::string("rename ") + kFlat);
  const bool existed = scene.tree || scene.flat;
  const std::string before = existed ? "old" : "<not_found>";
  if (written) {
    EXPECT_EQ(store.text(kTree), "new");
  } else {
    EXPECT_TRUE(written.error().kind == ErrorKind::unavailable) << describe(written.error());
    EXPECT_FALSE(written.error().detail.empty());
    const std::string now = store.text(kTree);
    EXPECT_TRUE(now == before || (visible && now == "new")) << now;
  }
  // A temporary file may stay only if it is its removal that failed; the next start sweeps it.
  const bool unlink_failed = failed && has(record, "unlink .kbs-tmp-");
  if (!unlink_failed || !written) EXPECT_FALSE(store.dir.has_leftovers());
  // And the store goes on.
  EXPECT_TRUE(store.write(kTree, "later"));
  EXPECT_EQ(store.text(kTree), "later");
  return failed;
}

TEST_F(LocalFsFaults, AFailedWriteIsToldAndLeavesTheOldValueWhole) {
  for (const Scene& scene : kScenes) {
    // Each error once in the longest scene; what the scenes differ in does not depend on it.
    const bool all = scene.layout == Layout::tree && scene.flat != nullptr;
    for (int error : std::span(kErrors).first(all ? std::size(kErrors) : 1)) {
      int nth = 1;
      while (fail_one_call(scene, nth, error)) ++nth;
      EXPECT_GT(nth, 5) << "the write made hardly a call: is it still checked?";
      if (HasFailure()) return;
    }
  }
}

TEST_F(LocalFsFaults, AFailedReadIsNeverAnAbsence) {
  for (int error : {EIO, EMFILE, ENFILE, EACCES}) {
    for (int nth = 1;; ++nth) {
      FaultyFiles files;
      TestStore store(Layout::tree, files);
      store.dir.put(kTree, "value");
      files.fail_nth(nth, error);
      auto got = store.read(kTree);
      if (!files.failed()) break;
      if (got) {  // some failures have a way around
        EXPECT_EQ(got->value.expose_text(), "value");
        continue;
      }
      EXPECT_EQ(got.error().kind, ErrorKind::unavailable) << describe(got.error());
    }
  }
}

TEST_F(LocalFsFaults, AFailedDeleteIsToldAndShowsNoOlderValue) {
  for (int error : kErrors) {
    for (int nth = 1;; ++nth) {
      FaultyFiles files;
      TestStore store(Layout::tree, files);
      store.dir.put(kFlat, "older");
      store.dir.put(kTree, "newer");
      std::filesystem::last_write_time(
          store.dir.path() / kFlat,
          std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
      files.fail_nth(nth, error);
      auto removed = store.remove(kTree);
      const bool failed = files.failed();
      files.fail_nth(0, 0);
      const std::string now = store.text(kTree);
      EXPECT_TRUE(now == "<not_found>" || (now == "newer" && !removed)) << now;
      if (!removed) EXPECT_EQ(removed.error().kind, ErrorKind::unavailable);
      if (!failed) break;
    }
  }
}

TEST_F(LocalFsFaults, ShortWritesAreContinued) {
  FaultyFiles files;
  TestStore store(Layout::tree, files);
  files.limit_writes(3);
  ASSERT_TRUE(store.write(kTree, "ten bytes!"));
  EXPECT_EQ(store.text(kTree), "ten bytes!");
}

TEST_F(LocalFsFaults, AFullDiskFailsEveryWriteAndNoRead) {
  FaultyFiles files;
  TestStore store(Layout::tree, files);
  ASSERT_TRUE(store.write(kTree, "old"));
  files.fail_all("write", ENOSPC);
  for (int i = 0; i < 3; ++i) {
    auto written = store.write(kTree, "new");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(written.error().message, ::testing::HasSubstr("full"));
    EXPECT_EQ(store.text(kTree), "old");
  }
  EXPECT_FALSE(store.dir.has_leftovers());
}

TEST_F(LocalFsFaults, AReadOnlyMountIsReadAndSaysWhyItIsNotWritten) {
  FaultyFiles files;
  TestStore store(Layout::tree, files);
  store.dir.put(kTree, "mounted");
  for (const char* call : {"open_beneath .kbs-tmp-", "unlink"}) {
    files.fail_all(call, EROFS);
    auto result = std::string_view(call) == "unlink" ? store.remove(kTree)
                                                     : store.write(kTree, "x").map([](auto&&) {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(result.error().message, ::testing::HasSubstr("read-only"));
    EXPECT_EQ(store.text(kTree), "mounted");
  }
}

}  // namespace
}  // namespace kbs::storage::local_fs
