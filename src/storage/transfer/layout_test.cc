#include "storage/transfer/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/testing/faulty_files.h"
#include "storage/transfer/stores_for_test.h"

namespace kbs::storage::transfer {
namespace {

using local_fs::Layout;
using storage::testing::FaultyFiles;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string root_of(const DirectorySide& side) { return side.dir.path().string(); }

Result<LayoutReport> change(DirectorySide& side, Layout to, Options options = {}) {
  return change_layout(root_of(side), to, options, side.services());
}

/// Everything that a reader, a lister and a historian can learn of a store.
struct Picture {
  std::map<std::string, std::string> values;
  std::map<std::string, std::vector<std::string>> history;
  std::map<std::string, VersionId> versions;
  std::map<std::string, std::string> types;
  friend bool operator==(const Picture&, const Picture&) = default;
};
Picture picture_of(const TestSide& side) {
  Picture picture;
  picture.values = side.all();
  for (const auto& [path, value] : picture.values) {
    picture.history[path] = side.history(path);
    const auto resource = run(side.backend->read(id(path), {}));
    picture.versions[path] = resource->version;
    picture.types[path] = resource->metadata.content_type;
  }
  return picture;
}

void fill(const TestSide& side) {
  side.put("default/key/1", "old");
  side.put("default/key/1", "older no more");
  WriteOptions typed;
  typed.content_type = "text/plain";
  side.put("default/key/1", "current", typed);
  side.put("default/key/2", "");
  side.put("default/cert/ca.pem", std::string(100'000, 'c'));
  side.put("tenant/x/y", "z");
}

/// Names of files in the root itself, our own directory aside.
std::vector<std::string> top(const DirectorySide& side) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(side.dir.path())) {
    const std::string name = entry.path().filename();
    if (name != ".history") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ChangeLayout, MovesEverythingAndChangesNothing) {
  for (Layout first : {Layout::tree, Layout::flat}) {
    DirectorySide side(first);
    fill(side);
    const Picture before = picture_of(side);
    const Layout second = first == Layout::tree ? Layout::flat : Layout::tree;
    auto report = change(side, second);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_TRUE(report->good());
    EXPECT_EQ(report->moved, 4u);
    EXPECT_EQ(picture_of(side), before) << "values, versions, history and types";
    const std::vector<std::string> flat = {R"(default\x2Fcert\x2Fca.pem)", R"(default\x2Fkey\x2F1)",
                                           R"(default\x2Fkey\x2F2)", R"(tenant\x2Fx\x2Fy)"};
    const std::vector<std::string> tree = {"default", "tenant"};
    EXPECT_EQ(top(side), second == Layout::flat ? flat : tree);
    EXPECT_EQ(change(side, second)->seen, 0u) << "nothing is left to do";
    EXPECT_EQ(change(side, first)->moved, 4u);
    EXPECT_EQ(top(side), first == Layout::flat ? flat : tree);
    EXPECT_EQ(picture_of(side), before) << "there and back";
    EXPECT_FALSE(side.dir.has_leftovers());
  }
}

TEST(ChangeLayout, OldDirectoriesMadeByHandMove) {
  DirectorySide side;
  side.dir.put("default/key/1", "of v0.18");
  side.dir.put(R"(default\x2Fkey\x2F2)", "of v0.21");
  side.dir.put("resource-policy.rego", "no resource");
  side.dir.put("a/deeper/tree/than/ours", "no resource");
  ASSERT_EQ(change(side, Layout::flat)->moved, 1u);
  EXPECT_EQ(side.dir.get(R"(default\x2Fkey\x2F1)"), "of v0.18");
  EXPECT_FALSE(fs::exists(side.dir.path() / "default"));
  ASSERT_EQ(change(side, Layout::tree)->moved, 2u);
  EXPECT_EQ(side.dir.get("default/key/1"), "of v0.18");
  EXPECT_EQ(side.dir.get("default/key/2"), "of v0.21");
  EXPECT_EQ(side.dir.get("resource-policy.rego"), "no resource");
  EXPECT_EQ(side.dir.get("a/deeper/tree/than/ours"), "no resource");
}

TEST(ChangeLayout, ADryRunMovesNothing) {
  DirectorySide side;
  fill(side);
  Options options;
  options.dry_run = true;
  EXPECT_EQ(change(side, Layout::flat, options)->moved, 4u);
  EXPECT_THAT(top(side), ElementsAre("default", "tenant"));
}

TEST(ChangeLayout, OnlyWhatIsUnderThePrefix) {
  DirectorySide side;
  fill(side);
  Options options;
  options.prefix = "tenant/";
  EXPECT_EQ(change(side, Layout::flat, options)->moved, 1u);
  EXPECT_THAT(top(side), ElementsAre("default", R"(tenant\x2Fx\x2Fy)"));
}

TEST(ChangeLayout, OfTwoCopiesTheOneThatReadersGetStaysAndTheOtherIsKept) {
  struct Case {
    int tree_age;  ///< in seconds
    int flat_age;
    const char* stays;
    const char* why;
  };
  const Case cases[] = {
      {10, 20, "tree", "the newer one"},
      {20, 10, "flat", "the newer one"},
      {10, 10, "flat", "equally old: flat"},
  };
  for (const Case& c : cases) {
    for (Layout to : {Layout::tree, Layout::flat}) {
      SCOPED_TRACE(c.why);
      DirectorySide side;
      side.dir.put("default/key/1", "tree");
      side.dir.put(R"(default\x2Fkey\x2F1)", "flat");
      const auto now = fs::file_time_type::clock::now();
      fs::last_write_time(side.dir.path() / "default/key/1",
                          now - std::chrono::seconds(c.tree_age));
      fs::last_write_time(side.dir.path() / R"(default\x2Fkey\x2F1)",
                          now - std::chrono::seconds(c.flat_age));
      ASSERT_EQ(side.get("default/key/1"), c.stays);
      auto report = change(side, to);
      ASSERT_TRUE(report && report->good());
      EXPECT_EQ(report->notes.size(), 1u);
      EXPECT_EQ(side.get("default/key/1"), c.stays);
      EXPECT_EQ(top(side).size(), 1u);
      EXPECT_EQ(side.history("default/key/1").size(), 2u) << "nothing is lost";
      EXPECT_EQ(side.history("default/key/1").back(), c.stays);
    }
  }
}

TEST(ChangeLayout, EqualCopiesLeaveNoSecondVersion) {
  DirectorySide side;
  side.dir.put("default/key/1", "same");
  side.dir.put(R"(default\x2Fkey\x2F1)", "same");
  ASSERT_EQ(change(side, Layout::flat)->moved, 1u);
  EXPECT_THAT(side.history("default/key/1"), ElementsAre("same"));
}

TEST(ChangeLayout, WhatCannotMoveIsToldAndStaysServed) {
  DirectorySide side;
  const std::string segment(120, 's');
  const std::string path = segment + '/' + segment + '/' + segment;
  side.dir.put(path, "too long to be flat");
  side.dir.put("..data/key", "linked");
  fs::create_directories(side.dir.path() / "default/key");
  fs::create_symlink("../../..data/key", side.dir.path() / "default/key/link");
  side.dir.put("default/key/good", "v");
  auto report = change(side, Layout::flat);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->moved, 1u);
  ASSERT_EQ(report->problems.size(), 2u);
  EXPECT_EQ(report->problems[0].path, "default/key/link");
  EXPECT_EQ(report->problems[1].path, path);
  EXPECT_EQ(side.get(path), "too long to be flat");
  EXPECT_EQ(side.get("default/key/link"), "linked");
  EXPECT_EQ(side.get("default/key/good"), "v");
}

TEST(ChangeLayout, AFailureAtAnyStepLosesNothingAndCanBeResumed) {
  for (Layout to : {Layout::flat, Layout::tree}) {
    for (int nth = 1;; ++nth) {
      FaultyFiles files;
      DirectorySide side(to == Layout::flat ? Layout::tree : Layout::flat, files);
      side.put("default/key/1", "old");
      side.put("default/key/1", "current");
      side.put("default/key/2", "other");
      // And one that lies there twice.
      side.dir.put(to == Layout::flat ? R"(a\x2Fb\x2Fc)" : "a/b/c", "first");
      fs::last_write_time(side.dir.path() / (to == Layout::flat ? R"(a\x2Fb\x2Fc)" : "a/b/c"),
                          fs::file_time_type::clock::now() - std::chrono::hours(1));
      side.dir.put(to == Layout::flat ? "a/b/c" : R"(a\x2Fb\x2Fc)", "second");
      const auto before = side.all();
      ASSERT_EQ(before.at("a/b/c"), "second");
      files.fail_nth(nth, EIO);
      (void)change(side, to);
      const bool failed = files.failed();
      files.fail_nth(0, 0);
      ASSERT_EQ(side.all(), before) << "after a failure at operation " << nth;
      auto again = change(side, to);
      ASSERT_TRUE(again && again->good()) << nth;
      ASSERT_EQ(side.all(), before);
      ASSERT_THAT(side.history("default/key/1"), ElementsAre("old", "current"));
      ASSERT_THAT(side.history("a/b/c"), ElementsAre("first", "second"));
      // An empty directory may stay; it harms nobody.
      const std::vector<std::string> names = top(side);
      ASSERT_EQ(std::count_if(
                    names.begin(), names.end(),
                    [](const std::string& name) { return name.find("x2F") != std::string::npos; }),
                to == Layout::flat ? 3 : 0);
      if (!failed) break;
    }
  }
}

TEST(ChangeLayout, WithoutHardLinksItCopies) {
  FaultyFiles files;
  DirectorySide side(Layout::tree, files);
  fill(side);
  Picture before = picture_of(side);
  files.fail_all("link", EPERM);
  auto report = change(side, Layout::flat);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->moved, 4u);
  const Picture after = picture_of(side);
  EXPECT_EQ(after.values, before.values);
  EXPECT_EQ(after.types, before.types);
  EXPECT_EQ(after.history, before.history);
  EXPECT_EQ(top(side).size(), 4u);
  EXPECT_EQ(change(side, Layout::flat)->seen, 0u);
}

TEST(ChangeLayout, ReadersAndWritersGoOnMeanwhile) {
  DirectorySide side;
  constexpr int kResources = 40;
  const auto path = [](int i) { return "default/key/" + std::to_string(i); };
  for (int i = 0; i < kResources; ++i) side.put(path(i), "0");
  std::atomic<bool> stop{false};
  std::atomic<int> absent{0};
  std::thread reader([&] {
    while (!stop) {
      for (int i = 0; i < kResources; ++i) {
        if (side.get(path(i)).starts_with('<')) ++absent;
      }
    }
  });
  std::thread writer([&] {
    for (int round = 1; round <= 20; ++round) {
      for (int i = 0; i < kResources; ++i) side.put(path(i), std::to_string(round));
    }
  });
  for (int round = 0; round < 10; ++round) {
    EXPECT_TRUE(change(side, round % 2 == 0 ? Layout::flat : Layout::tree)->good());
  }
  writer.join();
  stop = true;
  reader.join();
  EXPECT_EQ(absent, 0);
  EXPECT_TRUE(change(side, Layout::flat)->good());
  for (int i = 0; i < kResources; ++i) {
    EXPECT_EQ(side.get(path(i)), "20") << "no acknowledged write is lost";
  }
}

TEST(ChangeLayout, ADirectoryThatIsNotThereIsNamed) {
  DirectorySide side;
  const auto report = change_layout("/does/not/exist", Layout::flat, {}, side.services());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("/does/not/exist"));
}

}  // namespace
}  // namespace kbs::storage::transfer
