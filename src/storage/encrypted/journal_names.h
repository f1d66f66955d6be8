#pragma once
/// What the journal's resources are called.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/encrypted/encrypted.h"

namespace kbs::storage::encrypted {

inline constexpr const char* kJournal = "journal";
inline constexpr const char* kCheckpoint = "checkpoint";

/// Fixed width, so that the order of the names is that of the numbers.
inline std::string fixed_hex(std::uint64_t number, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
  return text;
}
inline std::optional<std::uint64_t> from_fixed_hex(std::string_view text, std::size_t digits) {
  std::uint64_t number = 0;
  if (text.size() != digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

inline ResourceId record_id(std::uint64_t number) {
  return {std::string(kOwnRepository), kJournal, fixed_hex(number, 16)};
}

struct PartName {
  std::uint64_t number = 0;
  std::uint32_t part = 0;
};
inline ResourceId part_id(PartName name) {
  return {std::string(kOwnRepository), kCheckpoint,
          fixed_hex(name.number, 16) + '-' + fixed_hex(name.part, 4)};
}
inline std::optional<PartName> part_of(std::string_view tag) {
  if (tag.size() != 21 || tag[16] != '-') return std::nullopt;
  const auto number = from_fixed_hex(tag.substr(0, 16), 16);
  const auto part = from_fixed_hex(tag.substr(17), 4);
  if (!number || !part) return std::nullopt;
  return PartName{*number, static_cast<std::uint32_t>(*part)};
}

}  // namespace kbs::storage::encrypted
