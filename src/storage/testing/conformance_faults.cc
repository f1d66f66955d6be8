// What a backend says when its store cannot be had, and that no call outlives its welcome.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "storage/testing/call.h"
#include "storage/testing/conformance.h"

namespace kbs::storage::testing {

using kbs::testing::run;
using std::chrono::milliseconds;

namespace {

/// A cancelled call need not wait for any deadline.
milliseconds promptly(Fixture& fixture) {
  return std::min<milliseconds>(fixture.longest_call(), std::chrono::seconds(5));
}

/// What `watch` told, waited for.
class Heard {
 public:
  void operator()(std::string_view prefix) {
    const std::lock_guard guard(lock_);
    prefixes_.emplace_back(prefix);
    more_.notify_all();
  }
  bool about(const std::string& path, milliseconds limit) {
    const auto covers = [&](const std::string& prefix) {
      return prefix == path ||
             ((prefix.empty() || prefix.back() == '/') && path.starts_with(prefix));
    };
    std::unique_lock guard(lock_);
    return more_.wait_for(guard, limit,
                          [&] { return std::any_of(prefixes_.begin(), prefixes_.end(), covers); });
  }
  std::size_t count() {
    const std::lock_guard guard(lock_);
    return prefixes_.size();
  }
  void forget() {
    const std::lock_guard guard(lock_);
    prefixes_.clear();
  }

 private:
  std::mutex lock_;
  std::condition_variable more_;
  std::vector<std::string> prefixes_;
};

}  // namespace

void Conformance::expect_unavailable_until_healed() {
  for (const Ask& ask : everything()) {
    EXPECT_EQ(kind(run(ask.start())), "unavailable") << ask.name;
  }
  fixture_->heal();
  EXPECT_EQ(kind(run(backend().health())), "ok");
  EXPECT_EQ(text_of(kId), "old") << "what failed did nothing";
  EXPECT_EQ(text_of(kOther), "other");
  EXPECT_EQ(text_of({"no", "such", "one"}), "<not_found>") << "now it is known to be absent";
  if (can().write) EXPECT_EQ(kind(write(kId, "new")), "ok");
}

TEST_P(Conformance, WhatCannotBeReachedIsUnavailableAndNeverAbsent) {
  if (!put(kId, "old") || !put(kOther, "other") || !fixture_->make_unavailable()) return;
  expect_unavailable_until_healed();
}

TEST_P(Conformance, WhatIsForbiddenIsUnavailableAndNeverAbsent) {
  if (!put(kId, "old") || !put(kOther, "other") || !fixture_->make_forbidden()) return;
  expect_unavailable_until_healed();
}

TEST_P(Conformance, EveryCallOnAHangingStoreEndsByItself) {
  if (!put(kId, "old") || !put(kOther, "other") || !fixture_->stall()) return;
  const auto limit = fixture_->longest_call();
  std::vector<Ask> asks = everything();
  std::vector<std::unique_ptr<Call<Result<>>>> calls;
  calls.reserve(asks.size());
  for (const Ask& ask : asks) calls.push_back(std::make_unique<Call<Result<>>>(ask.start()));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    auto outcome = calls[i]->wait(limit);
    ASSERT_TRUE(outcome) << asks[i].name << " is still waiting";
    ASSERT_TRUE(outcome->result) << asks[i].name;
    EXPECT_EQ(kind(*outcome->result), "unavailable") << asks[i].name;
  }
  Call<Result<Resource>> cancelled(backend().read(kId, {}));
  std::this_thread::sleep_for(milliseconds(20));
  cancelled.cancel();
  EXPECT_TRUE(cancelled.wait(promptly(*fixture_))) << "cancelled, it need not wait";
  fixture_->heal();
  const std::string now = text_of(kId);
  EXPECT_TRUE(now == "old" || now == "new") << now;
}

TEST_P(Conformance, ACancelledWriteEndsPromptlyAndLeavesTheOldOrTheNew) {
  if (!can().write) return;
  const std::string value(100'000, 'n');
  for (int round = 0; round < 24; ++round) {
    SCOPED_TRACE(round);
    const ResourceId id{"cancelled", "key", std::to_string(round)};
    ASSERT_EQ(kind(write(id, "old")), "ok");
    Call<Result<VersionId>> call(backend().write(id, Secret::from_text(value), WriteOptions()));
    if (round > 0) std::this_thread::sleep_for(std::chrono::microseconds(20 << (round / 2)));
    call.cancel();
    auto outcome = call.wait(promptly(*fixture_));
    ASSERT_TRUE(outcome) << "the call is still under way";
    const bool acknowledged = outcome->result && *outcome->result;
    const std::string now = text_of(id);
    EXPECT_TRUE(now == value || (!acknowledged && now == "old")) << now.substr(0, 20);
  }
}

TEST_P(Conformance, ACancelledCallOfAnyKindEndsPromptly) {
  if (!put(kId, "old") || !put(kOther, "other")) return;
  for (const Ask& ask : everything()) {
    for (int delay : {0, 50, 500}) {
      Call<Result<>> call(ask.start());
      if (delay > 0) std::this_thread::sleep_for(std::chrono::microseconds(delay));
      call.cancel();
      EXPECT_TRUE(call.wait(promptly(*fixture_))) << ask.name;
    }
  }
  EXPECT_EQ(kind(run(backend().health())), "ok") << "nobody else is hurt";
}

TEST_P(Conformance, NoticesWhatOtherHandsChange) {
  if (!can().notices_changes || !put(kId, "old")) return;
  Heard heard;
  auto subscription = backend().watch(std::ref(heard));
  ASSERT_NE(subscription, nullptr);
  if (!fixture_->put_by_hand(kId, "by hand")) return;
  EXPECT_TRUE(heard.about(kId.path(), fixture_->longest_call())) << "a value that changed";
  EXPECT_EQ(text_of(kId), "by hand");
  heard.forget();
  ASSERT_TRUE(fixture_->put_by_hand({"new", "new", "new"}, "x"));
  EXPECT_TRUE(heard.about("new/new/new", fixture_->longest_call())) << "one that is new";
  subscription.reset();
  const std::size_t count = heard.count();
  ASSERT_TRUE(fixture_->put_by_hand(kId, "unheard"));
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(heard.count(), count) << "nobody is told after the subscription ended";
}

TEST_P(Conformance, WhatWasAcknowledgedIsThereAfterARestart) {
  if (!can().write) return;
  std::set<VersionId> used;
  for (const char* value : {"one", "two", "three"}) used.insert(*write(kId, value));
  used.insert(*write(kOther, "other"));
  if (can().undelete && can().remove) ASSERT_EQ(kind(remove_softly(kOther)), "ok");
  const bool lists = can().versions;
  const auto before = lists ? texts(kId) : std::vector<std::string>();
  if (!fixture_->reopen()) return;
  EXPECT_EQ(text_of(kId), "three");
  if (lists) EXPECT_EQ(texts(kId), before);
  if (can().undelete && can().remove) {
    EXPECT_EQ(text_of(kOther), "<not_found>");
    EXPECT_EQ(kind(undelete(kOther)), "ok");
  }
  EXPECT_EQ(text_of(kOther), "other");
  for (int i = 0; i < 5; ++i) {
    auto version = write(kId, "three");
    ASSERT_TRUE(version);
    EXPECT_TRUE(used.insert(*version).second) << "version " << *version << " came twice";
  }
}

}  // namespace kbs::storage::testing
