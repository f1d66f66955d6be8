// Many callers, one question.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include <boost/asio/detached.hpp>

#include "storage/cached/cached_fixture.h"
#include "storage/testing/call.h"

namespace kbs::storage::cached {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using testing::FaultyBackend;
using testing::Op;

std::string text(std::optional<testing::Outcome<Result<Resource>>> outcome) {
  if (!outcome) return "<still waiting>";
  if (!outcome->result) return "<threw>";
  if (!*outcome->result) return '<' + std::string(to_string(outcome->result->error().kind)) + '>';
  return std::string((*outcome->result)->value.expose_text());
}

using Read = Call<Result<Resource>>;

std::unique_ptr<Read> start_read(CachedStore& s) {
  return std::make_unique<Read>(s.backend->read(kId, {}));
}

TEST(CachedFlights, CallersOnManyThreadsShareOneRead) {
  CachedStore s({.ttl = milliseconds(0)});
  s.put(kId, std::string(100'000, 'x'));
  s.store->hold(FaultyBackend::Gate::before, Op::read);
  std::vector<std::unique_ptr<Read>> calls;
  calls.reserve(32);
  for (int i = 0; i < 32; ++i) calls.push_back(start_read(s));
  ASSERT_TRUE(s.store->await_waiting(1));
  std::this_thread::sleep_for(milliseconds(50));
  s.store->release();
  for (auto& call : calls) EXPECT_EQ(text(call->wait()).size(), 100'000u);
  EXPECT_LE(s.reads(), 2u) << "a thread that came very late may have asked again";
  EXPECT_GE(s.reads(), 1u);
}

TEST(CachedFlights, TheOthersGetTheirAnswerWhenTheFirstIsCancelled) {
  CachedStore s;
  s.put(kId, "one");
  s.store->hold(FaultyBackend::Gate::before, Op::read);
  auto first = start_read(s);
  ASSERT_TRUE(s.store->await_waiting(1));
  auto second = start_read(s);
  auto third = start_read(s);
  std::this_thread::sleep_for(milliseconds(20));
  first->cancel();
  EXPECT_EQ(text(first->wait(seconds(5))), "<unavailable>");
  third->cancel();
  EXPECT_EQ(text(third->wait(seconds(5))), "<unavailable>") << "each has its own cancellation";
  EXPECT_EQ(text(second->wait(milliseconds(20))), "<still waiting>");
  s.store->release();
  EXPECT_EQ(text(second->wait()), "one");
  EXPECT_EQ(s.reads(), 1u);
}

TEST(CachedFlights, TheReadIsCancelledWhenNobodyWaitsForItAnyMore) {
  CachedStore s;
  s.put(kId, "one");
  s.store->stall(Op::read);
  auto first = start_read(s);
  ASSERT_TRUE(s.store->await_waiting(1));
  auto second = start_read(s);
  std::this_thread::sleep_for(milliseconds(20));
  // The first is last to go: its thread carries the read.
  second->cancel();
  EXPECT_EQ(text(second->wait(seconds(5))), "<unavailable>");
  EXPECT_EQ(s.store->waiting(), 1u);
  first->cancel();
  EXPECT_EQ(text(first->wait(seconds(5))), "<unavailable>");
  for (int i = 0; i < 1000 && s.store->waiting() > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(s.store->waiting(), 0u);
  s.store->heal();
  EXPECT_EQ(s.read(kId), "one");
}

/// Never answers, and holds nothing but the call itself.
class Hanging final : public Backend {
 public:
  const Capabilities& capabilities() const noexcept override { return can_; }
  awaitable<Result<Resource>> read(ResourceId, ReadOptions) override {
    ++reads;
    asio::steady_timer timer(co_await asio::this_coro::executor, SteadyTime::max());
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return fail(ErrorKind::unavailable, "cancelled");
  }
  awaitable<Result<>> health() override { co_return Result<>(); }

  std::atomic<int> reads{0};

 private:
  const Capabilities can_;
};

TEST(CachedFlights, TheOthersAskAnewWhenTheFirstsContextGoesAway) {
  const kbs::testing::ManualClock clock;
  const auto store = std::make_shared<Hanging>();
  const BackendPtr backend = make(store, {}, clock);
  auto context = std::make_unique<asio::io_context>(1);
  asio::co_spawn(*context, backend->read(kId, {}), asio::detached);
  context->poll();
  EXPECT_EQ(store->reads, 1);
  Read second(backend->read(kId, {}));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(store->reads, 1);
  context.reset();
  for (int i = 0; i < 1000 && store->reads < 2; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(store->reads, 2);
}

TEST(CachedFlights, AWaiterWhoseContextGoesAwayIsForgotten) {
  CachedStore s;
  s.put(kId, "one");
  s.store->hold(FaultyBackend::Gate::before, Op::read);
  auto first = start_read(s);
  ASSERT_TRUE(s.store->await_waiting(1));
  {
    asio::io_context context(1);
    asio::co_spawn(context, s.backend->read(kId, {}), asio::detached);
    context.poll();
  }
  s.store->release();
  EXPECT_EQ(text(first->wait()), "one");
}

TEST(CachedFlights, WhoComesLateDoesNotJoinAReadThatHangs) {
  CachedStore s;
  s.put(kId, "one");
  s.store->hold(FaultyBackend::Gate::before, Op::read);
  auto first = start_read(s);
  ASSERT_TRUE(s.store->await_waiting(1));
  s.clock.advance(seconds(5));
  auto second = start_read(s);
  EXPECT_TRUE(s.store->await_waiting(2));
  s.store->release();
  EXPECT_EQ(text(second->wait()), "one");
  EXPECT_EQ(text(first->wait()), "one");
}

TEST(CachedFlights, AFailureFromBeforeOneCameIsNotBelieved) {
  CachedStore s;
  s.put(kId, "one");
  s.store->stall(Op::read);
  auto first = start_read(s);
  ASSERT_TRUE(s.store->await_waiting(1));
  auto second = start_read(s);
  std::this_thread::sleep_for(milliseconds(20));
  s.store->heal();
  EXPECT_EQ(text(first->wait()), "<unavailable>");
  EXPECT_EQ(text(second->wait()), "one");
}

/// Readers, a writer, changes by other hands and impatient callers, all at once: nobody gets a
/// value older than the one acknowledged before it asked.
TEST(CachedFlights, NobodyGetsAValueOlderThanOneAcknowledgedBeforeItAsked) {
  CachedStore s({.ttl = seconds(1000), .max_bytes = 4'000});
  std::atomic<int> acknowledged{0};
  std::atomic<bool> over{false};
  const auto id = [](int key) { return ResourceId{"default", "key", std::to_string(key)}; };
  for (int key = 0; key < 8; ++key) s.put(id(key), "0");
  std::vector<std::thread> threads;
  threads.reserve(5);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; !over; ++i) {
        const int before = acknowledged;
        const std::string got = s.read(id(i % 8));
        ASSERT_GE(std::stoi(got), before);
      }
    });
  }
  threads.emplace_back([&] {
    while (!over) {
      Read call(s.backend->read(id(0), {}));
      call.cancel();
      (void)call.wait();
    }
  });
  for (int round = 1; round <= 300; ++round) {
    for (int key = 0; key < 8; ++key) {
      if (key % 2 == 0) {
        s.write(id(key), std::to_string(round));
      } else {
        s.put(id(key), std::to_string(round));
        s.store->tell(key % 3 == 0 ? "default/" : id(key).path());
      }
    }
    acknowledged = round;
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kbs::storage::cached
