#include "policy/regex.h"

#include <gtest/gtest.h>

#include <string>

namespace kbs::policy {
namespace {

TEST(Regex, Matches) {
  struct Case {
    const char *pattern, *text;
    bool want;
    const char* why;
  };
  const Case cases[] = {
      {"^/kbs/v0/resource/.+$", "/kbs/v0/resource/a/b/c", true, "a deployed ACL"},
      {"^/kbs/v0/resource/.+$", "/kbs/v0/resource-policy", false, "another path"},
      {"^/kbs/v0/resource-policy$", "/kbs/v0/resource-policy\n", false,
       "$ is the very end, not before a line feed"},
      {"^/a$", "/b\n/a", false, "^ is the very beginning"},
      {"^/a.b$", "/a\nb", false, "a dot matches no line feed"},
      {"b", "abc", true, "unanchored: anywhere"},
      {"^(/a|/b)/[^/]+$", "/b/x", true, "alternatives and classes"},
      {"^\\p{L}+$", "\u00e9\u4e2d", true, "Unicode classes"},
      {"^.$", "\u00e9", true, "a dot is a character, not a byte"},
      {"(?i)^/KBS", "/kbs", true, "flags"},
      {"a", "\xff\x61", false, "text that is not UTF-8 never matches"},
      {"^$", "", true, "empty text"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto regex = Regex::compile(c.pattern);
    ASSERT_TRUE(regex);
    EXPECT_EQ(regex->matches(c.text), c.want);
  }
}

TEST(Regex, RefusesWhatItCannotDoInLinearTimeOrLittleMemory) {
  for (const char* pattern : {"(", "[a", "*", "a(?=b)", "(a)\\1", "(a{1000}){1000}", "\xff"}) {
    SCOPED_TRACE(pattern);
    auto regex = Regex::compile(pattern);
    ASSERT_FALSE(regex);
    EXPECT_EQ(regex.error().kind, ErrorKind::invalid_request);
    EXPECT_NE(regex.error().message.find("regular expression"), std::string::npos);
  }
}

TEST(Regex, NestedRepetitionStaysFast) {
  auto regex = Regex::compile("^(a+)+$");
  ASSERT_TRUE(regex);
  EXPECT_FALSE(regex->matches(std::string(100000, 'a') + "b"));
}

TEST(Regex, CopiesShareOneCompilation) {
  Regex copy;
  {
    auto regex = Regex::compile("^x$");
    ASSERT_TRUE(regex);
    copy = *regex;
  }
  EXPECT_TRUE(copy.matches("x"));
}

}  // namespace
}  // namespace kbs::policy
