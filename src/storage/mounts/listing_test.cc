// One listing over many mounts.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/encoding.h"
#include "storage/mounts/cursor.h"
#include "storage/mounts/mounts_fixture.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using ::testing::HasSubstr;
using testing::Op;

/// All pages; each by a table that knows nothing of the pages before.
std::vector<std::string> list_all(const std::function<std::shared_ptr<Mounts>()>& open,
                                  const std::string& prefix, std::size_t limit) {
  std::vector<std::string> all;
  ListOptions options{prefix, limit, ""};
  for (int pages = 0; pages < 10'000; ++pages) {
    auto page = run(open()->list(options));
    if (!page) {
      ADD_FAILURE() << describe(page.error());
      return all;
    }
    EXPECT_LE(page->entries.size(), limit);
    for (const Entry& entry : page->entries) all.push_back(entry.path);
    if (page->next.empty()) return all;
    options.cursor = page->next;
  }
  ADD_FAILURE() << "the listing never ends";
  return all;
}

/// Four mounts, one within another, and stores that hold more than routes to them.
struct FourMounts {
  TestMount everything{"everything", ""};
  TestMount m{"m", "m"};
  TestMount key{"key", "m/key"};
  TestMount z{"z", "z/key"};
  std::vector<const TestMount*> all{&everything, &m, &key, &z};

  std::shared_ptr<Mounts> open() const { return table(everything, m, key, z); }
  /// Where it belongs.
  const TestMount& home(const std::string& path) const {
    if (path.starts_with("m/key/")) return key;
    if (path.starts_with("m/")) return m;
    if (path.starts_with("z/key/")) return z;
    return everything;
  }
};

const char* const kRepositories[] = {"a", "l", "m", "m-", "m0", "mm", "n", "z", "zz"};
const char* const kTypes[] = {"a", "ke", "key", "key-", "keys", "z"};

TEST(MountsListing, MergesInOrderWhateverThePageSize) {
  const FourMounts four;
  std::set<std::string> want;
  std::mt19937 random(7);
  for (const char* repository : kRepositories) {
    for (const char* type : kTypes) {
      for (int tag = 0; tag < 3; ++tag) {
        const std::string path =
            std::string(repository) + '/' + type + '/' + std::to_string(random() % 50);
        four.home(path).put(path);
        want.insert(path);
        // And into a store that it does not route to.
        const TestMount& stray = *four.all[random() % four.all.size()];
        if (&stray != &four.home(path)) stray.put(path);
      }
    }
  }
  const auto open = [&] { return four.open(); };
  for (std::size_t limit : {1u, 2u, 3u, 7u, 50u, 1000u}) {
    EXPECT_EQ(list_all(open, "", limit), std::vector<std::string>(want.begin(), want.end()))
        << limit;
  }
  for (const char* prefix : {"m", "m/", "m/k", "m/key", "m/key/", "m/key/1", "m/key-", "z", "z/key",
                             "z/keys/", "n/", "nothing", "mm/"}) {
    std::vector<std::string> some;
    for (const std::string& path : want) {
      if (path.starts_with(prefix)) some.push_back(path);
    }
    for (std::size_t limit : {1u, 4u, 1000u}) {
      EXPECT_EQ(list_all(open, prefix, limit), some) << prefix << " by " << limit;
    }
  }
}

TEST(MountsListing, WhatStaysWhileSomebodyPagesIsListedExactlyOnce) {
  std::mt19937 random(8);
  const auto any_path = [&](const char* tag) {
    return std::string(kRepositories[random() % std::size(kRepositories)]) + '/' +
           kTypes[random() % std::size(kTypes)] + '/' + tag + std::to_string(random() % 100);
  };
  for (std::size_t limit : {1u, 3u, 10u}) {
    const FourMounts four;
    std::set<std::string> staying;
    std::set<std::string> passing;
    for (int i = 0; i < 100; ++i) {
      staying.insert(any_path("stays"));
      passing.insert(any_path("passes"));
    }
    for (const auto* paths : {&staying, &passing}) {
      for (const std::string& path : *paths) four.home(path).put(path);
    }
    const auto open = [&] {
      for (int i = 0; i < 5; ++i) {  // between two pages
        const std::string path = any_path("passes");
        if (passing.insert(path).second) {
          four.home(path).put(path);
        } else {
          passing.erase(path);
          four.home(path).remove(path);
        }
      }
      return four.open();
    };
    std::vector<std::string> seen = list_all(open, "", limit);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
    std::erase_if(seen,
                  [](const std::string& path) { return path.find("passes") != std::string::npos; });
    EXPECT_EQ(seen, std::vector<std::string>(staying.begin(), staying.end())) << limit;
  }
}

