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

/// Reads fixed-width pieces off a text; after the first that does not fit, all fail.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  /// Exactly `count` digits, no more than `max`.
  int digits(std::size_t count, int max) {
    int value = 0;
    for (; count > 0; --count) value = value * 10 + digit();
    if (value > max) good_ = false;
    return value;
  }
  /// One of two characters, whichever it was; '\0' for neither.
  char one_of(char a, char b) {
    const char c = peek();
    if (c == '\0' || (c != a && c != b)) {
      good_ = false;
      return '\0';
    }
    text_.remove_prefix(1);
    return c;
  }
  void exactly(char c) { one_of(c, c); }
  /// 'Z', 'z', '+' or '-'.
  char zone() { return peek() == '+' || peek() == '-' ? one_of('+', '-') : one_of('Z', 'z'); }
  /// ".123" in microseconds, if it is there.
  std::chrono::microseconds fraction() {
    if (peek() != '.') return {};
    text_.remove_prefix(1);
    std::int64_t micros = 0, unit = 100'000;
    int count = 0;
    for (; is_digit(peek()); ++count, unit /= 10) micros += unit * digit();
    if (count < 1 || count > 9) good_ = false;
    return std::chrono::microseconds{micros};
  }
  bool at_end() const { return good_ && text_.empty(); }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  int digit() {
    const char c = peek();
    if (!is_digit(c)) {
      good_ = false;
      return 0;
    }
    text_.remove_prefix(1);
    return c - '0';
  }

  std::string_view text_;
  bool good_ = true;
};

std::chrono::minutes read_offset(Reader& in, char sign) {
  if (sign == 'Z' || sign == 'z') return {};
  const std::chrono::hours hours{in.digits(2, 23)};
  in.exactly(':');
  const std::chrono::minutes all = hours + std::chrono::minutes{in.digits(2, 59)};
  return sign == '-' ? -all : all;
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

Result<SysTime> parse_rfc3339(std::string_view text) {
  Reader in(text);
  const std::chrono::year year{in.digits(4, 9999)};
  in.exactly('-');
  const std::chrono::month month{static_cast<unsigned>(in.digits(2, 12))};
  in.exactly('-');
  const std::chrono::day day{static_cast<unsigned>(in.digits(2, 31))};
  in.one_of('T', 't');
  const std::chrono::hours hour{in.digits(2, 23)};
  in.exactly(':');
  const std::chrono::minutes minute{in.digits(2, 59)};
  in.exactly(':');
  const std::chrono::seconds second{in.digits(2, 59)};
  const std::chrono::microseconds fraction = in.fraction();
  const char zone = in.zone();
  const std::chrono::minutes offset = read_offset(in, zone);
  const std::chrono::year_month_day date = year / month / day;
  if (!in.at_end() || !date.ok()) {
    return fail(ErrorKind::invalid_request,
                "not a time; write it as RFC 3339 has it: 2026-08-02T19:51:40Z");
  }
  return SysTime{std::chrono::sys_days{date}} + hour + minute + second + fraction - offset;
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
