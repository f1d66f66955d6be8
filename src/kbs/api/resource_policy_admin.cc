#include "base/encoding.h"
#include "kbs/api/admin_check.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

ApiError parse_failed(std::string what) {
  std::string detail = "Failed to parse policy: " + what;
  Error cause{ErrorKind::invalid_request, what, {}, BOOST_CURRENT_LOCATION};
  return {ErrorType::parse_policy_error, std::move(cause), std::move(detail)};
}

ApiResult<std::string> uploaded_policy(std::string_view body) {
  auto parsed = parse_json(body);
  if (!parsed) return tl::unexpected(parse_failed("Illegal SetPolicy Request Json"));
  const json::value* policy =
      parsed->is_object() ? parsed->get_object().if_contains("policy") : nullptr;
  if (!policy)
    return tl::unexpected(parse_failed("No `policy` field inside SetPolicy Request Json"));
  if (!policy->is_string()) {
    return tl::unexpected(parse_failed("`policy` field is not a string in SetPolicy Request Json"));
  }
  auto text = from_base64url(policy->get_string());
  if (!text)
    return tl::unexpected(
        parse_failed("Failed to decode policy: it must be base64url without padding"));
  if (!is_utf8(as_text(*text)))
    return tl::unexpected(parse_failed("Failed to decode policy: it is not UTF-8"));
  return std::string(as_text(*text));
}

ApiError engine_error(Error cause) {
  std::string detail = "Policy engine error: " + cause.message;
  return {ErrorType::policy_engine_error, std::move(cause), std::move(detail)};
}

std::string object_of(const Context& context) { return context.first + "/resource-policy"; }

}  // namespace

awaitable<ApiResult<Response>> post_resource_policy(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  KBS_CO_TRY(std::string text, uploaded_policy(context.request.body.expose_text()));
  const std::string object = object_of(context);
  KBS_CO_OK(co_await record_intent(context, who, object));
  auto stored = co_await context.app.policy.set(std::move(text));
  KBS_CO_OK(co_await record_outcome(context, who, object, stored ? nullptr : &stored.error()));
  if (!stored) {
    Error cause = std::move(stored).error();
    if (cause.kind == ErrorKind::invalid_request)
      cause.message = "Failed to load policy: " + cause.message;
    co_return tl::unexpected(engine_error(std::move(cause)));
  }
  co_return Response();
}

awaitable<ApiResult<Response>> get_resource_policy_ids(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  auto ids = co_await context.app.policy.list();
  if (!ids) co_return tl::unexpected(engine_error(std::move(ids).error()));
  KBS_CO_OK(co_await record_outcome(context, who, object_of(context), nullptr));
  json::array list;
  for (const std::string& id : *ids) list.emplace_back(id);
  Response response;
  response.content_type = "application/json";
  response.body = to_json(list);
  co_return response;
}

awaitable<ApiResult<Response>> get_policy_text(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  auto text = co_await context.app.policy.text();
  if (!text) co_return tl::unexpected(engine_error(std::move(text).error()));
  KBS_CO_OK(co_await record_outcome(context, who, "admin/policy", nullptr));
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(*text);
  co_return response;
}

}  // namespace kbs::api
