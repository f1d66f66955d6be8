#include "kbs/http/request_id.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/encoding.h"
#include "crypto/random.h"

namespace kbs::http {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

/// version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
std::string_view trace_id(std::string_view header) {
  constexpr std::size_t kSize = 55;
  if (header.size() < kSize || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return {};
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, 32);
  const std::string_view parent = header.substr(36, 16);
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
      !is_lower_hex(header.substr(53, 2))) {
    return {};
  }
  if (version == "ff" || all_zero(trace) || all_zero(parent)) return {};
  // Version 00 ends here; a later one may go on after another dash.
  if (header.size() > kSize && (version == "00" || header[kSize] != '-')) return {};
  return trace;
}

}  // namespace

RequestIds::RequestIds() { crypto::random_bytes(std::as_writable_bytes(std::span(&state_, 1))); }

std::string RequestIds::next(std::string_view traceparent) {
  if (const std::string_view trace = trace_id(traceparent); !trace.empty())
    return std::string(trace);
  // SplitMix64: every state gives another number, and the period is 2^64.
  std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  mixed ^= mixed >> 31;
  return hex(std::as_bytes(std::span(&mixed, 1)));
}

}  // namespace kbs::http
