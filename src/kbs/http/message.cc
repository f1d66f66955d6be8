#include "kbs/http/message.h"

#include <strings.h>

#include <algorithm>

namespace kbs::http {

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view Request::header(std::string_view name) const noexcept {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& h) { return same_name(h.first, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool Request::has_header(std::string_view name) const noexcept {
  return header(name).data() != nullptr;
}

std::string_view Response::body_text() const noexcept {
  if (const auto* secret = std::get_if<Secret>(&body)) return secret->expose_text();
  return std::get<std::string>(body);
}

}  // namespace kbs::http
