#include "storage/testing/faulty_backend.h"

#include <gmock/gmock.h>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/memory/memory.h"
#include "storage/testing/call.h"
#include "storage/testing/conformance.h"

namespace kbs::storage::testing {
namespace {

using kbs::testing::ManualClock;
using kbs::testing::run;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

class FaultyBackendTest : public ::testing::Test {
 protected:
  std::string read() { return kind(run(store_.read(kId, {}))); }
  Result<VersionId> write(std::string_view value) {
    return run(store_.write(kId, Secret::from_text(value), {}));
  }

  ManualClock clock_;
  FaultyBackend store_{memory::make({}, clock_)};
};

TEST_F(FaultyBackendTest, CountsAndRecordsWhatArrives) {
  auto version = write("x");
  ASSERT_TRUE(version);
  EXPECT_EQ(kind(run(store_.read(kId, {*version}))), "ok");
  EXPECT_EQ(kind(run(store_.list({"def", 10, ""}))), "ok");
  EXPECT_EQ(kind(run(store_.health())), "ok");
  EXPECT_EQ(store_.calls(), 4u);
  EXPECT_EQ(store_.calls(Op::read), 1u);
  EXPECT_THAT(store_.record(), ElementsAre("write default/key/1", "read default/key/1 @" + *version,
                                           "list def", "health"));
  store_.forget_calls();
  EXPECT_EQ(store_.calls(), 0u);
}

TEST_F(FaultyBackendTest, FailsAsManyCallsAsItWasTold) {
  ASSERT_TRUE(write("old"));
  store_.fail_next(2, ErrorKind::unavailable, Op::read);
  EXPECT_EQ(kind(run(store_.health())), "ok") << "another operation";
  EXPECT_EQ(read(), "unavailable");
  EXPECT_EQ(read(), "unavailable");
  EXPECT_EQ(read(), "ok");
  store_.fail_next(SIZE_MAX, ErrorKind::rate_limited);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(kind(write("new")), "rate_limited");
  store_.heal();
  EXPECT_EQ(run(store_.read(kId, {}))->value.expose_text(), "old") << "what failed did nothing";
}

TEST_F(FaultyBackendTest, TheGateBeforeHoldsTheCallTheGateAfterTheAnswer) {
  ASSERT_TRUE(write("one"));
  struct Case {
    FaultyBackend::Gate gate;
    const char* want;
  };
  for (const Case& c :
       {Case{FaultyBackend::Gate::before, "two"}, Case{FaultyBackend::Gate::after, "one"}}) {
    ASSERT_TRUE(write("one"));
    store_.hold(c.gate, Op::read);
    Call<Result<Resource>> call(store_.read(kId, {}));
    ASSERT_TRUE(store_.await_waiting(1));
    ASSERT_TRUE(write("two")) << "only reads wait";
    EXPECT_FALSE(call.wait(milliseconds(20)).has_value());
    EXPECT_TRUE(store_.release_one());
    EXPECT_FALSE(store_.release_one());
    auto outcome = call.wait();
    ASSERT_TRUE(outcome && outcome->result && *outcome->result);
    EXPECT_EQ((*outcome->result)->value.expose_text(), c.want);
    store_.release();
    EXPECT_EQ(read(), "ok");
  }
}

TEST_F(FaultyBackendTest, AStalledCallEndsByCancellationOrHealing) {
  store_.stall();
  Call<Result<>> cancelled(store_.health());
  Call<Result<>> healed(store_.health());
  ASSERT_TRUE(store_.await_waiting(2));
  cancelled.cancel();
  auto outcome = cancelled.wait();
  ASSERT_TRUE(outcome && outcome->result);
  EXPECT_EQ(kind(*outcome->result), "unavailable");
  EXPECT_EQ(store_.waiting(), 1u);
  store_.heal();
  outcome = healed.wait();
  ASSERT_TRUE(outcome && outcome->result);
  EXPECT_EQ(kind(*outcome->result), "unavailable");
  EXPECT_EQ(kind(run(store_.health())), "ok");
}

TEST_F(FaultyBackendTest, TellsItsListenersWhileTheyLive) {
  std::vector<std::string> heard;
  const auto listener = [&](std::string_view prefix) { heard.emplace_back(prefix); };
  EXPECT_EQ(store_.watch(listener), nullptr) << "it does not say that it can";
  Capabilities can = store_.capabilities();
  can.notices_changes = true;
  store_.declare(can);
  auto subscription = store_.watch(listener);
  ASSERT_NE(subscription, nullptr);
  EXPECT_EQ(store_.listeners(), 1u);
  store_.tell("a/b/");
  subscription.reset();
  EXPECT_EQ(store_.listeners(), 0u);
  store_.tell("unheard");
  EXPECT_THAT(heard, ElementsAre("a/b/"));
  store_.refuse_watches();
  EXPECT_EQ(store_.watch(listener), nullptr);
}

}  // namespace
}  // namespace kbs::storage::testing
