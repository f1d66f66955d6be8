#include "base/async.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"

namespace kbs {
namespace {

using namespace std::chrono_literals;

SteadyTime in(std::chrono::milliseconds time) { return system_clock().steady_now() + time; }

awaitable<Result<int>> run_job(asio::thread_pool& pool, std::function<Result<int>()> job,
                               SteadyTime deadline) {
  co_return co_await run_on(pool, std::move(job), deadline);
}

TEST(RunOn, ReturnsWhatTheWorkReturnsHere) {
  asio::thread_pool pool(1);
  std::thread::id worked, resumed;
  auto scenario = [&]() -> awaitable<Result<int>> {
    auto job = [&]() -> Result<int> {
      worked = std::this_thread::get_id();
      return 42;
    };
    Result<int> result = co_await run_on(pool, std::move(job), in(5s));
    resumed = std::this_thread::get_id();
    co_return result;
  };
  EXPECT_EQ(testing::run(scenario()).value(), 42);
  EXPECT_EQ(resumed, std::this_thread::get_id());
  EXPECT_NE(worked, resumed);
  pool.join();
}

TEST(RunOn, PassesFailuresOn) {
  asio::thread_pool pool(1);
  const Result<int> got = testing::run(
      run_job(pool, [] { return Result<int>(fail(ErrorKind::conflict, "taken")); }, in(5s)));
  EXPECT_EQ(got.error().kind, ErrorKind::conflict);
  pool.join();
}

TEST(RunOn, GivesUpAtTheDeadlineWhileTheWorkGoesOn) {
  asio::thread_pool pool(1);
  std::atomic<bool> go{false}, finished{false};
  const auto slow = [&]() -> Result<int> {
    while (!go) std::this_thread::sleep_for(1ms);
    finished = true;
    return 1;
  };
  // The context lives until the pool is joined, as a server's does.
  asio::io_context context(1);
  std::optional<Result<int>> got;
  asio::co_spawn(context, run_job(pool, slow, in(20ms)),
                 [&](std::exception_ptr, Result<int> result) { got = std::move(result); });
  while (!got) context.run_one();
  EXPECT_EQ(got->error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(finished);
  go = true;
  pool.join();
  EXPECT_TRUE(finished);
}

TEST(RunOn, TakesWorkThatCanOnlyBeMoved) {
  asio::thread_pool pool(2);
  auto scenario = [&]() -> awaitable<Result<std::unique_ptr<int>>> {
    auto job = [value = std::make_unique<int>(7)]() mutable -> Result<std::unique_ptr<int>> {
      return std::move(value);
    };
    co_return co_await run_on(pool, std::move(job), in(5s));
  };
  EXPECT_EQ(*testing::run(scenario()).value(), 7);
  pool.join();
}

TEST(RunOn, ServesManyAtOnce) {
  asio::thread_pool pool(4);
  asio::io_context context(1);
  int sum = 0;
  for (int i = 0; i < 200; ++i) {
    asio::co_spawn(
        context,
        run_job(
            pool, [i] { return Result<int>(i); }, in(30s)),
        [&](std::exception_ptr, Result<int> result) { sum += result.value_or(-1000000); });
  }
  context.run();
  EXPECT_EQ(sum, 199 * 200 / 2);
  pool.join();
}

TEST(Clock, SystemTimeIsInMicrosecondsAndManualTimeStands) {
  EXPECT_GT(unix_seconds(system_clock().now()), 1'700'000'000);
  testing::ManualClock clock;
  const SysTime start = clock.now();
  EXPECT_EQ(clock.now(), start);
  const SteadyTime steady = clock.steady_now();
  clock.advance(90s);
  EXPECT_EQ(clock.now() - start, 90s);
  EXPECT_EQ(clock.steady_now() - steady, 90s);
  EXPECT_EQ(unix_seconds(SysTime(-1us)), -1) << "rounds down before 1970 too";
}

TEST(Result, CarriesErrorsUpward) {
  const auto inner = [](bool good) -> Result<int> {
    if (!good) return fail(ErrorKind::not_found, "nothing here", "ENOENT");
    return 5;
  };
  const auto outer = [&](bool good) -> Result<int> {
    KBS_TRY(const int value, inner(good));
    KBS_OK(inner(good));
    return value * 2;
  };
  EXPECT_EQ(outer(true).value(), 10);
  const std::string text = describe(outer(false).error());
  EXPECT_TRUE(text.starts_with("nothing here (ENOENT) at src/base/async_test.cc:")) << text;
}

}  // namespace
}  // namespace kbs
