#include "kbs/http/target.h"

#include <algorithm>

#include "base/encoding.h"

namespace kbs::http {
namespace {

bool allowed_raw(char c) noexcept { return c > ' ' && c < 0x7f; }

bool is_scheme_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

/// "http://host:1/a" without what stands before its path, or nothing.
std::optional<std::string_view> after_authority(std::string_view raw) {
  const std::size_t colon = raw.find("://");
  if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
  if (!std::all_of(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(colon), is_scheme_char)) {
    return std::nullopt;
  }
  const std::string_view rest = raw.substr(colon + 3);
  const std::size_t end = rest.find_first_of("/?");
  return end == std::string_view::npos ? std::string_view() : rest.substr(end);
}

}  // namespace

std::optional<Target> parse_target(std::string_view method, std::string_view raw) {
  if (raw.empty() || !std::all_of(raw.begin(), raw.end(), allowed_raw)) return std::nullopt;
  if (method == "CONNECT") return Target{};
  if (raw == "*") return Target{"*", {}};
  raw = raw.substr(0, raw.find('#'));
  if (!raw.starts_with('/')) {
    const auto rest = after_authority(raw);
    if (!rest) return std::nullopt;
    raw = *rest;
  }
  const std::size_t question = raw.find('?');
  std::string_view path = raw.substr(0, question);
  if (path.empty()) path = "/";  // RFC 9110 §4.2.3: "http://host" means its root
  Target target;
  target.path = path.find('%') == std::string_view::npos ? std::string(path)
                                                         : to_valid_utf8(percent_decode(path));
  if (question != std::string_view::npos) target.query = raw.substr(question + 1);
  return target;
}

}  // namespace kbs::http
