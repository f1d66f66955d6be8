// What a backend with a history keeps of it.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "storage/testing/conformance.h"

namespace kbs::storage::testing {

using Texts = std::vector<std::string>;

TEST_P(Conformance, KeepsAndServesEarlierVersions) {
  if (!can().versions) return;
  std::vector<VersionId> written;
  for (const char* value : {"one", "two", "three", ""}) {
    auto version = write(kId, value);
    ASSERT_TRUE(version) << describe(version.error());
    written.insert(written.begin(), *version);
  }
  const std::vector<Entry> kept = history(kId);
  ASSERT_EQ(kept.size(), 4u);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i].version, written[i]) << "newest first";
    EXPECT_EQ(kept[i].current, i == 0) << "only the newest is what a plain read gives";
  }
  EXPECT_EQ(kept[1].metadata.size, 5u);
  EXPECT_EQ(texts(kId), (Texts{"", "three", "two", "one"}));
  EXPECT_EQ(text_of(kId), "");
  auto old = read(kId, written[3]);
  ASSERT_TRUE(old) << describe(old.error());
  EXPECT_EQ(old->version, written[3]);
  EXPECT_EQ(old->metadata.size, 3u);
  EXPECT_EQ(kind(read(kId, "no-such-version")), "not_found");
  EXPECT_EQ(kind(read(kOther, written[3])), "not_found") << "a version of another resource";
  EXPECT_EQ(kind(versions(kOther)), "not_found");
}

TEST_P(Conformance, ListsVersionsByPages) {
  if (!can().versions) return;
  for (const char* value : {"1", "2", "3", "4"}) ASSERT_EQ(kind(write(kId, value)), "ok");
  std::vector<VersionId> want;
  for (const Entry& entry : history(kId)) want.push_back(entry.version);
  ASSERT_EQ(want.size(), 4u);
  for (std::size_t limit : {1u, 2u, 3u, 4u, 5u, 1000u}) {
    std::vector<VersionId> got;
    for (const Entry& entry : history(kId, limit)) got.push_back(entry.version);
    EXPECT_EQ(got, want) << "by pages of " << limit;
  }
  for (std::size_t limit : {0u, 1001u}) {
    EXPECT_EQ(kind(versions(kId, {"", limit, ""})), "invalid_request");
  }
  EXPECT_EQ(kind(versions(kId, {"zzz", 10, ""})), "ok") << "the prefix is of no account";
}

TEST_P(Conformance, AHistoryIsListedOnAfterItsCursorIsDestroyed) {
  if (!can().versions) return;
  for (const char* value : {"1", "2", "3", "4"}) ASSERT_EQ(kind(write(kId, value)), "ok");
  auto page = versions(kId, {"", 2, ""});
  ASSERT_TRUE(page && page->entries.size() == 2);
  const std::vector<Entry> all = history(kId);
  ASSERT_EQ(kind(destroy(kId, page->entries[1].version)), "ok");
  auto next = versions(kId, {"", 10, page->next});
  ASSERT_TRUE(next) << describe(next.error());
  ASSERT_EQ(next->entries.size(), 2u);
  EXPECT_EQ(next->entries[0].version, all[2].version);
  EXPECT_EQ(next->entries[1].version, all[3].version);
}

TEST_P(Conformance, KeepsAsManyEarlierVersionsAsItSays) {
  const auto most = fixture_->kept_versions();
  if (!can().versions || !most) return;
  std::vector<VersionId> written;
  for (std::size_t i = 0; i < *most + 3; ++i) {
    auto version = write(kId, std::to_string(i));
    ASSERT_TRUE(version) << describe(version.error());
    written.push_back(*version);
    EXPECT_EQ(history(kId).size(), std::min(i, *most) + 1);
  }
  EXPECT_EQ(text_of(kId, written[0]), "<not_found>") << "the oldest went first";
  EXPECT_EQ(text_of(kId, written[1]), "<not_found>");
  EXPECT_EQ(text_of(kId, written[2]), "2");
}

TEST_P(Conformance, DestroysOneEarlierVersionForGood) {
  if (!can().versions) return;
  std::vector<VersionId> written;
  for (const char* value : {"one", "two", "three"}) written.push_back(*write(kId, value));
  EXPECT_EQ(kind(destroy(kId, written[1])), "ok");
  EXPECT_EQ(texts(kId), (Texts{"three", "one"}));
  EXPECT_EQ(text_of(kId, written[1]), "<not_found>");
  EXPECT_EQ(kind(destroy(kId, written[1])), "not_found") << "it is gone already";
  EXPECT_EQ(kind(destroy(kId, "no-such-version")), "not_found");
  EXPECT_EQ(kind(destroy(kId, written[2])), "conflict") << "the current one";
  EXPECT_EQ(text_of(kId), "three");
}

TEST_P(Conformance, RollsBackByWritingAnew) {
  if (!can().versions) return;
  auto first = write(kId, "one");
  auto second = write(kId, "two");
  ASSERT_TRUE(first && second);
  auto old = read(kId, *first);
  ASSERT_TRUE(old);
  WriteOptions options;
  if (can().compare_and_set) options.if_version = *second;
  auto third = write(kId, old->value.expose_text(), options);
  ASSERT_TRUE(third) << describe(third.error());
  EXPECT_NE(*third, *first) << "a write is a new version, whatever it writes";
  EXPECT_EQ(texts(kId), (Texts{"one", "two", "one"}));
}

TEST_P(Conformance, APlainRemovalDestroysTheHistory) {
  if (!can().versions || !can().remove) return;
  auto first = write(kId, "one");
  auto second = write(kId, "two");
  ASSERT_TRUE(first && second);
  ASSERT_EQ(kind(remove(kId)), "ok");
  EXPECT_EQ(kind(versions(kId)), "not_found");
  EXPECT_EQ(text_of(kId, *first), "<not_found>");
  EXPECT_EQ(text_of(kId, *second), "<not_found>");
  if (can().undelete) EXPECT_EQ(kind(undelete(kId)), "not_found");
  ASSERT_EQ(kind(write(kId, "three")), "ok");
  EXPECT_EQ(texts(kId), (Texts{"three"})) << "a new life begins with no past";
}

TEST_P(Conformance, KeepsTheContentTypeWhereThereIsRoom) {
  if (!can().write) return;
  WriteOptions options;
  options.content_type = "application/json; charset=utf-8";
  ASSERT_EQ(kind(write(kId, "{}", options)), "ok");
  auto resource = read(kId);
  ASSERT_TRUE(resource);
  const std::string kept = resource->metadata.content_type;
  EXPECT_TRUE(kept.empty() || kept == options.content_type) << kept;
  ASSERT_EQ(kind(write(kId, "plain")), "ok");
  EXPECT_EQ(read(kId)->metadata.content_type, "") << "it belonged to the value before";
  if (!can().versions) return;
  const std::vector<Entry> all = history(kId);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].metadata.content_type, kept) << "an earlier version keeps its own";
  EXPECT_EQ(all[0].metadata.content_type, "");
}

}  // namespace kbs::storage::testing
