#include "kbs/http/serialize.h"

#include <gtest/gtest.h>

namespace kbs::http {
namespace {

TEST(SerializeHead, SaysWhatTheAnswerIs) {
  Response response;
  response.status = 401;
  response.content_type = "application/json";
  response.body = std::string("{}");
  response.headers = {{"Set-Cookie", "a=b"}};
  EXPECT_EQ(serialize_head(response, {}),
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: "
            "2\r\nSet-Cookie: a=b\r\n\r\n");
}

TEST(SerializeHead, HasNoContentTypeUnlessGiven) {
  EXPECT_EQ(serialize_head(Response{}, {}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(SerializeHead, CountsASecretBody) {
  Response response;
  response.body = Secret::from_text("12345");
  EXPECT_EQ(serialize_head(response, {.close = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
}

TEST(SerializeHead, LeavesFramingToTheListener) {
  Response response;
  response.headers = {
      {"content-length", "99"}, {"Transfer-Encoding", "chunked"}, {"Connection", "upgrade"}};
  EXPECT_EQ(serialize_head(response, {.keep_alive_header = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(SerializeHead, GivesNoLengthWhereNoBodyMayBe) {
  Response response;
  response.status = 204;
  EXPECT_EQ(serialize_head(response, {}), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(IsWellFormed, RefusesWhatCouldSplitTheAnswer) {
  struct Case {
    std::string name, value;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {"ETag", "\"1\"", true, "ordinary"},
      {"A", "\xC3\xA4", true, "bytes beyond ASCII are allowed in values"},
      {"A", "b\r\nC: d", false, "a second header"},
      {"A", "b\nC: d", false, "the same with a bare LF"},
      {"A", std::string("b\0c", 3), false, "NUL"},
      {"A B", "c", false, "a space in the name"},
      {"A:", "c", false, "a colon in the name"},
      {"", "c", false, "no name"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Response response;
    response.headers = {{c.name, c.value}};
    EXPECT_EQ(is_well_formed(response), c.good);
  }
  Response response;
  response.content_type = "text/plain\r\nA: b";
  EXPECT_FALSE(is_well_formed(response));
  response = {};
  response.status = 100;
  EXPECT_FALSE(is_well_formed(response));
}

}  // namespace
}  // namespace kbs::http
