// What the decorator promises while nobody attacks it.
#include "storage/encrypted/encrypted.h"

#include <gmock/gmock.h>

#include <thread>

#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Encrypted, TheStoreSeesNeitherValuesNorKeys) {
  TestStore s;
  ASSERT_TRUE(s.open());
  WriteOptions how;
  how.content_type = "text/plain";
  ASSERT_TRUE(s.write(kId, "correct horse battery staple", how));
  EXPECT_EQ(s.read(kId), "correct horse battery staple");
  for (const auto& [name, bytes] : s.everything()) {
    EXPECT_THAT(bytes, Not(HasSubstr("horse"))) << name;
    EXPECT_THAT(bytes, Not(HasSubstr(std::string(32, 'k')))) << name;
  }
  EXPECT_TRUE(is_envelope(as_bytes(s.raw(kId))));
}

TEST(Encrypted, EqualValuesLookDifferent) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "same"));
  const std::string first = s.raw(kId);
  ASSERT_TRUE(s.write(kId, "same"));
  EXPECT_NE(s.raw(kId).substr(9), first.substr(9));
}

TEST(Encrypted, ItsOwnRecordsAreHiddenAndRefused) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  ASSERT_THAT(s.names("_kbs/"), Not(IsEmpty()));
  const ResourceId own = header_id();
  EXPECT_EQ(s.read(own), "<invalid_request>");
  EXPECT_EQ(kind_of(s.write(own, "v")), "invalid_request");
  EXPECT_EQ(kind_of(s.remove(own)), "invalid_request");
  EXPECT_EQ(kind_of(s.undelete(own)), "invalid_request");
  EXPECT_EQ(kind_of(run(s.store->versions(own, ListOptions{}))), "invalid_request");
  EXPECT_EQ(kind_of(run(s.store->destroy(own, "x"))), "invalid_request");
  for (const char* prefix : {"", "_", "_kbs", "_kbs/", "_kbs/store/header"}) {
    auto page = run(s.store->list(ListOptions{prefix, 1, {}}));
    ASSERT_TRUE(page);
    for (const Entry& entry : page->entries) EXPECT_EQ(entry.path, kId.path()) << prefix;
  }
}

TEST(Encrypted, ARestartForgetsNothing) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "one"));
  const VersionId first = s.versions(kId).at(0).version;
  ASSERT_TRUE(s.write(kId, "two"));
  ASSERT_TRUE(s.write(kOther, "gone"));
  ASSERT_TRUE(s.remove_softly(kOther));
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "two");
  EXPECT_EQ(s.read(kId, first), "one");
  EXPECT_EQ(s.read(kOther), "<not_found>");
  ASSERT_TRUE(s.undelete(kOther));
  EXPECT_EQ(s.read(kOther), "gone");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Encrypted, AddsAnExpiryAndItsContentTypeToAnyBackend) {
  TestStore s;
  Capabilities can = s.inner->capabilities();
  can.expiry = false;
  s.inner->declare(can);
  ASSERT_TRUE(s.open());
  EXPECT_TRUE(s.store->capabilities().expiry);
  WriteOptions how;
  how.content_type = "application/x-pem-file";
  how.not_after = s.clock.now() + std::chrono::hours(1);
  ASSERT_TRUE(s.write(kId, "v", how));
  auto resource = run(s.store->read(kId, ReadOptions{}));
  ASSERT_TRUE(resource);
  EXPECT_EQ(resource->metadata.content_type, how.content_type);
  EXPECT_EQ(resource->metadata.not_after, how.not_after);
  s.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(s.read(kId), "v") << "the moment itself still counts";
  s.clock.advance(std::chrono::microseconds(1));
  EXPECT_EQ(s.read(kId), "<not_found>");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Encrypted, TellsOfChangesButNotOfItsOwnRecords) {
  TestStore s;
  Capabilities can = s.inner->capabilities();
  can.notices_changes = true;
  s.inner->declare(can);
  ASSERT_TRUE(s.open());
  std::vector<std::string> heard;
  auto subscription = s.store->watch([&](std::string_view prefix) { heard.emplace_back(prefix); });
  ASSERT_NE(subscription, nullptr);
  s.inner->tell("_kbs/journal/0000000000000001");
  s.inner->tell("default/key/1");
  s.inner->tell("");
  EXPECT_THAT(heard, ElementsAre("default/key/1", ""));
}

TEST(Encrypted, TwoProcessesOnOneStoreSeeEachOther) {
  TestStore s;
  ASSERT_TRUE(s.open());
  auto other = s.another();
  ASSERT_TRUE(other) << describe(other.error());
  Store& second = **other;
  const auto write = [&](Store& by, const char* value) {
    return kind_of(run(by.write(kId, Secret::from_text(value), WriteOptions{})));
  };
  for (const char* value : {"a", "b", "c", "d"}) {
    Store& by = value[0] % 2 == 0 ? *s.store : second;
    EXPECT_EQ(write(by, value), "ok");
    EXPECT_EQ(s.read(kId), value);
    EXPECT_EQ(TestStore::read(second, kId), value);
  }
  EXPECT_EQ(kind_of(run(second.remove(kId, RemoveOptions{}))), "ok");
  EXPECT_EQ(s.read(kId), "<not_found>");
  WriteOptions create;
  create.create_only = true;
  EXPECT_EQ(kind_of(s.write(kId, "anew", create)), "ok");
  EXPECT_EQ(kind_of(run(second.write(kId, Secret::from_text("x"), create))), "conflict");
  EXPECT_EQ(TestStore::read(second, kId), "anew");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Encrypted, AConditionHoldsAcrossProcesses) {
  TestStore s;
  ASSERT_TRUE(s.open());
  auto other = s.another();
  ASSERT_TRUE(other);
  auto first = s.write(kId, "one");
  ASSERT_TRUE(first);
  WriteOptions on;
  on.if_version = *first;
  ASSERT_TRUE(run((*other)->write(kId, Secret::from_text("two"), on)));
  EXPECT_EQ(kind_of(s.write(kId, "three", on)), "conflict");
  EXPECT_EQ(s.read(kId), "two");
}

TEST(Encrypted, ManyWritersOfTwoProcessesLeaveOneStory) {
  TestStore s;
  s.tuning = {.records_per_checkpoint = 8, .keep_superseded = std::chrono::seconds(60)};
  ASSERT_TRUE(s.open());
  auto other = s.another();
  ASSERT_TRUE(other);
  const auto work = [&](Store& by, int number) {
    for (int i = 0; i < 20; ++i) {
      const ResourceId id = i % 2 == 0 ? kId : kOther;
      const std::string value = std::to_string(number) + '-' + std::to_string(i);
      auto written = run(by.write(id, Secret::from_text(value), WriteOptions{}));
      // Two processes on one name: one may have to give way, and says so.
      if (!written) EXPECT_EQ(kind_of(written), "conflict");
      const std::string seen = TestStore::read(by, id);
      EXPECT_NE(seen, "<internal>") << "no writer is taken for a thief";
      EXPECT_NE(seen, "<not_found>");
    }
  };
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    Store& by = number % 2 == 0 ? *s.store : **other;
    threads.emplace_back([&work, &by, number] { work(by, number); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string last = s.read(kId);
  EXPECT_EQ(TestStore::read(**other, kId), last);
  EXPECT_THAT(s.verify(), IsEmpty());
  other->reset();
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), last);
  EXPECT_THAT(s.verify(), IsEmpty());
}

}  // namespace
}  // namespace kbs::storage::encrypted
