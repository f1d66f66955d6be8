#include "kbs/config/quantity.h"

#include <gtest/gtest.h>

namespace kbs::config {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, Sizes) {
  struct Case {
    const char* text;
    std::optional<std::uint64_t> want;
    const char* why;
  };
  const Case cases[] = {
      {"0", 0, "nothing is a size"},
      {"7", 7 * 10, "a plain number counts the unit of the key"},
      {"512B", 512, "bytes"},
      {"64KiB", 64u << 10, "binary units"},
      {"2MiB", 2u << 20, "binary units"},
      {"3GiB", std::uint64_t{3} << 30, "binary units"},
      {"", std::nullopt, "nothing written"},
      {"2MB", std::nullopt, "a thousand or 1024? say which"},
      {"2 MiB", std::nullopt, "no space"},
      {"-1", std::nullopt, "negative"},
      {"1.5GiB", std::nullopt, "whole numbers"},
      {"18446744073709551615KiB", std::nullopt, "must not wrap round"},
      {"99999999999999999999", std::nullopt, "beyond 64 bits"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(parse_size(c.text, 10), c.want) << c.text;
  }
}

TEST(Quantity, Durations) {
  struct Case {
    const char* text;
    std::optional<std::chrono::milliseconds> want;
    const char* why;
  };
  const Case cases[] = {
      {"250ms", 250ms, "milliseconds"},
      {"5s", 5s, "seconds"},
      {"10m", 10min, "minutes, not months"},
      {"24h", 24h, "hours"},
      {"30", 30s, "a plain number counts seconds"},
      {"0", 0s, "never"},
      {"5 s", std::nullopt, "no space"},
      {"5sec", std::nullopt, "one spelling each"},
      {"1d", std::nullopt, "a day may have 23 hours"},
      {"s", std::nullopt, "no number"},
      {"18446744073709551615h", std::nullopt, "must not wrap round"},
      {"9999999999", std::nullopt, "centuries"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(parse_duration(c.text), c.want) << c.text;
  }
}

TEST(Quantity, IsPrintedAsItWouldBeWritten) {
  EXPECT_EQ(size_text(64u << 10), "64KiB");
  EXPECT_EQ(size_text((1u << 20) + 1), "1048577B");
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(24h), "24h");
  EXPECT_EQ(duration_text(1001ms), "1001ms");
  for (const std::uint64_t bytes : {1ull, 1024ull, 3ull << 30, 12345ull})
    EXPECT_EQ(parse_size(size_text(bytes), 1), bytes);
}

}  // namespace
}  // namespace kbs::config
