#include "kbs-client/resource_uri.h"

#include <gtest/gtest.h>

namespace kbs::client {
namespace {

TEST(ResourceUri, EveryFormMeansTheSameTarget) {
  struct Case {
    std::string_view text;
    std::string_view target;
    const char* why;
  };
  const Case cases[] = {
      {"default/key/1", "/kbs/v0/resource/default/key/1", "the bare path"},
      {"kbs:///default/key/1", "/kbs/v0/resource/default/key/1", "no authority"},
      {"kbs://kbs.example.com:8080/default/key/1", "/kbs/v0/resource/default/key/1",
       "host and port are ignored"},
      {"default/key/1?a=b&c", "/kbs/v0/resource/default/key/1?a=b&c", "a query is passed through"},
      {"kbs:///default/key/1?u=http://x/y", "/kbs/v0/resource/default/key/1?u=http://x/y",
       "URI in the query"},
      {"default/key/1?u=http://x/y", "/kbs/v0/resource/default/key/1?u=http://x/y",
       "no scheme before the slash"},
      {"kbs+sample:///a/b", "/kbs/v0/sample/a/b", "another plugin"},
      {"kbs+nebula-ca://h/credential?ip=1.2.3.4%2F21",
       "/kbs/v0/nebula-ca/credential?ip=1.2.3.4%2F21", "encoded already: stays"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto got = parse_guest_uri(c.text);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->target(), c.target);
  }
}

TEST(ResourceUri, RefusesWhatIsNoNameBeforeAnyRequest) {
  struct Case {
    std::string_view text;
    const char* why;
  };
  const Case cases[] = {
      {"", "empty"},
      {"key/1", "two segments"},
      {"a/b/c/d", "four segments"},
      {"/default/key/1", "leading slash"},
      {"default/../1", "dots"},
      {"a b/c/d", "space"},
      {"https://kbs/default/key/1", "other scheme"},
      {"kbs+://h/a", "plugin without a name"},
      {"kbs+a/b:///x", "slash in the scheme"},
      {"kbs+a\r\nb:///x", "line end in the plugin"},
      {"kbs://host", "no path"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto got = parse_guest_uri(c.text);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
  }
}

TEST(ResourceUri, AdminNamesAreLeftToTheServerButCannotBreakOutOfTheRequestLine) {
  struct Case {
    std::string_view text;
    std::string_view target;
    const char* why;
  };
  const Case cases[] = {
      {"default/../1", "/kbs/v0/resource/default/../1", "sent as written: the server says no"},
      {"a b/c/d", "/kbs/v0/resource/a%20b/c/d", "space"},
      {"a/b/c HTTP/1.1\r\nX: y", "/kbs/v0/resource/a/b/c%20HTTP/1.1%0D%0AX:%20y",
       "no second header"},
      {"ä/b/c", "/kbs/v0/resource/%C3%A4/b/c", "outside ASCII"},
      {"a/b/c#d", "/kbs/v0/resource/a/b/c%23d", "a fragment must not be dropped silently"},
      {"kbs://h/a/b/c", "/kbs/v0/resource/a/b/c", "URI form"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto got = parse_admin_uri(c.text);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->target(), c.target);
  }
  EXPECT_FALSE(parse_admin_uri("kbs+sample:///a/b/c"));
}

}  // namespace
}  // namespace kbs::client
