#pragma once
/// The one table from errors to statuses and bodies, in both modes. Facts: spec/http-api.md §2,
/// spec/conformance-cases.md §0.1.

#include <string>
#include <string_view>

#include "base/result.h"
#include "kbs/http/message.h"

namespace kbs::api {

using http::Method;
using http::Request;
using http::Response;

/// Error names of the reference (`…/kbs/errors/<Name>`), and ours for what it cannot say.
enum class ErrorType {
  admin_auth_access,          ///< AdminAuthAccess
  admin_auth_initialization,  ///< AdminAuthInitialization (admin check on the plugin path; the name
                              ///< is a quirk)
  attestation_error,
  invalid_request_path,
  jwe_error,
  parse_policy_error,
  plugin_internal_error,
  plugin_not_found,
  policy_deny,
  policy_engine_error,
  rvps_error,
  serde_error,
  token_not_found,
  token_verifier_error,
  audit_failure,  ///< ours: what cannot be recorded is not answered
};
std::string_view to_string(ErrorType type) noexcept;

enum class ErrorMode { precise, trustee };

/// A failure on its way to the wire: which stage failed, why, and what the reference would have
/// said.
struct ApiError {
  ErrorType type;
  Error cause;
  std::string trustee_detail;  ///< the reference's `detail`, exactly
};

template <class T = void>
class [[nodiscard]] ApiResult : public tl::expected<T, ApiError> {
 public:
  using tl::expected<T, ApiError>::expected;
  ApiResult(tl::expected<T, ApiError> e) : tl::expected<T, ApiError>(std::move(e)) {}
};

/// The status of each kind in precise mode.
unsigned precise_status(ErrorKind kind) noexcept;

/// Status, headers and body of `error` in `mode`. `Retry-After` accompanies 503 and 429.
Response error_response(const ApiError& error, ErrorMode mode);

}  // namespace kbs::api
