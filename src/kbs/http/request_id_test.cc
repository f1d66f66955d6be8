#include "kbs/http/request_id.h"

#include <gtest/gtest.h>

#include <set>

namespace kbs::http {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";

TEST(RequestIds, TakesTheTraceIdOfAValidTraceparentOnly) {
  struct Case {
    std::string header;
    bool taken;
    const char* why;
  };
  const std::string trace(kTrace);
  const Case cases[] = {
      {"00-" + trace + "-b7ad6b7169203331-01", true, "the example of the specification"},
      {"cc-" + trace + "-b7ad6b7169203331-01-more", true, "a later version may be longer"},
      {"00-" + trace + "-b7ad6b7169203331-01-more", false, "version 00 may not"},
      {"cc-" + trace + "-b7ad6b7169203331-01more", false, "a later version goes on after a dash"},
      {"ff-" + trace + "-b7ad6b7169203331-01", false, "version ff is forbidden"},
      {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, "an all-zero trace-id"},
      {"00-" + trace + "-0000000000000000-01", false, "an all-zero parent-id"},
      {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, "upper case"},
      {"00-" + trace + "-b7ad6b7169203331", false, "truncated"},
      {"00-" + trace + "\n\"}-b7ad6b71692033-01", false,
       "nothing of a stranger's gets into the log"},
      {"", false, "no header"},
  };
  RequestIds ids;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string id = ids.next(c.header);
    EXPECT_EQ(id == kTrace, c.taken);
    if (!c.taken) {
      EXPECT_EQ(id.size(), 16u);
      EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    }
  }
}

TEST(RequestIds, DifferFromEachOther) {
  RequestIds one;
  RequestIds other;
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    seen.insert(one.next(""));
    seen.insert(other.next(""));
  }
  EXPECT_EQ(seen.size(), 20000u);
}

}  // namespace
}  // namespace kbs::http
