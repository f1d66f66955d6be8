#include "storage/cached/table.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"

namespace kbs::storage::cached {
namespace {

Result<Resource> value_of(std::size_t size) {
  return Resource{Secret::from_text(std::string(size, 'x')), "1", {}};
}

/// Asks and answers; the answer as the table shares it.
std::weak_ptr<const Result<Resource>> keep(Table& table, const std::string& path,
                                           std::size_t size) {
  const Table::Looked looked = table.look(path);
  table.land(path, looked.flight, value_of(size));
  return looked.flight->answer();
}

bool has(Table& table, const std::string& path) {
  const Table::Looked looked = table.look(path);
  if (looked.leads) table.give_up(path, looked.flight);
  return looked.answer != nullptr;
}

TEST(CachedTable, TheLeastRecentlyUsedGoesFirstAndIsWiped) {
  const kbs::testing::ManualClock clock;
  Table table({.max_bytes = 40'000}, clock);
  const auto a = keep(table, "r/t/a", 10'000);
  const auto b = keep(table, "r/t/b", 10'000);
  const auto c = keep(table, "r/t/c", 10'000);
  EXPECT_TRUE(has(table, "r/t/a"));
  const auto d = keep(table, "r/t/d", 10'000);
  EXPECT_TRUE(b.expired()) << "nobody holds what was evicted: its Secret is wiped and freed";
  EXPECT_FALSE(has(table, "r/t/b"));
  for (const char* path : {"r/t/a", "r/t/c", "r/t/d"}) EXPECT_TRUE(has(table, path)) << path;
  EXPECT_FALSE(a.expired() || c.expired() || d.expired());
}

TEST(CachedTable, AFollowerMayLeaveBeforeTheReadHasBegun) {
  const kbs::testing::ManualClock clock;
  Table table({}, clock);
  const Table::Looked leader = table.look("r/t/a");
  const Table::Looked follower = table.look("r/t/a");
  ASSERT_TRUE(leader.leads && !follower.leads);
  table.leave("r/t/a", follower.flight);
  EXPECT_FALSE(leader.flight->abandoned()) << "its leader still waits for it";
  table.land("r/t/a", leader.flight, value_of(1));
  EXPECT_TRUE(has(table, "r/t/a"));
}

TEST(CachedTable, WhatIsReplacedOrDroppedIsWiped) {
  const kbs::testing::ManualClock clock;
  Table table({}, clock);
  const auto dropped = keep(table, "r/t/a", 10);
  table.drop("r/t/a");
  EXPECT_TRUE(dropped.expired());
  const auto below = keep(table, "r/t/a", 10);
  table.drop_below("r/");
  EXPECT_TRUE(below.expired());
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(CachedTable, NeverHoldsMoreThanItMay) {
  const kbs::testing::ManualClock clock;
  for (std::uint64_t most : {0u, 1'000u, 100'000u, 16u << 20}) {
    Table table({.negative_ttl = std::chrono::seconds(1), .max_bytes = most}, clock);
    for (int i = 0; i < 3000; ++i) {
      const std::string path = "r/t/" + std::to_string(i);
      if (i % 3 != 0) {
        keep(table, path, static_cast<std::size_t>(i) * 7);
      } else {
        const Table::Looked looked = table.look(path);
        table.land(path, looked.flight, fail(ErrorKind::not_found, "no such resource"));
      }
      ASSERT_LE(table.bytes(), most);
    }
    if (most >= 1'000) EXPECT_GT(table.bytes(), most / 2) << "and makes use of it";
  }
}

TEST(CachedTable, WhatWouldFillItIsNotKept) {
  const kbs::testing::ManualClock clock;
  Table table({.max_bytes = 64u << 20}, clock);
  keep(table, "r/t/small", 10);
  keep(table, "r/t/large", 3u << 20);
  keep(table, "r/t/huge", 5u << 20);
  EXPECT_TRUE(has(table, "r/t/small"));
  EXPECT_TRUE(has(table, "r/t/large"));
  EXPECT_FALSE(has(table, "r/t/huge"));
}

}  // namespace
}  // namespace kbs::storage::cached