TEST(MountsListing, APageAsksOnlyTheMountsWhoseTurnItIs) {
  std::vector<TestMount> all;
  std::vector<Mount> mounts;
  for (char c = 'a'; c <= 'z'; ++c) {
    const std::string repository(1, c);
    all.emplace_back(repository, repository);
    for (int tag = 0; tag < 40; ++tag) all.back().put(repository + "/key/" + std::to_string(tag));
    mounts.push_back(all.back().mount());
  }
  const auto table = Mounts::make(std::move(mounts)).value();
  ListOptions options{"", 20, ""};
  std::size_t entries = 0;
  for (;;) {
    std::size_t before = 0;
    for (const TestMount& mount : all) before += mount.store->calls(Op::list);
    auto page = run(table->list(options));
    ASSERT_TRUE(page);
    std::size_t after = 0;
    for (const TestMount& mount : all) after += mount.store->calls(Op::list);
    EXPECT_LE(after - before, 2u) << "a page of one mount, or of the next as well";
    EXPECT_LT(page->next.size(), 100u);
    entries += page->entries.size();
    if (page->next.empty()) break;
    options.cursor = page->next;
  }
  EXPECT_EQ(entries, 26u * 40);
}

TEST(MountsListing, AMountThatIsDownFailsThePageAndIsNamed) {
  const FourMounts four;
  for (const char* path : {"a/a/1", "m/a/1", "m/key/1", "z/key/1"}) four.home(path).put(path);
  const auto mounts = four.open();
  four.m.store->fail_next(SIZE_MAX, ErrorKind::unavailable);
  struct Case {
    const char* prefix;
    bool fails;
    const char* why;
  };
  const Case cases[] = {
      {"", true, "nothing may be missing silently"},
      {"m/", true, "the mount itself"},
      {"m/key", true, "m/keys would be there"},
      {"m/key/", false, "another mount within"},
      {"z/", false, "somewhere else"},
      {"mm/", false, "only a name that is alike"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto page = run(mounts->list({c.prefix, 1000, ""}));
    EXPECT_EQ(kind(page), c.fails ? "unavailable" : "ok");
    if (c.fails) EXPECT_THAT(message(page), HasSubstr("mount \"m\""));
  }
}

TEST(MountsListing, AMountThatCannotListIsLeftOut) {
  const TestMount everything("everything", "");
  const TestMount vault("vault", "vault");
  Capabilities can = vault.can();
  can.list = false;
  vault.store->declare(can);
  everything.put("a/key/1");
  vault.put("vault/key/1");
  const auto mounts = table(everything, vault);
  EXPECT_THAT(paths(*run(mounts->list({}))), ::testing::ElementsAre("a/key/1"));
  auto only = run(mounts->list({"vault/", 10, ""}));
  EXPECT_EQ(kind(only), "unsupported") << "an empty page would be a lie";
  EXPECT_THAT(message(only), HasSubstr("\"vault\""));
  EXPECT_EQ(kind(run(table(vault)->list({}))), "unsupported");
  EXPECT_EQ(vault.store->calls(Op::list), 0u);
}

TEST(MountsListing, RefusesBadPageSizesAndForeignCursors) {
  const FourMounts four;
  four.everything.put("a/a/1");
  const auto mounts = four.open();
  for (std::size_t limit : {0u, 1001u}) {
    EXPECT_EQ(kind(run(mounts->list({"", limit, ""}))), "invalid_request");
  }
  for (const std::string& text :
       {std::string("!"), std::string("1:"), std::string("1"),
        std::string("99999999999999999999:a"), std::string("5:abc"), std::string("1:a1:m"),
        std::string("1:a1:m1:x0:"), std::string("-1:a")}) {
    const std::string cursor = text == "!" ? text : base64url(as_bytes(text));
    auto page = run(mounts->list({"", 10, cursor}));
    EXPECT_EQ(kind(page), "invalid_request") << text;
    EXPECT_THAT(message(page), HasSubstr("cursor"));
  }
  MergedCursor gone{"a/a/0", {{"no-such-mount", false, "abc"}}};
  EXPECT_THAT(paths(*run(mounts->list({"", 10, to_text(gone)}))), ::testing::ElementsAre("a/a/1"))
      << "a mount that a reload took away";
}

TEST(MountsListing, ACursorHoldsAnyBytes) {
  const MergedCursor cursor{"a/b/c",
                            {{"m", false, std::string("\0:9:\xff", 5)}, {"done", true, ""}}};
  auto back = parse_cursor(to_text(cursor));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->last, cursor.last);
  ASSERT_EQ(back->parts.size(), 2u);
  EXPECT_EQ(back->parts[0].cursor, cursor.parts[0].cursor);
  EXPECT_FALSE(back->parts[0].done);
  EXPECT_EQ(back->parts[1].mount, "done");
  EXPECT_TRUE(back->parts[1].done);
}

}  // namespace
}  // namespace kbs::storage
