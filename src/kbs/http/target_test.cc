#include "kbs/http/target.h"

#include <gtest/gtest.h>

namespace kbs::http {
namespace {

TEST(Target, Parse) {
  struct Case {
    std::string_view raw;
    std::optional<std::string> path;
    std::string query;
    const char* why;
  };
  const Case cases[] = {
      {"/kbs/v0/auth", "/kbs/v0/auth", "", "origin form"},
      {"/a?b=c&d", "/a", "b=c&d", "the query stays encoded"},
      {"/a?b=%2F", "/a", "b=%2F", "and is not decoded"},
      {"/a?", "/a", "", "an empty query"},
      {"/a?b?c", "/a", "b?c", "only the first question mark divides"},
      {"/a#f", "/a", "", "a fragment is none of ours"},
      {"/a%2Fb", "/a/b", "", "decoded before anybody splits"},
      {"/a%252Fb", "/a%2Fb", "", "once only"},
      {"/a+b", "/a+b", "", "plus is no space in a path"},
      {"/a%zz", "/a%zz", "", "a malformed escape stays"},
      {"/a%FFb",
       "/a\xEF\xBF\xBD"
       "b",
       "", "what is not UTF-8 becomes U+FFFD"},
      {"/a%C3%A4", "/a\xC3\xA4", "", "what is stays"},
      {"/a/../b", "/a/../b", "", "nothing is collapsed"},
      {"/a//b/", "/a//b/", "", "empty segments are kept"},
      {"http://host:1/a?b", "/a", "b", "absolute form"},
      {"HTTP://host/a", "/a", "", "scheme in upper case"},
      {"http://host", "/", "", "absolute form without a path means the root"},
      {"http://host?x", "/", "x", "the same with a query"},
      {"*", "*", "", "OPTIONS *"},
      {"a/b", std::nullopt, "", "neither origin nor absolute"},
      {"://host/a", std::nullopt, "", "no scheme"},
      {"a/b://c", std::nullopt, "", "a scheme has no slash"},
      {"", std::nullopt, "", "empty"},
      {"/\xC3\xA4", std::nullopt, "", "raw bytes outside ASCII"},
      {"/a\x01", std::nullopt, "", "a control character"},
      {"/a\x7f", std::nullopt, "", "DEL"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = parse_target("GET", c.raw);
    ASSERT_EQ(got.has_value(), c.path.has_value());
    if (!got) continue;
    EXPECT_EQ(got->path, *c.path);
    EXPECT_EQ(got->query, c.query);
  }
}

TEST(Target, ConnectHasNoPath) {
  const auto got = parse_target("CONNECT", "host:443");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->path, "");
}

}  // namespace
}  // namespace kbs::http
