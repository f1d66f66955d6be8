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

TEST(TimeText, ReadsRfc3339AndNothingElse) {
  struct Case {
    std::string_view text;
    std::string_view want;  // in UTC with microseconds; "" = refused
    const char* why;
  };
  const Case cases[] = {
      {"2026-08-02T19:51:40Z", "2026-08-02T19:51:40.000000Z", "what we write ourselves"},
      {"2026-08-02t19:51:40z", "2026-08-02T19:51:40.000000Z", "small letters are allowed"},
      {"2026-08-02T19:51:40.5Z", "2026-08-02T19:51:40.500000Z", "a fraction"},
      {"2026-08-02T19:51:40.123456789Z", "2026-08-02T19:51:40.123456Z", "cut to microseconds"},
      {"2026-08-02T19:51:40+02:30", "2026-08-02T17:21:40.000000Z", "east of Greenwich"},
      {"2026-12-31T23:00:00-01:00", "2027-01-01T00:00:00.000000Z", "west, over the year's end"},
      {"2026-08-02T19:51:40-00:00", "2026-08-02T19:51:40.000000Z", "an unknown offset is UTC"},
      {"2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000000Z", "a leap day"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z", "long ago"},
      {"", "", "nothing"},
      {"2026-08-02", "", "a date alone"},
      {"2026-08-02T19:51:40", "", "without a zone nobody knows when"},
      {"2026-08-02 19:51:40Z", "", "a space"},
      {"2026-08-02T19:51Z", "", "no seconds"},
      {"2026-08-02T19:51:40.Z", "", "a dot without digits"},
      {"2026-08-02T19:51:40.1234567890Z", "", "ten digits"},
      {"2026-08-02T19:51:40,5Z", "", "a comma"},
      {"2026-08-02T19:51:40+0200", "", "an offset without its colon"},
      {"2026-08-02T19:51:40+24:00", "", "an offset of a day"},
      {"2026-08-02T19:51:40Zx", "", "something behind it"},
      {" 2026-08-02T19:51:40Z", "", "something before it"},
      {"2026-02-29T00:00:00Z", "", "no leap year"},
      {"2026-04-31T00:00:00Z", "", "a day too many"},
      {"2026-00-01T00:00:00Z", "", "month nought"},
      {"2026-13-01T00:00:00Z", "", "month thirteen"},
      {"2026-01-00T00:00:00Z", "", "day nought"},
      {"2026-01-01T24:00:00Z", "", "the end of a day is the next day"},
      {"2026-01-01T00:60:00Z", "", "minute sixty"},
      {"2026-12-31T23:59:60Z", "", "a leap second: clocks do not show it"},
      {"+026-01-01T00:00:00Z", "", "a sign is no digit"},
      {"2026-1-1T00:00:00Z", "", "one digit"},
      {"12026-01-01T00:00:00Z", "", "five digits"},
      {std::string_view("2026-08-02T19:51:40Z\0", 21), "", "a NUL behind it"},
      {std::string_view("2026-08-02\00019:51:40Z", 20), "", "a NUL for the T"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    std::string got;
    if (const auto time = parse_rfc3339(c.text)) append_rfc3339_micros(got, *time);
    EXPECT_EQ(got, c.want) << c.text;
  }
}

}  // namespace
}  // namespace kbs
