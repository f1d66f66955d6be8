#pragma once
/// Sizes and durations as a configuration file writes them.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kbs::config {

/// "512B", "64KiB", "2MiB", "1GiB"; a number without a unit counts `plain_unit` bytes. nullopt when
/// it is no size, or one beyond 2^63 bytes.
std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t plain_unit);
/// "250ms", "5s", "10m", "24h"; a number without a unit counts seconds. nullopt when it is no
/// duration, or one beyond a century.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// In the largest unit that says it exactly: "64KiB", "24h".
std::string size_text(std::uint64_t bytes);
std::string duration_text(std::chrono::milliseconds time);

}  // namespace kbs::config
