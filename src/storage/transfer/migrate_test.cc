#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/faulty_backend.h"
#include "storage/transfer/stores_for_test.h"
#include "storage/transfer/transfer.h"

namespace kbs::storage::transfer {
namespace {

using local_fs::Layout;
using storage::testing::FaultyBackend;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Options with_history() {
  Options options;
  options.history = true;
  return options;
}

TEST(Migrate, RemovesTheSourceOnlyWhenAllOfItArrived) {
  const TestSide from = memory_side();
  from.put("r/t/1", "old");
  from.put("r/t/1", "one");
  from.put("r/t/2", "two");
  const TestSide to = memory_side();
  to.put("r/t/2", "another");
  to.put("r/t/extra", "x");
  auto report = run(migrate(from.side(), to.side(), with_history(), true)).value();
  EXPECT_FALSE(report.good());
  EXPECT_EQ(report.removed, 0u);
  EXPECT_EQ(from.all().size(), 2u);
  ASSERT_TRUE(run(to.backend->remove(id("r/t/2"), {})));
  report = run(migrate(from.side(), to.side(), with_history(), true)).value();
  EXPECT_TRUE(report.good());
  EXPECT_EQ(report.removed, 2u);
  EXPECT_TRUE(from.all().empty());
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("old", "one"));
  EXPECT_EQ(to.get("r/t/2"), "two");
  EXPECT_EQ(to.get("r/t/extra"), "x");
}

TEST(Migrate, DoesNotLoseHistoryUnasked) {
  const TestSide from = memory_side();
  from.put("r/t/1", "old");
  from.put("r/t/1", "one");
  const TestSide to = memory_side();
  const auto refused = run(migrate(from.side(), to.side(), {}, true));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--drop-history"));
  EXPECT_TRUE(to.all().empty());
  // A target that keeps fewer: the copy is as good as it can be, but the source stays.
  const TestSide forgetful = memory_side(1);
  from.put("r/t/1", "two");
  auto report = run(migrate(from.side(), forgetful.side(), with_history(), true)).value();
  EXPECT_FALSE(report.good());
  EXPECT_EQ(from.get("r/t/1"), "two");
  report = run(migrate(from.side(), forgetful.side(), {}, true, true)).value();
  EXPECT_TRUE(report.good());
  EXPECT_TRUE(from.all().empty());
}

TEST(Migrate, WhatChangesMeanwhileStays) {
  auto from = std::make_shared<FaultyBackend>(memory_side().backend);
  const TestSide source{from, "source"};
  source.put("r/t/1", "one");
  source.put("r/t/2", "two");
  const TestSide to = memory_side();
  Options options;
  options.in_flight = 1;
  std::size_t told = 0;
  options.progress = [&](const std::string& path, std::string_view outcome) {
    // The writer comes when copying and comparing are over.
    if (++told == 5) source.put("r/t/2", "newer");
    (void)path;
    (void)outcome;
  };
  auto report = run(migrate(source.side(), to.side(), options, true, true)).value();
  EXPECT_FALSE(report.good());
  EXPECT_EQ(report.removed, 1u);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].path, "r/t/2");
  EXPECT_EQ(source.get("r/t/2"), "newer");
}

TEST(Migrate, BrokenOffWhileRemovingItIsFinishedByRunningItAgain) {
  for (std::size_t broken = 0; broken < 6; ++broken) {
    auto faulty = std::make_shared<FaultyBackend>(memory_side().backend);
    const TestSide from{faulty, "from"};
    for (int i = 0; i < 6; ++i) from.put("r/t/" + std::to_string(i), std::to_string(i));
    const auto all = from.all();
    const TestSide to = memory_side();
    Options options;
    options.in_flight = 1;
    options.max_problems = 1;
    std::size_t removed = 0;
    options.progress = [&](const std::string&, std::string_view outcome) {
      if (outcome == "removed" && ++removed == broken) {
        faulty->fail_next(SIZE_MAX, ErrorKind::unavailable);
      }
    };
    (void)run(migrate(from.side(), to.side(), options, true, true));
    faulty->heal();
    options.progress = nullptr;
    auto report = run(migrate(from.side(), to.side(), options, true, true)).value();
    EXPECT_TRUE(report.good());
    EXPECT_TRUE(from.all().empty());
    EXPECT_EQ(to.all(), all);
  }
}

TEST(Migrate, AnOldTreeAndANewerFlatDirectoryMoveBothWays) {
  // As v0.18 and v0.21 leave them: by hand here, without any code of ours.
  const DirectorySide tree(Layout::tree);
  tree.dir.put("default/key/1", "one");
  tree.dir.put("default/cert/ca.pem", "two");
  tree.dir.put("tenant-a/key/1", "");
  const DirectorySide flat(Layout::flat);
  flat.dir.put(R"(other\x2Fkey\x2F1)", "three");
  flat.dir.put(R"(other\x2Fkey\x2F2)", std::string(100'000, 'x'));
  auto report = run(migrate(tree.side(), flat.side(), with_history(), true)).value();
  EXPECT_TRUE(report.good());
  EXPECT_TRUE(tree.all().empty());
  EXPECT_EQ(flat.dir.get(R"(default\x2Fkey\x2F1)"), "one");
  EXPECT_EQ(flat.dir.get(R"(tenant-a\x2Fkey\x2F1)"), "");
  const auto all = flat.all();
  EXPECT_EQ(all.size(), 5u);
  report = run(migrate(flat.side(), tree.side(), with_history(), true)).value();
  EXPECT_TRUE(report.good());
  EXPECT_TRUE(flat.all().empty());
  EXPECT_EQ(tree.all(), all);
  EXPECT_EQ(tree.dir.get("other/key/1"), "three");
}

TEST(Migrate, AStoreIsNotMovedOntoItself) {
  const DirectorySide one;
  one.put("r/t/1", "v");
  local_fs::Options options;
  options.roots = {{one.dir.path().string() + "/."}};
  asio::thread_pool pool(1);
  const TestSide same{*local_fs::make(options, {system_files(), system_clock(), pool}), "same"};
  for (bool drop_history : {false, true}) {
    const auto report = run(migrate(one.side(), same.side(),
                                    drop_history ? Options() : with_history(), true, drop_history));
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message, HasSubstr("one and the same store"));
    EXPECT_THAT(one.all(), ElementsAre(std::pair("r/t/1", "v")));
  }
  pool.join();
}

TEST(Migrate, LeavesNothingOfItsOwnInTheTarget) {
  const TestSide from = memory_side();
  from.put("r/t/1", "v");
  const TestSide to = memory_side();
  ASSERT_TRUE(run(migrate(from.side(), to.side(), with_history(), true))->good());
  EXPECT_THAT(to.all(), ElementsAre(std::pair("r/t/1", "v")));
}

}  // namespace
}  // namespace kbs::storage::transfer
