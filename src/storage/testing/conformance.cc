#include "storage/testing/conformance.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <span>

namespace kbs::storage::testing {

using kbs::testing::run;

// Objects with the suite are linked by decorators' tests too, some of which use only the fakes.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);

TEST_P(Conformance, IsHealthy) { EXPECT_EQ(kind(run(backend().health())), "ok"); }

TEST_P(Conformance, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(kind(read(kId)), "not_found");
  EXPECT_EQ(kind(read(kId, "some-version")), "not_found");
  if (can().remove) EXPECT_EQ(kind(remove(kId)), "not_found");
  if (can().list) EXPECT_TRUE(list_all("", 10).empty());
  if (can().versions) {
    EXPECT_EQ(kind(versions(kId)), "not_found");
    EXPECT_EQ(kind(destroy(kId, "some-version")), "not_found");
  }
  if (can().undelete) {
    EXPECT_EQ(kind(undelete(kId)), "not_found");
    EXPECT_EQ(kind(remove_softly(kId)), "not_found");
  }
  if (can().replace) EXPECT_EQ(kind(replace(kId, "some-version", "x")), "not_found");
}

TEST_P(Conformance, WhatItCannotDoIsUnsupported) {
  if (!can().write) EXPECT_EQ(kind(write(kId, "x")), "unsupported");
  if (!can().remove) EXPECT_EQ(kind(remove(kId)), "unsupported");
  if (!can().list) EXPECT_EQ(kind(list({})), "unsupported");
  if (!can().versions) {
    EXPECT_EQ(kind(versions(kId)), "unsupported");
    EXPECT_EQ(kind(destroy(kId, "1")), "unsupported");
  }
  if (!can().replace) EXPECT_EQ(kind(replace(kId, "", "x")), "unsupported");
  if (!can().undelete) {
    EXPECT_EQ(kind(undelete(kId)), "unsupported");
    if (can().remove) EXPECT_EQ(kind(remove_softly(kId)), "unsupported");
  }
  WriteOptions expiring;
  expiring.not_after = SysTime{std::chrono::hours(1)};
  if (can().write && !can().expiry) {
    EXPECT_EQ(kind(write(kId, "x", expiring)), "unsupported") << "an expiry must not be forgotten";
  }
  if (can().write && !can().compare_and_set) {
    WriteOptions conditional;
    conditional.if_version = "1";
    EXPECT_EQ(kind(write(kId, "x", conditional)), "unsupported") << "nor a condition";
    conditional = {};
    conditional.create_only = true;
    EXPECT_EQ(kind(write(kId, "x", conditional)), "unsupported") << "nor this one";
    if (can().remove) EXPECT_EQ(kind(remove(kId, {VersionId("1"), false})), "unsupported");
  }
  if (!can().notices_changes) EXPECT_EQ(backend().watch([](std::string_view) {}), nullptr);
}

TEST_P(Conformance, ReadsBackEveryByte) {
  if (!can().write) return;
  std::string all_bytes(256, '\0');
  std::iota(all_bytes.begin(), all_bytes.end(), '\0');
  struct Case {
    std::string value;
    const char* why;
  };
  const Case cases[] = {
      {"", "empty is a value, not an absence"},
      {std::string(1, '\0'), "one NUL"},
      {all_bytes, "every byte value"},
      {"line\r\n", "text is not touched"},
      {std::string(2097152, '\xA5'), "the largest body the reference takes"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto version = write(kId, c.value);
    ASSERT_TRUE(version) << describe(version.error());
    auto resource = read(kId);
    ASSERT_TRUE(resource) << describe(resource.error());
    EXPECT_TRUE(resource->value.expose_text() == c.value);
    EXPECT_EQ(resource->version, *version);
    EXPECT_EQ(resource->metadata.size, c.value.size());
  }
}

TEST_P(Conformance, HoldsTheLargestValueItPromisesAndNoLarger) {
  const std::uint64_t limit = can().max_value_bytes;
  if (!can().write || limit == 0 || limit > (8u << 20)) return;
  EXPECT_EQ(kind(write(kId, std::string(limit + 1, 'x'))), "too_large");
  EXPECT_EQ(text_of(kId), "<not_found>");
  const std::string largest(limit, 'x');
  EXPECT_EQ(kind(write(kId, largest)), "ok");
  EXPECT_TRUE(text_of(kId) == largest);
}

/// Every character that a segment may have.
constexpr const char* kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

TEST_P(Conformance, KeepsNamesApart) {
  if (!can().write) return;
  const ResourceId ids[] = {
      {"a", "b", "c"},          {"A", "b", "c"},
      {"a", "B", "c"},          {"a-b", "c", "d"},
      {"a", "b-c", "d"},        {"123--_default", "1Abff-_", "___-afds44BC"},
      {"1.ok", "2ok.", "3..."}, {"-", "_", "-"},
      {"a", "b", "x2F"},        {"a", "bx2Fc", "d"},
      {"a.history", "b", "c"},  {"repository", "repository", "repository"},
      {"-", "-", "-"},          {"_", "_", "_"},
      {"a", "b..c", "d"},       {"a", "b", "c."},
      {"0", "0", "0"},          {"_kbs-tmp-", "key", "1"},
      {"CON", "nul", "AUX.1"},  {"a", "b", kAlphabet},
  };
  for (const ResourceId& id : ids)
    ASSERT_EQ(kind(write(id, "value of " + id.path())), "ok") << id.path();
  for (const ResourceId& id : ids) EXPECT_EQ(text_of(id), "value of " + id.path());
  if (!can().remove) return;
  ASSERT_EQ(kind(remove(ids[0])), "ok");
  EXPECT_EQ(text_of(ids[0]), "<not_found>");
  for (const ResourceId& id : std::span(ids).subspan(1)) {
    EXPECT_EQ(text_of(id), "value of " + id.path());
  }
}

TEST_P(Conformance, HoldsTheLongestNamesItPromisesAndNoLonger) {
  if (!can().write) return;
  if (const std::size_t most = can().max_path_bytes; most != 0) {
    const ResourceId longest{"r", "t", std::string(most - 4, 'n')};
    EXPECT_EQ(kind(write(longest, "v")), "ok");
    EXPECT_EQ(text_of(longest), "v");
    EXPECT_EQ(kind(write({"r", "t", std::string(most - 3, 'n')}, "v")), "invalid_request");
    EXPECT_EQ(text_of({"r", "t", std::string(most - 3, 'n')}), "<not_found>");
  } else if (const std::size_t segment = can().max_segment_bytes; segment != 0) {
    const std::string longest(segment, 'n');
    EXPECT_EQ(kind(write({longest, longest, longest}, "v")), "ok");
    EXPECT_EQ(text_of({longest, longest, longest}), "v");
    EXPECT_EQ(kind(write({"r", "t", longest + 'n'}, "v")), "invalid_request");
    EXPECT_EQ(text_of({"r", "t", longest + 'n'}), "<not_found>");
  }
}

TEST_P(Conformance, TrustsNobodyWithTheShapeOfAName) {
  const ResourceId bad[] = {
      {"..", "key", "1"},
      {"default", "..", "1"},
      {"default", "key", ".."},
      {"a/b", "key", "1"},
      {"", "key", "1"},
      {"default", "key", ""},
      {".history", "k", "1"},
      {"default", "k", std::string("a\0b", 3)},
      {"default", "k", "a\\x2Fb"},
  };
  for (const ResourceId& id : bad) {
    SCOPED_TRACE(id.path());
    EXPECT_EQ(kind(read(id)), "invalid_request");
    if (can().write) EXPECT_EQ(kind(write(id, "x")), "invalid_request");
    if (can().remove) EXPECT_EQ(kind(remove(id)), "invalid_request");
    if (can().versions) {
      EXPECT_EQ(kind(versions(id)), "invalid_request");
      EXPECT_EQ(kind(destroy(id, "1")), "invalid_request");
    }
    if (can().undelete) EXPECT_EQ(kind(undelete(id)), "invalid_request");
    if (can().replace) EXPECT_EQ(kind(replace(id, "1", "x")), "invalid_request");
  }
}

TEST_P(Conformance, OverwritingGivesANewVersionThatIsServed) {
  if (!can().write) return;
  std::set<VersionId> seen;
  for (int i = 0; i < 100; ++i) {
    auto version = write(kId, i % 2 == 0 ? "even" : "odd!");
    ASSERT_TRUE(version) << describe(version.error());
    EXPECT_FALSE(version->empty());
    EXPECT_TRUE(seen.insert(*version).second) << "version " << *version << " came twice";
    if (can().remove && i % 10 == 9) ASSERT_EQ(kind(remove(kId)), "ok");
  }
  auto last = write(kId, "last");
  ASSERT_TRUE(last);
  EXPECT_EQ(kind(read(kId, *last)), "ok") << "the current version has a name, too";
  EXPECT_EQ(kind(read(kId, "no-such-version")), "not_found");
}

TEST_P(Conformance, DeletingLeavesNothing) {
  if (!can().write || !can().remove) return;
  ASSERT_EQ(kind(write(kId, "x")), "ok");
  ASSERT_EQ(kind(remove(kId)), "ok");
  EXPECT_EQ(text_of(kId), "<not_found>");
  EXPECT_EQ(kind(remove(kId)), "not_found");
  if (can().list) EXPECT_TRUE(list_all("", 10).empty());
  ASSERT_EQ(kind(write(kId, "again")), "ok");
  EXPECT_EQ(text_of(kId), "again");
}

TEST_P(Conformance, CreateOnlyNeverReplaces) {
  if (!can().write || !can().compare_and_set) return;
  WriteOptions create;
  create.create_only = true;
  EXPECT_EQ(kind(write(kId, "first", create)), "ok");
  EXPECT_EQ(kind(write(kId, "second", create)), "conflict");
  EXPECT_EQ(text_of(kId), "first");
}

TEST_P(Conformance, IfVersionReplacesOnlyThat) {
  if (!can().write || !can().compare_and_set) return;
  WriteOptions on;
  on.if_version = "anything";
  EXPECT_EQ(kind(write(kId, "x", on)), "conflict") << "nothing there has no version";
  auto first = write(kId, "one");
  ASSERT_TRUE(first);
  on.if_version = *first;
  auto second = write(kId, "two", on);
  ASSERT_TRUE(second) << describe(second.error());
  EXPECT_EQ(kind(write(kId, "three", on)), "conflict");
  EXPECT_EQ(text_of(kId), "two");
  if (!can().remove) return;
  EXPECT_EQ(kind(remove(kId, {*first, false})), "conflict");
  EXPECT_EQ(text_of(kId), "two");
  EXPECT_EQ(kind(remove(kId, {*second, false})), "ok");
  EXPECT_EQ(text_of(kId), "<not_found>");
}

TEST_P(Conformance, ListsByPagesInOrder) {
  if (!can().write || !can().list) return;
  // '-' and '.' sort before '/': the order is that of the whole path, not of its segments.
  const std::vector<ResourceId> ids = {{"a", "k", "1"},   {"a", "k", "2"},   {"a", "k-1", "1"},
                                       {"a-b", "k", "1"}, {"a.b", "k", "1"}, {"a0", "k", "1"},
                                       {"b", "k", "1"},   {"b", "l", "1"},   {"B", "k", "1"}};
  std::vector<std::string> want;
  for (const ResourceId& id : ids) {
    ASSERT_EQ(kind(write(id, id.path())), "ok");
    want.push_back(id.path());
  }
  std::sort(want.begin(), want.end());
  for (std::size_t limit : {1u, 2u, 3u, 8u, 9u, 10u, 1000u})
    EXPECT_EQ(list_all("", limit), want) << limit;
  struct Case {
    const char* prefix;
    std::size_t count;
    const char* why;
  };
  const Case cases[] = {
      {"a", 6, "a beginning of a repository name"},
      {"a/", 3, "one repository"},
      {"a/k", 3, "a beginning of a type"},
      {"a/k/", 2, "one type"},
      {"a/k/1", 1, "one resource"},
      {"a/k/1/", 0, "below a resource is nothing"},
      {"zzz", 0, "nothing begins so"},
  };
  for (const Case& c : cases) EXPECT_EQ(list_all(c.prefix, 2).size(), c.count) << c.why;
  auto page = list({"b/l/1", 10, ""});
  ASSERT_TRUE(page && page->entries.size() == 1);
  EXPECT_EQ(page->entries[0].metadata.size, 5u);
  EXPECT_EQ(page->entries[0].version, read({"b", "l", "1"})->version);
  for (std::size_t limit : {0u, 1001u}) EXPECT_EQ(kind(list({"", limit, ""})), "invalid_request");
}

TEST_P(Conformance, AListingGoesOnAfterItsCursorIsDeleted) {
  if (!can().write || !can().list || !can().remove) return;
  for (const char* tag : {"1", "2", "3"}) ASSERT_EQ(kind(write({"a", "k", tag}, "x")), "ok");
  auto page = list({"", 2, ""});
  ASSERT_TRUE(page && page->entries.size() == 2);
  ASSERT_EQ(kind(remove({"a", "k", "2"})), "ok");
  auto next = list({"", 2, page->next});
  ASSERT_TRUE(next && next->entries.size() == 1);
  EXPECT_EQ(next->entries[0].path, "a/k/3");
}

}  // namespace kbs::storage::testing
