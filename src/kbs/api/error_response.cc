#include "kbs/api/error_response.h"

#include "base/json.h"

namespace kbs::api {
namespace {

constexpr std::string_view kTypePrefix = "https://github.com/confidential-containers/kbs/errors/";

struct Row {
  ErrorType type;
  std::string_view name;    ///< the reference's, after the prefix
  unsigned trustee_status;  ///< the reference knows 401 and 404 only
};
constexpr Row kRows[] = {
    {ErrorType::admin_auth_access, "AdminAuthAccess", 401},
    {ErrorType::admin_auth_initialization, "AdminAuthInitialization", 401},
    {ErrorType::attestation_error, "AttestationError", 401},
    {ErrorType::invalid_request_path, "InvalidRequestPath", 404},
    {ErrorType::jwe_error, "JweError", 401},
    {ErrorType::parse_policy_error, "ParsePolicyError", 401},
    {ErrorType::plugin_internal_error, "PluginInternalError", 401},
    {ErrorType::plugin_not_found, "PluginNotFound", 404},
    {ErrorType::policy_deny, "PolicyDeny", 401},
    {ErrorType::policy_engine_error, "PolicyEngineError", 401},
    {ErrorType::rvps_error, "RvpsError", 401},
    {ErrorType::serde_error, "SerdeError", 401},
    {ErrorType::token_not_found, "TokenNotFound", 401},
    {ErrorType::token_verifier_error, "TokenVerifierError", 401},
    {ErrorType::audit_failure, "AuditFailure", 401},
};

const Row& row_of(ErrorType type) {
  for (const Row& row : kRows) {
    if (row.type == type) return row;
  }
  return kRows[0];
}

/// In precise mode a plugin's failure is named for what happened, not for where.
std::string_view precise_name(const ApiError& error) {
  if (error.type == ErrorType::admin_auth_initialization) return "AdminAuthAccess";
  if (error.cause.kind == ErrorKind::unsupported) return "MethodNotAllowed";
  if (error.type != ErrorType::plugin_internal_error) return row_of(error.type).name;
  switch (error.cause.kind) {
    case ErrorKind::not_found:
      return "ResourceNotFound";
    case ErrorKind::invalid_request:
      return "InvalidRequestPath";
    case ErrorKind::conflict:
      return "Conflict";
    case ErrorKind::too_large:
      return "TooLarge";
    case ErrorKind::rate_limited:
      return "RateLimited";
    case ErrorKind::unavailable:
      return "Unavailable";
    case ErrorKind::denied:
      return "PolicyDeny";
    default:
      return "PluginInternalError";
  }
}

}  // namespace

std::string_view to_string(ErrorType type) noexcept { return row_of(type).name; }

unsigned precise_status(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_request:
      return 400;
    case ErrorKind::unauthenticated:
      return 401;
    case ErrorKind::denied:
      return 403;
    case ErrorKind::not_found:
      return 404;
    case ErrorKind::unsupported:
      return 405;
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::too_large:
      return 413;
    case ErrorKind::rate_limited:
      return 429;
    case ErrorKind::unavailable:
      return 503;
    case ErrorKind::internal:
      return 500;
  }
  return 500;
}

Response error_response(const ApiError& error, ErrorMode mode) {
  const bool precise = mode == ErrorMode::precise;
  Response response;
  response.status = precise ? precise_status(error.cause.kind) : row_of(error.type).trustee_status;
  response.content_type = "application/json";
  std::string body = R"({"type":")";
  body += kTypePrefix;
  body += precise ? precise_name(error) : row_of(error.type).name;
  body += R"(","detail":)";
  append_json_string(body, precise ? error.cause.message : error.trustee_detail);
  body += '}';
  response.body = std::move(body);
  if (response.status == 503 || response.status == 429)
    response.headers.emplace_back("Retry-After", "1");
  if (response.status == 405) response.headers.emplace_back("Allow", "GET, POST, PUT, DELETE");
  return response;
}

}  // namespace kbs::api
