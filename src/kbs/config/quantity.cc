#include "kbs/config/quantity.h"

#include <charconv>
#include <span>

namespace kbs::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr Unit kSizes[] = {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1}};
constexpr Unit kTimes[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 63;
constexpr std::uint64_t kMostMilliseconds = std::uint64_t{36'525} * 24 * 3'600'000;

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                                   std::uint64_t plain_unit, std::uint64_t most) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  std::uint64_t factor = name.empty() ? plain_unit : 0;
  for (const Unit& unit : units) {
    if (name == unit.name) factor = unit.factor;
  }
  if (factor == 0 || number > most / factor) return std::nullopt;
  return number * factor;
}

std::string print(std::uint64_t count, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (count != 0 && count % unit.factor == 0) {
      return std::to_string(count / unit.factor) + std::string(unit.name);
    }
  }
  return "0";
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t plain_unit) {
  return parse(text, kSizes, plain_unit, kMostBytes);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto count = parse(text, kTimes, 1000, kMostMilliseconds);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*count));
}

std::string size_text(std::uint64_t bytes) { return print(bytes, kSizes); }

std::string duration_text(std::chrono::milliseconds time) {
  return print(static_cast<std::uint64_t>(time.count()), kTimes);
}

}  // namespace kbs::config
