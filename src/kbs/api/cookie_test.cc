#include "kbs/api/cookie.h"

#include <gtest/gtest.h>

namespace kbs::api {
namespace {

TEST(SessionCookie, TellsBrowsersToKeepItToThemselves) {
  const SysTime expires{std::chrono::seconds{1785700300}};
  EXPECT_EQ(session_cookie("abc", expires, false),
            "kbs-session-id=abc; Expires=Sun, 02 Aug 2026 19:51:40 GMT; HttpOnly; Path=/; "
            "SameSite=Strict");
  EXPECT_TRUE(session_cookie("abc", expires, true).ends_with("; Secure"));
}

TEST(SessionCookie, IsFoundWhereverItStands) {
  struct Case {
    std::vector<std::pair<std::string, std::string>> headers;
    std::string want;
    const char* why;
  };
  const Case cases[] = {
      {{{"Cookie", "kbs-session-id=abc"}}, "abc", "alone"},
      {{{"cookie", "kbs-session-id=abc"}}, "abc", "header names have no case"},
      {{{"Cookie", "a=b; kbs-session-id=abc; c=d"}}, "abc", "among others"},
      {{{"Cookie", "a=b"}, {"Cookie", "kbs-session-id=abc"}}, "abc", "in a second header line"},
      {{{"Cookie", "kbs-session-id=abc; kbs-session-id=def"}}, "abc", "the first counts"},
      {{{"Cookie", "kbs-session-id=a%62c"}}, "abc", "percent-decoded"},
      {{{"Cookie", "xkbs-session-id=abc"}}, "", "another name"},
      {{{"Cookie", "KBS-SESSION-ID=abc"}}, "", "cookie names have case"},
      {{{"Cookie", "kbs-session-id"}}, "", "no value"},
      {{{"Cookie", ";;;=;"}}, "", "rubbish"},
      {{{"X-Cookie", "kbs-session-id=abc"}}, "", "another header"},
      {{}, "", "none"},
  };
  for (const Case& c : cases) {
    http::Request request;
    request.headers = c.headers;
    EXPECT_EQ(session_cookie_of(request), c.want) << c.why;
  }
}

}  // namespace
}  // namespace kbs::api
