// From one key to the next: everything, and whatever breaks off in between.
#include <gmock/gmock.h>

#include <thread>

#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ResourceId kPlain{"default", "key", "plain"};
const ResourceId kKept{"default", "key", "kept"};

/// Under the key 'k': a history, something kept for undelete, something from before encryption.
void fill(TestStore& s) {
  s.options.accept_plaintext = true;
  s.put_raw(kPlain, "before encryption, earlier");
  s.put_raw(kPlain, "before encryption");
  ASSERT_TRUE(s.open());
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(s.write(kId, value));
  ASSERT_TRUE(s.write(kKept, "kept, earlier"));
  ASSERT_TRUE(s.write(kKept, "kept"));
  ASSERT_TRUE(s.remove_softly(kKept));
}

void change_key(TestStore& s) {
  s.options.key = source_of(test_kek('n'));
  s.options.previous = {source_of(test_kek('k'))};
}

/// Nothing needs the old key, and nothing lies there unencrypted.
void expect_rewrapped(TestStore& s) {
  s.options.previous.clear();
  s.options.accept_plaintext = false;
  auto opened = s.open();
  ASSERT_TRUE(opened) << describe(opened.error());
  EXPECT_THAT(s.verify(), IsEmpty());
  const auto texts = [&](const ResourceId& id) {
    std::vector<std::string> all;
    for (const Entry& entry : s.versions(id)) all.push_back(s.read(id, entry.version));
    return all;
  };
  EXPECT_THAT(texts(kId), ::testing::ElementsAre("three", "two", "one"));
  EXPECT_THAT(texts(kPlain),
              ::testing::ElementsAre("before encryption", "before encryption, earlier"));
  EXPECT_EQ(s.read(kKept), "<not_found>");
  ASSERT_EQ(kind_of(s.undelete(kKept)), "ok");
  EXPECT_THAT(texts(kKept), ::testing::ElementsAre("kept", "kept, earlier"));
  s.options.key = source_of(test_kek('k'));
  EXPECT_EQ(kind_of(s.another()), "invalid_request") << "the old key opens nothing any more";
}

TEST(Rewrap, ReachesHistoryPlaintextAndWhatIsKept) {
  TestStore s;
  ASSERT_NO_FATAL_FAILURE(fill(s));
  change_key(s);
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "three") << "served meanwhile";
  auto report = run(s.store->rewrap());
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->seen, 7u);
  EXPECT_EQ(report->rewrapped, 5u);
  EXPECT_EQ(report->plaintext, 2u);
  auto again = run(s.store->rewrap());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->rewrapped + again->plaintext, 0u) << "once is enough";
  expect_rewrapped(s);
}

TEST(Rewrap, LeavesCiphertextsDatesAndConditionsAlone) {
  TestStore s;
  ASSERT_TRUE(s.open());
  auto version = s.write(kId, "v");
  ASSERT_TRUE(version);
  const auto before = run(s.store->read(kId, ReadOptions{}));
  const std::string sealed = s.raw(kId);
  change_key(s);
  ASSERT_TRUE(s.open());
  s.clock.advance(std::chrono::hours(1));
  ASSERT_TRUE(run(s.store->rewrap()));
  EXPECT_EQ(s.raw(kId).substr(s.raw(kId).size() - 17), sealed.substr(sealed.size() - 17));
  const auto after = run(s.store->read(kId, ReadOptions{}));
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->metadata.updated, before->metadata.updated);
  EXPECT_EQ(s.read(kId, *version), "v") << "an id given out before still names it";
  WriteOptions on;
  on.if_version = *version;
  EXPECT_EQ(kind_of(s.write(kId, "w", on)), "ok") << "and a condition on it still holds";
}

TEST(Rewrap, MayBreakOffAnywhereAndGoOn) {
  for (std::size_t calls = 0;; ++calls) {
    SCOPED_TRACE(calls);
    TestStore s;
    ASSERT_NO_FATAL_FAILURE(fill(s));
    change_key(s);
    ASSERT_TRUE(s.open());
    s.inner->hold(testing::FaultyBackend::Gate::before);
    // One call after the other is let through; then the store is gone.
    std::size_t let = 0;
    std::thread guard([&] {
      while (let < calls && s.inner->await_waiting(1, std::chrono::milliseconds(200))) {
        if (s.inner->release_one()) ++let;
      }
      s.inner->fail_next(SIZE_MAX, ErrorKind::unavailable);
      s.inner->release();
    });
    auto report = run(s.store->rewrap());
    guard.join();
    s.inner->heal();
    if (report) break;
    ASSERT_LT(calls, 500u);
    ASSERT_TRUE(s.open()) << "both keys open it";
    EXPECT_EQ(s.read(kId), "three");
    EXPECT_EQ(s.read(kPlain), "before encryption");
    EXPECT_EQ(run(s.store->read(kKept, ReadOptions{})).has_value(), false);
    report = run(s.store->rewrap());
    ASSERT_TRUE(report) << describe(report.error());
    expect_rewrapped(s);
    if (HasFailure()) return;
  }
}

TEST(Rewrap, KeepsTheOldKeyWhileSomethingCannotBeOpened) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  ASSERT_TRUE(s.write(kOther, "w"));
  std::string forged = s.raw(kId);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  s.put_raw(kId, forged);
  change_key(s);
  ASSERT_TRUE(s.open());
  auto report = run(s.store->rewrap());
  EXPECT_EQ(kind_of(report), "internal");
  EXPECT_THAT(message_of(report), HasSubstr("1 of the stored resources"));
  EXPECT_EQ(s.read(kId), "<internal>") << "a forgery does not come out looking like ours";
  EXPECT_EQ(s.read(kOther), "w");
  s.options.key = source_of(test_kek('k'));
  s.options.previous.clear();
  EXPECT_TRUE(s.open()) << "the old key still opens the store";
}

TEST(Rewrap, WithoutAcceptPlaintextLeavesWhatIsNotEncrypted) {
  TestStore s;
  ASSERT_TRUE(s.open());
  s.put_raw(kId, "plain");
  auto report = run(s.store->rewrap());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->plaintext, 0u);
  EXPECT_EQ(s.raw(kId), "plain");
}

TEST(Rewrap, DoesNotMakeAForgedPlaintextGenuine) {
  TestStore s;
  s.options.accept_plaintext = true;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  s.put_raw(kId, "mine");
  (void)run(s.store->rewrap());
  EXPECT_EQ(s.read(kId), "<internal>");
}

}  // namespace
}  // namespace kbs::storage::encrypted
