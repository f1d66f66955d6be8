#include "kbs/api/check_all.h"

#include <gtest/gtest.h>

#include "base/testing/run.h"

namespace kbs::api {
namespace {

using namespace std::chrono_literals;

awaitable<Result<>> after(std::chrono::milliseconds delay, Result<> answer) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  co_await timer.async_wait(asio::use_awaitable);
  co_return answer;
}

awaitable<Result<>> throws() {
  throw std::runtime_error("a bug");
  co_return Result<>();
}

TEST(CheckAll, AsksAllAtOnceAndWaitsForNobodyForLong) {
  std::vector<awaitable<Result<>>> checks;
  checks.push_back(after(0ms, {}));
  checks.push_back(after(1h, {}));
  checks.push_back(after(1ms, fail(ErrorKind::denied, "no")));
  checks.push_back(throws());
  auto keep = std::make_shared<int>(1);
  const std::weak_ptr<int> kept = keep;
  const auto started = std::chrono::steady_clock::now();
  const auto answers = testing::run(check_all(std::move(checks), 200ms, std::move(keep)));
  EXPECT_LT(std::chrono::steady_clock::now() - started, 30s);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_TRUE(answers[0]);
  EXPECT_EQ(answers[1].error().kind, ErrorKind::unavailable);
  EXPECT_EQ(answers[2].error().message, "no");
  EXPECT_EQ(answers[3].error().kind, ErrorKind::internal);
  EXPECT_TRUE(kept.expired()) << "nothing is left behind";
}

TEST(CheckAll, NothingToAskIsDoneAtOnce) {
  EXPECT_TRUE(testing::run(check_all({}, 1h, nullptr)).empty());
}

}  // namespace
}  // namespace kbs::api
