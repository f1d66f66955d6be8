#include "kbs/api/cookie.h"

#include "base/encoding.h"
#include "base/time_text.h"

namespace kbs::api {
namespace {

constexpr std::string_view kName = "kbs-session-id";

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char lower = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + 32) : a[i];
    if (lower != b[i]) return false;
  }
  return true;
}

std::string_view find_in(std::string_view header) {
  while (!header.empty()) {
    const auto end = header.find(';');
    const std::string_view pair = trim(header.substr(0, end));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && trim(pair.substr(0, equals)) == kName)
      return trim(pair.substr(equals + 1));
    if (end == std::string_view::npos) break;
    header.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string session_cookie(std::string_view value, SysTime expires, bool tls) {
  std::string text(kName);
  text += '=';
  text += value;
  text += "; Expires=" + http_date(expires) + "; HttpOnly; Path=/; SameSite=Strict";
  if (tls) text += "; Secure";
  return text;
}

std::string session_cookie_of(const http::Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (!equals_ignoring_case(name, "cookie")) continue;
    if (const std::string_view found = find_in(value); !found.empty()) return percent_decode(found);
  }
  return {};
}

}  // namespace kbs::api
