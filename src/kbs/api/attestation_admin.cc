#include "base/encoding.h"
#include "base/log.h"
#include "kbs/api/admin_check.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

struct PolicyUpload {
  std::string id;
  std::string text;
};

/// {"type":"rego","policy_id":…,"policy":base64url}; `type` is not read.
Result<PolicyUpload> parse_upload(std::string_view body) {
  KBS_TRY(json::object object, parse_json_object(body));
  const auto id = string_member(object, "policy_id");
  if (!id) return fail(ErrorKind::invalid_request, "member `policy_id` must be a string");
  const auto encoded = string_member(object, "policy");
  if (!encoded) return fail(ErrorKind::invalid_request, "member `policy` must be a string");
  auto text = from_base64url(*encoded);
  if (!text)
    return fail(ErrorKind::invalid_request, "member `policy` must be base64url without padding");
  if (!is_utf8(as_text(*text))) return fail(ErrorKind::invalid_request, "the policy is not UTF-8");
  return PolicyUpload{std::string(*id), std::string(as_text(*text))};
}

ApiError policy_refused(Error cause) {
  return {ErrorType::attestation_error, std::move(cause),
          "Attestation error: Set Attestation Policy failed"};
}

ApiError rvps_failed(std::string what, Error cause) {
  return {ErrorType::rvps_error, std::move(cause), "RVPS configuration failed: " + what};
}

}  // namespace

awaitable<ApiResult<Response>> post_attestation_policy(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  auto upload = parse_upload(context.request.body.expose_text());
  if (!upload) co_return tl::unexpected(policy_refused(std::move(upload).error()));
  const std::string object = "attestation-policy/" + upload->id;
  KBS_CO_OK(co_await record_intent(context, who, object));
  auto stored =
      co_await context.app.attestation->set_policy(std::move(upload->id), std::move(upload->text));
  KBS_CO_OK(co_await record_outcome(context, who, object, stored ? nullptr : &stored.error()));
  if (!stored) {
    log_error(LogLevel::warn, "attestation", "attestation policy refused", stored.error(),
              {{"object", object}});
    co_return tl::unexpected(policy_refused(std::move(stored).error()));
  }
  co_return Response();
}

awaitable<ApiResult<Response>> get_reference_value(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  const std::string id = context.rest_joined();
  auto value = co_await context.app.attestation->reference_value(id);
  if (!value) {
    co_return tl::unexpected(
        rvps_failed("Failed to get reference_values: " + value.error().message, value.error()));
  }
  if (!*value) {
    const std::string what = "No reference value found for the given id: " + id;
    Error absent{ErrorKind::not_found, what, {}, BOOST_CURRENT_LOCATION};
    co_return tl::unexpected(
        rvps_failed("Failed to get reference_values: " + what, std::move(absent)));
  }
  KBS_CO_OK(co_await record_outcome(context, who, "reference-value/" + id, nullptr));
  Response response;
  response.content_type = "application/json";
  response.body = std::move(**value);
  co_return response;
}

awaitable<ApiResult<Response>> post_reference_value(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  const std::string_view body = context.request.body.expose_text();
  if (!is_utf8(body)) {
    Error cause{ErrorKind::invalid_request, "the message is not UTF-8", {}, BOOST_CURRENT_LOCATION};
    co_return tl::unexpected(
        rvps_failed("Failed to parse reference value message", std::move(cause)));
  }
  const std::string object = "reference-value";
  KBS_CO_OK(co_await record_intent(context, who, object));
  auto stored = co_await context.app.attestation->register_reference_values(std::string(body));
  KBS_CO_OK(co_await record_outcome(context, who, object, stored ? nullptr : &stored.error()));
  if (!stored) {
    std::string what = "Failed to register reference value: " + stored.error().message;
    co_return tl::unexpected(rvps_failed(std::move(what), std::move(stored).error()));
  }
  Response response;
  response.content_type = "application/json";  // and an empty body: the reference's answer
  co_return response;
}

}  // namespace kbs::api
