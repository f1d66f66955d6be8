#include "base/result.h"

namespace kbs {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_request:
      return "invalid_request";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::rate_limited:
      return "rate_limited";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::internal:
      return "internal";
  }
  return "unknown";
}

tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string detail,
                           boost::source_location where) {
  return tl::unexpected(Error{kind, std::move(message), std::move(detail), where});
}

std::string describe(const Error& error) {
  std::string text = error.message;
  if (!error.detail.empty()) text += " (" + error.detail + ")";
  std::string_view file = error.where.file_name();
  if (auto src = file.rfind("/src/"); src != std::string_view::npos) file.remove_prefix(src + 1);
  text += " at ";
  text += file;
  text += ":" + std::to_string(error.where.line());
  return text;
}

}  // namespace kbs
