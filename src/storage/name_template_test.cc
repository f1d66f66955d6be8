#include "storage/name_template.h"

#include <gmock/gmock.h>

#include <random>

namespace kbs::storage {
namespace {

constexpr NameAlphabet kAzure{"-", false, 127};
constexpr NameAlphabet kGcp{"-_", true, 255};
constexpr NameAlphabet kAws{"-._/+=@", true, 512};
constexpr NameAlphabet kKeyValue{"-_./", true, 0};

NameTemplate compiled(std::string_view text, NameAlphabet alphabet, std::string_view fixed = "") {
  auto made = NameTemplate::compile(text, alphabet, fixed, false);
  if (!made) throw std::runtime_error(describe(made.error()));
  return *std::move(made);
}

TEST(NameTemplate, NamesAreWhatPeopleExpect) {
  struct Case {
    std::string_view text;
    NameAlphabet alphabet;
    ResourceId id;
    std::string want;
    const char* why;
  };
  const Case cases[] = {
      {"{repository}/{type}/{tag}",
       kKeyValue,
       {"default", "A.b-c", "1_x.Y"},
       "default/A.b-c/1_x.Y",
       "the path text, exactly: all of it fits"},
      {"kbs/{repository}/{type}/{tag}",
       kAws,
       {"default", "key", "a.b"},
       "kbs/default/key/a.b",
       "and below a folder"},
      {"{repository}-{type}-{tag}",
       kAzure,
       {"default", "key", "1"},
       "default-key-1",
       "plain names stay plain in the poorest alphabet"},
      {"{repository}-{type}-{tag}",
       kAzure,
       {"my-repo", "Key", "a_b.c"},
       "my--2drepo---4bey-a--5fb--2ec",
       "a doubled '-' escapes, a single one separates"},
      {"{repository}--{type}--{tag}",
       kAzure,
       {"my-repo", "Key", "a"},
       "my-2drepo---4bey--a",
       "with a doubled separator it is the other way round"},
      {"{repository}-{type}-{tag}",
       kGcp,
       {"my-repo", "Key", "a_b.c"},
       "my_2drepo-Key-a_5fb_2ec",
       "'_' is free to escape"},
      {"{repository}_{type}_{tag}",
       kGcp,
       {"my-repo", "Key", "a_b"},
       "my-2drepo_Key_a-5fb",
       "or '-' where '_' separates"},
      {"{repository}-{type}-{tag}",
       kAws,
       {"my-repo", "Key", "a_b.c"},
       "my=2drepo-Key-a_b.c",
       "a character that segments never hold escapes best"},
      {"{tag}.{type}", kKeyValue, {"r", "t", "v1.2"}, "v1_2e2.t", "fields in any order"},
      {"{tag}", kAws, {"r", "t", "a.b-C"}, "a.b-C", "the tag as it stands"},
      {"prod-{tag}-v", kAzure, {"r", "t", "a--2d"}, "prod-a--2d-v", "also between fixed texts"},
      {"KBS-{type}-{tag}",
       kAzure,
       {"r", "t", "a"},
       "kbs-t-a",
       "capitals say nothing in a store that ignores case"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const NameTemplate names = compiled(c.text, c.alphabet, "r/t");
    EXPECT_TRUE(names.reversible());
    auto name = names.name_of(c.id);
    ASSERT_TRUE(name) << describe(name.error());
    EXPECT_EQ(*name, c.want);
    EXPECT_EQ(names.resource_of(*name), c.id);
  }
}

struct Spelling {
  std::string_view text;
  NameAlphabet alphabet;
};
/// Every way of escaping, with separators as nasty as they may be.
const Spelling kReversible[] = {
    {"{repository}-{type}-{tag}", kAzure},
    {"{repository}--{type}--{tag}", kAzure},
    {"{repository}-d-{type}-2-{tag}", kAzure},
    {"{repository}-2d-{type}-{tag}-2d", kAzure},
    {"{repository}---{type}---{tag}", kAzure},
    {"x-{repository}--{type}--{tag}--2d", kAzure},
    {"{repository}-{type}-{tag}", kGcp},
    {"{repository}_{type}_{tag}", kGcp},
    {"{repository}-{type}_{tag}", kGcp},
    {"{repository}__{type}-{tag}", kGcp},
    {"{repository}-{type}-{tag}", kAws},
    {"{repository}/{type}/{tag}", kAws},
    {"{repository}={type}+{tag}", kAws},
    {"{repository}-{type}.{tag}", kAws},
    {"{repository}=2d={type}/{tag}", kAws},
    {"{repository}/{type}/{tag}", kKeyValue},
    {"{repository}.{type}_{tag}", kKeyValue},
    {"{repository}/{type}/{tag}", {"/_", false, 0}},
    {"{repository}..{type}..{tag}", {".", true, 0}},
    {"{repository}.{type}.{tag}", {".", true, 0}},
};

void expect_held(const Spelling& spelling, const NameTemplate& names, const ResourceId& id) {
  auto name = names.name_of(id);
  ASSERT_TRUE(name) << describe(name.error());
  for (char c : *name) {
    const bool capital = c >= 'A' && c <= 'Z';
    ASSERT_TRUE((std::isalnum(static_cast<unsigned char>(c)) != 0 &&
                 (spelling.alphabet.case_sensitive || !capital)) ||
                spelling.alphabet.extra.find(c) != std::string_view::npos)
        << *name;
  }
  // A way back for every name is what makes names differ.
  ASSERT_EQ(names.resource_of(*name), id) << *name;
}

TEST(NameTemplate, NoTwoResourcesShareANameExhaustively) {
  // '-' is 2d, 'D' and 'd' differ in case only.
  std::vector<std::string> segments;
  for (char first : std::string_view("d2D-_")) {
    segments.push_back({first});
    for (char second : std::string_view("d2D-_.")) segments.push_back({first, second});
  }
  for (const Spelling& spelling : kReversible) {
    SCOPED_TRACE(spelling.text);
    const NameTemplate names = compiled(spelling.text, spelling.alphabet);
    for (const auto& repository : segments) {
      for (const auto& type : segments) {
        for (const auto& tag : segments) {
          expect_held(spelling, names, {repository, type, tag});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

std::string random_text(std::mt19937& random, std::string_view chars, std::size_t most) {
  std::string text;
  for (std::size_t left = 1 + random() % most; left > 0; --left) {
    text += chars[random() % chars.size()];
  }
  return text;
}

std::string random_segment(std::mt19937& random) {
  std::string text = random_text(random, "abcdef0123456789xyzABCXYZ-_.-_.", 20);
  if (text.front() == '.') text.front() = '-';
  return text;
}

TEST(NameTemplate, NoTwoResourcesShareANameAtRandom) {
  std::mt19937 random(4);
  for (const Spelling& spelling : kReversible) {
    SCOPED_TRACE(spelling.text);
    NameAlphabet roomy = spelling.alphabet;
    roomy.max_bytes = 0;
    const NameTemplate names = compiled(spelling.text, roomy);
    for (int i = 0; i < 2000; ++i) {
      const ResourceId id{random_segment(random), random_segment(random), random_segment(random)};
      expect_held(spelling, names, id);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(NameTemplate, WhateverLiesInTheStoreIsOursOnlyUnderItsOneName) {
  std::mt19937 random(5);
  std::size_t ours = 0;
  for (const Spelling& spelling : kReversible) {
    SCOPED_TRACE(spelling.text);
    const NameTemplate names = compiled(spelling.text, spelling.alphabet);
    const std::string chars = "ad2-_D" + std::string(spelling.alphabet.extra);
    for (int i = 0; i < 20000; ++i) {
      std::string name = random_text(random, chars, 12);
      const auto id = names.resource_of(name);
      if (!id) continue;
      ++ours;
      ASSERT_TRUE(ResourceId::parse(id->path())) << name;
      if (!spelling.alphabet.case_sensitive) {
        std::replace(name.begin(), name.end(), 'D', 'd');  // as the store compares them
      }
      ASSERT_EQ(names.name_of(*id), name);
    }
  }
  EXPECT_GT(ours, 1000u) << "the test must meet some";
}

TEST(NameTemplate, ForeignNamesAreNotOurs) {
  const NameTemplate names = compiled("kbs-{repository}-{type}-{tag}", kAzure);
  EXPECT_EQ(names.resource_of("KBS-a-b-C"), (ResourceId{"a", "b", "c"}))
      << "a name made by hand is found in any case: the store ignores it";
  struct Case {
    const char* name;
    const char* why;
  };
  const Case cases[] = {
      {"", "nothing"},
      {"a-b-c", "without the fixed text"},
      {"kbs-a-b", "a field missing"},
      {"kbs-a-b-c-d", "a field too many"},
      {"kbs-a--61-b-c", "an escape that was not needed"},
      {"kbs-a--2-b-c", "half an escape"},
      {"kbs-a--00-b-c", "no character of a resource"},
      {"kbs---2e-b-c", "a segment that begins with a dot"},
      {"kbs-a-b-c-", "something behind it"},
  };
  for (const Case& c : cases) EXPECT_EQ(names.resource_of(c.name), std::nullopt) << c.why;
}

TEST(NameTemplate, TheTagAloneIsTakenAsItStands) {
  const NameTemplate names = compiled("{tag}", kAzure, "akv/secret");
  const ResourceId id{"akv", "secret", "db-password"};
  EXPECT_EQ(names.name_of(id), "db-password");
  EXPECT_EQ(names.resource_of("db-password"), id);
  EXPECT_EQ(names.resource_of("DB-password"), id);
  struct Case {
    ResourceId id;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {{"akv", "secret", "a_b"}, "'_'", "the store has no such character"},
      {{"akv", "secret", "Key"}, "capital", "it would be read as \"key\""},
      {{"akv", "other", "a"}, "prefix", "it would take the name of akv/secret/a"},
      {{"_kbs", "secret", "a"}, "prefix", "and so would a decorator's own records"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto name = names.name_of(c.id);
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().kind, ErrorKind::invalid_request);
    EXPECT_THAT(name.error().message, ::testing::HasSubstr(c.says));
  }
}

TEST(NameTemplate, RefusesWhatCannotWork) {
  struct Case {
    std::string_view text;
    NameAlphabet alphabet;
    std::string_view fixed;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {"{repository}-{type}", kAzure, "", "{tag}", "all tags would be one"},
      {"{tag}", kAws, "", "{repository} and {type}", "under the default mount"},
      {"{tag}", kAws, "repo", "{type}", "the prefix says too little"},
      {"{type}{tag}", kAws, "repo", "separator", "ab+c or a+bc"},
      {"{type}x{tag}", kAws, "repo", "letter or digit", "a segment may hold it as well"},
      {"{repository}-{type}--{tag}", kAzure, "", "same separator",
       "nothing is left to escape with"},
      {"{repo}/{tag}", kKeyValue, "", "{repo}", "no such field"},
      {"{tag", kKeyValue, "repo/type", "{tag", "never closed"},
      {"{tag}}", kKeyValue, "repo/type", "'}'", "closed twice"},
      {"{tag}-{tag}", kKeyValue, "repo/type", "twice", "once is enough"},
      {"", kKeyValue, "repo/type", "no field", "nothing at all"},
      {"fixed", kKeyValue, "repo/type", "no field", "one name for all"},
      {"{repository}/{type}/{tag}", kAzure, "", "'/'", "the store has no '/'"},
      {"\n{tag}", kAws, "repo/type", "0x0a", "unprintable"},
      {"{repository}-a-very-long-text-{type}-{tag}", {"-", true, 20}, "", "20", "no room for any"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto made = NameTemplate::compile(c.text, c.alphabet, c.fixed, false);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_request);
    EXPECT_THAT(made.error().message, ::testing::HasSubstr(c.says));
    EXPECT_THAT(made.error().message, ::testing::HasSubstr(std::string(c.text)));
  }
}

TEST(NameTemplate, CollisionsPassWhenTheOperatorAcceptsThem) {
  struct Case {
    std::string_view text;
    NameAlphabet alphabet;
    std::string_view fixed;
    const char* want;
    const char* why;
  };
  const Case cases[] = {
      {"{tag}", kAws, "", "Tag", "as the reference names them in vaults"},
      {"{repository}-{type}", kAzure, "", "r-t", "the tag says nothing"},
      {"{type}{tag}", kGcp, "r", "tTag", "no separator"},
      {"{tag}", kAzure, "r/t", "Tag", "capitals in a store that ignores them"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto made = NameTemplate::compile(c.text, c.alphabet, c.fixed, true);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_FALSE(made->reversible());
    auto name = made->name_of({"r", "t", "Tag"});
    ASSERT_TRUE(name);
    EXPECT_EQ(*name, c.want);
    EXPECT_EQ(made->resource_of(*name), std::nullopt) << "there is no telling whose name it is";
  }
  auto sound = NameTemplate::compile("{repository}/{type}/{tag}", kAws, "", true);
  ASSERT_TRUE(sound);
  EXPECT_TRUE(sound->reversible()) << "accepting collisions makes none";
}

TEST(NameTemplate, TooLongANameIsRefusedWithTheNumbers) {
  const NameTemplate names = compiled("{repository}-{type}-{tag}", kAzure);
  EXPECT_TRUE(names.name_of({"r", "t", std::string(123, 'a')}));
  for (const std::string& tag : {std::string(124, 'a'), std::string(31, 'A')}) {
    auto name = names.name_of({"r", "t", tag});
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().kind, ErrorKind::invalid_request);
    EXPECT_THAT(name.error().message, ::testing::HasSubstr("128 bytes"));
    EXPECT_THAT(name.error().message, ::testing::HasSubstr("up to 127"));
  }
}

}  // namespace
}  // namespace kbs::storage
