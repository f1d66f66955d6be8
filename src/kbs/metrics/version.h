#pragma once
/// What was built, from which commit, and when.

#include <string_view>

namespace kbs::metrics {

extern const std::string_view kVersion;    ///< "0.1.0"
extern const std::string_view kGitHash;    ///< twelve digits, or "unknown"
extern const std::string_view kBuildDate;  ///< "2026-01-31"

}  // namespace kbs::metrics
