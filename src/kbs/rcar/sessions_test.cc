#include "kbs/rcar/sessions.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "crypto/random.h"

namespace kbs::rcar {
namespace {

SessionId fresh_id() {
  SessionId id;
  crypto::random_bytes(id);
  return id;
}

AttestedSession session(std::string_view token, SysTime expires) {
  return {std::make_shared<const Secret>(as_bytes(token)), expires - std::chrono::minutes{5},
          expires};
}

class MemorySessionsTest : public ::testing::Test {
 protected:
  std::optional<std::string> token_of(MemorySessions& sessions, SessionId id) {
    auto found = testing::run(sessions.find(id));
    if (!found || !*found) return std::nullopt;
    return std::string((*found)->token->expose_text());
  }
  SysTime in(std::chrono::seconds s) { return clock_.now() + s; }
  testing::ManualClock clock_;
};

TEST_F(MemorySessionsTest, TheFirstTokenWins) {
  MemorySessions sessions(clock_);
  const SessionId id = fresh_id();
  auto first =
      testing::run(sessions.insert_if_absent(id, session("first", in(std::chrono::seconds{60}))));
  auto second =
      testing::run(sessions.insert_if_absent(id, session("second", in(std::chrono::seconds{60}))));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->token->expose_text(), "first");
  EXPECT_EQ(token_of(sessions, id), "first");
}

TEST_F(MemorySessionsTest, EndsWithItsTimeAndFreesItsRoom) {
  MemorySessions sessions(clock_);
  const SessionId id = fresh_id();
  ASSERT_TRUE(
      testing::run(sessions.insert_if_absent(id, session("t", in(std::chrono::seconds{60})))));
  clock_.advance(std::chrono::seconds{60});
  EXPECT_EQ(token_of(sessions, id), "t") << "at its last instant it is alive";
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_EQ(token_of(sessions, id), std::nullopt);
  // Whatever comes next into the same shard sweeps it out.
  SessionId neighbour = fresh_id();
  neighbour.back() = id.back();
  clock_.advance(std::chrono::seconds{60});
  ASSERT_TRUE(testing::run(
      sessions.insert_if_absent(neighbour, session("n", in(std::chrono::seconds{60})))));
  EXPECT_EQ(sessions.size(), 1u);
}

TEST_F(MemorySessionsTest, FullMeansLaterNeverEviction) {
  MemorySessions sessions(clock_, 64 * 2000);  // 2,000 bytes a shard
  SessionId first = fresh_id();
  ASSERT_TRUE(testing::run(sessions.insert_if_absent(
      first, session(std::string(1500, 'x'), in(std::chrono::seconds{60})))));
  SessionId second = fresh_id();
  second.back() = first.back();
  auto refused = testing::run(sessions.insert_if_absent(
      second, session(std::string(1500, 'y'), in(std::chrono::seconds{60}))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(token_of(sessions, first)) << "the one before is untouched";
  clock_.advance(std::chrono::seconds{61});
  EXPECT_TRUE(testing::run(sessions.insert_if_absent(
      second, session(std::string(1500, 'y'), in(std::chrono::seconds{60})))))
      << "room is found once the first has expired";
}

TEST_F(MemorySessionsTest, ManyThreadsOnOneSessionAgreeOnOneToken) {
  MemorySessions sessions(clock_);
  const SessionId id = fresh_id();
  const SysTime expires = in(std::chrono::seconds{60});
  std::array<std::string, 8> seen;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    threads.emplace_back([&, i] {
      auto kept = testing::run(
          sessions.insert_if_absent(id, session("token " + std::to_string(i), expires)));
      if (kept) seen[i] = kept->token->expose_text();
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::string& token : seen) EXPECT_EQ(token, seen[0]);
  EXPECT_NE(seen[0], "");
}

}  // namespace
}  // namespace kbs::rcar
