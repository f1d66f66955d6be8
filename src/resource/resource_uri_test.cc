#include "resource/resource_uri.h"

#include <gtest/gtest.h>

namespace kbs {
namespace {

TEST(ResourceUri, TakesEveryFormApart) {
  struct Case {
    std::string_view text;
    ResourceUri want;
    const char* why;
  };
  const Case cases[] = {
      {"default/key/1", {"resource", "default/key/1", ""}, "the bare path"},
      {"kbs:///default/key/1", {"resource", "default/key/1", ""}, "no authority"},
      {"kbs://kbs.example:8080/default/key/1", {"resource", "default/key/1", ""}, "host and port"},
      {"default/key/1?version=v1", {"resource", "default/key/1", "version=v1"}, "a query"},
      {"default/key/1?u=kbs://x/y",
       {"resource", "default/key/1", "u=kbs://x/y"},
       "a scheme inside the query is none"},
      {"kbs+sample:///a/b?c", {"sample", "a/b", "c"}, "another plugin"},
      {"kbs:///", {"resource", "", ""}, "no judgement on the path"},
      {"a/../b", {"resource", "a/../b", ""}, "none at all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = ResourceUri::parse(c.text);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, c.want);
  }
  for (std::string_view text :
       {"kbs://default", "http://h/a/b/c", "KBS:///a/b/c", "kbs+://h/a", "kbs+a b:///c"}) {
    SCOPED_TRACE(text);
    const auto got = ResourceUri::parse(text);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
    EXPECT_NE(got.error().message.find("repository/type/tag"), std::string::npos);
  }
}

TEST(ResourceUri, NothingBreaksOutOfTheRequestLine) {
  EXPECT_EQ((ResourceUri{"resource", "a/b/c HTTP/1.1\r\nX: y", ""}.target()),
            "/kbs/v0/resource/a/b/c%20HTTP/1.1%0D%0AX:%20y");
  EXPECT_EQ((ResourceUri{"resource", "a?b#c", "d#e\n"}.target()),
            "/kbs/v0/resource/a%3Fb%23c?d%23e%0A");
}

TEST(ResourceUri, QueryValuesAreEncodedWhole) {
  EXPECT_EQ(encode_query_value("a/b c&d=é~"), "a%2Fb%20c%26d%3D%C3%A9~");
}

}  // namespace
}  // namespace kbs
