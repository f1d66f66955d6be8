#include "base/time_text.h"

#include <gtest/gtest.h>

namespace kbs {
namespace {

TEST(TimeText, WritesTheTwoFormsOfTheWire) {
  const SysTime t{std::chrono::seconds{1785700300}};  // 2026-08-02T19:51:40Z
  EXPECT_EQ(rfc3339(t), "2026-08-02T19:51:40Z");
  EXPECT_EQ(http_date(t), "Sun, 02 Aug 2026 19:51:40 GMT");
}

TEST(TimeText, RoundsDownAndKnowsLeapDays) {
  EXPECT_EQ(rfc3339(SysTime{std::chrono::microseconds{-1}}), "1969-12-31T23:59:59Z");
  EXPECT_EQ(http_date(SysTime{std::chrono::seconds{951782400}}), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(TimeText, AppendsMicroseconds) {
  std::string out = "at ";
  append_rfc3339_micros(out, SysTime{std::chrono::microseconds{1785700300'000042}});
  EXPECT_EQ(out, "at 2026-08-02T19:51:40.000042Z");
  out.clear();
  append_rfc3339_micros(out, SysTime{std::chrono::microseconds{-1}});
  EXPECT_EQ(out, "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace kbs
