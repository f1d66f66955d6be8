#include "kbs-client/transport.h"

#include "base/json.h"

namespace kbs::client {

ErrorKind kind_of_status(int status) noexcept {
  switch (status) {
    case 400:
    case 431:
      return ErrorKind::invalid_request;
    case 401:
      return ErrorKind::unauthenticated;
    case 403:
      return ErrorKind::denied;
    case 404:
      return ErrorKind::not_found;
    case 405:
      return ErrorKind::unsupported;
    case 409:
    case 412:
      return ErrorKind::conflict;
    case 413:
      return ErrorKind::too_large;
    case 429:
      return ErrorKind::rate_limited;
    case 502:
    case 503:
    case 504:
      return ErrorKind::unavailable;
    default:
      return ErrorKind::internal;
  }
}

Result<std::string> error_detail(const HttpResponse& response) {
  KBS_TRY(json::object document, parse_json_object(response.text()));
  auto type = string_member(document, "type");
  auto detail = string_member(document, "detail");
  if (!type || !detail) return fail(ErrorKind::invalid_request, "not a KBS error document");
  return std::string(*detail);
}

}  // namespace kbs::client
