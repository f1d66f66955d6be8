// Deletion that can be undone, expiry, and new forms of old values.
#include "storage/testing/conformance.h"

namespace kbs::storage::testing {

using Texts = std::vector<std::string>;
using std::chrono::seconds;

TEST_P(Conformance, WhatIsKeptForUndeleteIsUnseenUntilThen) {
  if (!can().undelete || !can().remove || !can().write) return;
  auto first = write(kId, "one");
  ASSERT_TRUE(first && write(kId, "two"));
  ASSERT_EQ(kind(remove_softly(kId)), "ok");
  EXPECT_EQ(text_of(kId), "<not_found>");
  EXPECT_EQ(text_of(kId, *first), "<not_found>") << "deleted is deleted, by whatever version";
  if (can().list) EXPECT_TRUE(list_all("", 10).empty());
  EXPECT_EQ(kind(remove_softly(kId)), "not_found") << "it is deleted already";
  if (can().versions) {
    const std::vector<Entry> kept = history(kId);
    ASSERT_EQ(kept.size(), 2u) << "an admin sees what could come back";
    for (const Entry& entry : kept) EXPECT_FALSE(entry.current);
  }
  ASSERT_EQ(kind(undelete(kId)), "ok");
  EXPECT_EQ(text_of(kId), "two");
  EXPECT_EQ(kind(undelete(kId)), "conflict") << "it is there";
  if (can().list) EXPECT_EQ(list_all("", 10), (Texts{kId.path()}));
  if (can().versions) EXPECT_EQ(texts(kId), (Texts{"two", "one"}));
  if (can().compare_and_set) {
    WriteOptions on;
    on.if_version = read(kId)->version;
    EXPECT_EQ(kind(write(kId, "three", on)), "ok") << "what came back is at a version like any";
  }
}

TEST_P(Conformance, APlainRemovalEndsWhatWasKeptForUndelete) {
  if (!can().undelete || !can().remove || !can().write) return;
  ASSERT_EQ(kind(write(kId, "one")), "ok");
  ASSERT_EQ(kind(remove_softly(kId)), "ok");
  EXPECT_EQ(kind(remove(kId)), "ok") << "there is something to destroy";
  EXPECT_EQ(kind(undelete(kId)), "not_found");
  if (can().versions) EXPECT_EQ(kind(versions(kId)), "not_found");
  EXPECT_EQ(kind(remove(kId)), "not_found");
}

TEST_P(Conformance, WritingOverWhatWasKeptGoesOnWithItsHistory) {
  if (!can().undelete || !can().remove || !can().write) return;
  ASSERT_EQ(kind(write(kId, "one")), "ok");
  ASSERT_EQ(kind(remove_softly(kId)), "ok");
  if (can().compare_and_set) {
    WriteOptions on;
    on.if_version = "anything";
    EXPECT_EQ(kind(write(kId, "x", on)), "conflict") << "what is deleted is at no version";
    on = {};
    on.create_only = true;
    EXPECT_EQ(kind(write(kId, "two", on)), "ok") << "deleted is absent";
  } else {
    ASSERT_EQ(kind(write(kId, "two")), "ok");
  }
  EXPECT_EQ(text_of(kId), "two");
  EXPECT_EQ(kind(undelete(kId)), "conflict");
  if (can().versions) EXPECT_EQ(texts(kId), (Texts{"two", "one"}));
}

TEST_P(Conformance, DestroyingOfWhatIsKeptLeavesTheRest) {
  if (!can().undelete || !can().remove || !can().versions) return;
  auto first = write(kId, "one");
  auto second = write(kId, "two");
  ASSERT_TRUE(first && second);
  ASSERT_EQ(kind(remove_softly(kId)), "ok");
  EXPECT_EQ(kind(destroy(kId, history(kId)[0].version)), "ok") << "none is the current one now";
  ASSERT_EQ(kind(undelete(kId)), "ok");
  EXPECT_EQ(text_of(kId), "one") << "the newest kept";
  ASSERT_EQ(kind(remove_softly(kId)), "ok");
  EXPECT_EQ(kind(destroy(kId, history(kId)[0].version)), "ok");
  EXPECT_EQ(kind(undelete(kId)), "not_found") << "nothing is kept any more";
  EXPECT_EQ(kind(versions(kId)), "not_found");
}

TEST_P(Conformance, AnExpiredValueIsNotFound) {
  kbs::testing::ManualClock* clock = fixture_->clock();
  if (!can().write || !can().expiry || clock == nullptr) return;
  WriteOptions expiring;
  expiring.not_after = clock->now() + seconds(10);
  auto version = write(kId, "short-lived", expiring);
  ASSERT_TRUE(version);
  ASSERT_EQ(text_of(kId), "short-lived");
  EXPECT_EQ(read(kId)->metadata.not_after, expiring.not_after);
  clock->advance(seconds(11));
  EXPECT_EQ(text_of(kId), "<not_found>");
  EXPECT_EQ(text_of(kId, *version), "<not_found>") << "nor by its version";
  if (can().list) EXPECT_TRUE(list_all("", 10).empty());
  if (can().compare_and_set) {
    WriteOptions on;
    on.if_version = *version;
    EXPECT_EQ(kind(write(kId, "x", on)), "conflict") << "expired is at no version";
    on = {};
    on.create_only = true;
    EXPECT_EQ(kind(write(kId, "new", on)), "ok") << "expired is absent";
  } else {
    EXPECT_EQ(kind(write(kId, "new")), "ok");
  }
  EXPECT_EQ(text_of(kId), "new");
  EXPECT_EQ(read(kId)->metadata.not_after, std::nullopt) << "the expiry went with its value";
  clock->advance(std::chrono::hours(24 * 365));
  EXPECT_EQ(text_of(kId), "new");
}

TEST_P(Conformance, AnEarlierVersionKeepsItsExpiry) {
  kbs::testing::ManualClock* clock = fixture_->clock();
  if (!can().versions || !can().expiry || clock == nullptr) return;
  WriteOptions expiring;
  expiring.not_after = clock->now() + seconds(10);
  auto first = write(kId, "short-lived", expiring);
  ASSERT_TRUE(first && write(kId, "lasting"));
  EXPECT_EQ(text_of(kId, *first), "short-lived");
  clock->advance(seconds(11));
  EXPECT_EQ(text_of(kId, *first), "<not_found>") << "rotation does not prolong a life";
  EXPECT_EQ(text_of(kId), "lasting");
  const std::vector<Entry> all = history(kId);
  ASSERT_EQ(all.size(), 2u) << "an expired one is listed";
  EXPECT_EQ(all[1].metadata.not_after, expiring.not_after);
  EXPECT_EQ(all[0].metadata.not_after, std::nullopt);
}

TEST_P(Conformance, AnExpiredResourceIsListedByItsVersionsAndCanBeDestroyed) {
  kbs::testing::ManualClock* clock = fixture_->clock();
  if (!can().versions || !can().expiry || !can().remove || clock == nullptr) return;
  ASSERT_EQ(kind(write(kId, "before")), "ok");
  WriteOptions expiring;
  expiring.not_after = clock->now() + seconds(10);
  ASSERT_EQ(kind(write(kId, "short-lived", expiring)), "ok");
  clock->advance(seconds(11));
  EXPECT_EQ(text_of(kId), "<not_found>") << "what came before does not come back";
  const std::vector<Entry> all = history(kId);
  ASSERT_EQ(all.size(), 2u);
  for (const Entry& entry : all) EXPECT_FALSE(entry.current) << "a plain read gives none";
  EXPECT_EQ(kind(remove(kId)), "ok") << "there is something to destroy";
  EXPECT_EQ(kind(versions(kId)), "not_found");
}

TEST_P(Conformance, ReplaceExchangesTheBytesOfAVersionInItsPlace) {
  kbs::testing::ManualClock* clock = fixture_->clock();
  if (!can().replace || !can().write) return;
  WriteOptions options;
  options.content_type = "text/plain";
  if (can().expiry && clock != nullptr) options.not_after = clock->now() + std::chrono::hours(1);
  auto first = write(kId, "one", options);
  ASSERT_TRUE(first);
  auto second = write(kId, "two", options);
  ASSERT_TRUE(second);
  const auto before = read(kId);
  ASSERT_TRUE(before);
  const std::vector<Entry> old = can().versions ? history(kId) : std::vector<Entry>();
  if (clock != nullptr) clock->advance(seconds(60));

  ASSERT_EQ(kind(replace(kId, *second, "TWO, longer")), "ok");
  auto after = read(kId);
  ASSERT_TRUE(after) << describe(after.error());
  EXPECT_EQ(after->value.expose_text(), "TWO, longer");
  EXPECT_EQ(after->metadata.size, 11u);
  EXPECT_EQ(after->metadata.updated, before->metadata.updated) << "the value is as old as it was";
  EXPECT_EQ(after->metadata.not_after, before->metadata.not_after);
  EXPECT_EQ(after->metadata.content_type, before->metadata.content_type);
  EXPECT_EQ(kind(replace(kId, "no-such-version", "x")), "not_found");
  ASSERT_EQ(kind(replace(kId, after->version, "")), "ok") << "again, and to nothing";
  EXPECT_EQ(text_of(kId), "");
  if (!can().versions) return;

  ASSERT_EQ(kind(replace(kId, *first, "ONE")), "ok");
  EXPECT_EQ(texts(kId), (Texts{"", "ONE"})) << "nothing joined the history";
  const std::vector<Entry> now = history(kId);
  ASSERT_EQ(now.size(), old.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    EXPECT_EQ(now[i].metadata.updated, old[i].metadata.updated);
    EXPECT_EQ(now[i].metadata.not_after, old[i].metadata.not_after);
    EXPECT_EQ(now[i].metadata.content_type, old[i].metadata.content_type);
    EXPECT_EQ(now[i].current, i == 0);
  }
  ASSERT_EQ(kind(destroy(kId, now[1].version)), "ok");
  EXPECT_EQ(kind(replace(kId, now[1].version, "x")), "not_found") << "that version is gone";
}

TEST_P(Conformance, ReplaceNeverTouchesANewerValue) {
  if (!can().replace || !can().write) return;
  auto first = write(kId, "one");
  ASSERT_TRUE(first && write(kId, "two"));
  const std::string answer = kind(replace(kId, *first, "ONE"));
  if (can().versions) {
    EXPECT_EQ(answer, "ok") << "it lives on in the history";
  } else {
    EXPECT_TRUE(answer == "not_found" || answer == "conflict") << answer;
  }
  EXPECT_EQ(text_of(kId), "two");
  if (!can().remove) return;
  auto second = read(kId);
  ASSERT_TRUE(second);
  ASSERT_EQ(kind(remove(kId)), "ok");
  EXPECT_EQ(kind(replace(kId, second->version, "x")), "not_found") << "nothing comes back by it";
  EXPECT_EQ(text_of(kId), "<not_found>");
}

}  // namespace kbs::storage::testing
