#include "base/time_text.h"

#include <array>
#include <cstdio>

namespace kbs {
namespace {

struct Fields {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::seconds> time;
  unsigned weekday;  ///< 0 = Sunday
};

Fields split(SysTime t) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss(seconds - day),
          std::chrono::weekday(day).c_encoding()};
}

/// Writes `value` with leading zeros so that it fills `digits` places up to `end`; returns its
/// first place.
char* put(char* end, int digits, std::int64_t value) {
  for (; digits > 0; --digits, value /= 10) *--end = static_cast<char>('0' + value % 10);
  return end;
}

int number(auto chrono_count) { return static_cast<int>(chrono_count.count()); }

}  // namespace

// By hand, not by strftime: names of days and months must not follow the locale.
std::string rfc3339(SysTime t) {
  const Fields f = split(t);
  std::array<char, 32> text;
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(f.date.year()),
      static_cast<unsigned>(f.date.month()), static_cast<unsigned>(f.date.day()),
      number(f.time.hours()), number(f.time.minutes()), number(f.time.seconds()));
  return {text.data(), static_cast<std::size_t>(size)};
}

void append_rfc3339_micros(std::string& out, SysTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  std::int64_t micros = (t - day).count();
  std::array<char, 27> text{};
  char* at = text.data() + text.size();
  *--at = 'Z';
  at = put(at, 6, micros % 1'000'000);
  micros /= 1'000'000;
  *--at = '.';
  at = put(at, 2, micros % 60);
  *--at = ':';
  at = put(at, 2, micros / 60 % 60);
  *--at = ':';
  at = put(at, 2, micros / 3600);
  *--at = 'T';
  at = put(at, 2, unsigned{date.day()});
  *--at = '-';
  at = put(at, 2, unsigned{date.month()});
  *--at = '-';
  put(at, 4, int{date.year()});
  out.append(text.data(), text.size());
}

std::string http_date(SysTime t) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Fields f = split(t);
  std::array<char, 40> text;
  const int size = std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                                 kDays[f.weekday], static_cast<unsigned>(f.date.day()),
                                 kMonths[static_cast<unsigned>(f.date.month()) - 1],
                                 static_cast<int>(f.date.year()), number(f.time.hours()),
                                 number(f.time.minutes()), number(f.time.seconds()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace kbs
