#include "kbs/api/admin_check.h"

#include "base/log.h"

namespace kbs::api {
namespace {

std::string reference_prefix(ErrorType type, std::string_view endpoint) {
  if (type == ErrorType::admin_auth_access) {
    return "admin access denied for endpoint " + std::string(endpoint) + ": ";
  }
  // Said for every refusal on the plugin path, misleading as it is.
  return "failed to initialize [admin] configuration: ";
}

std::chrono::microseconds elapsed(const Context& context) {
  return std::chrono::duration_cast<std::chrono::microseconds>(context.app.clock.steady_now() -
                                                               context.started);
}

}  // namespace

awaitable<ApiResult<admin::AdminIdentity>> check_admin(Context& context, ErrorType type) {
  const Request& request = context.request;
  auto who = context.snapshot->admin->authorize(request.header("Authorization"),
                                                request.method_name, request.path);
  if (who) {
    KBS_LOG(debug, "admin", "access granted",
            {{"role", who->role}, {"method", request.method_name}, {"path", request.path}});
    co_return std::move(*who);
  }
  Error error = std::move(who).error();
  log_error(LogLevel::warn, "admin", "access refused", error,
            {{"request", request.id},
             {"method", request.method_name},
             {"path", request.path},
             {"peer", request.peer}});
  if (error.kind == ErrorKind::denied) {
    audit::Record record = admin_record(context, {}, "admin.denied", request.path);
    record.reason = error.message;
    // The refusal stands whether or not it could be written down.
    (void)co_await write_record(context, std::move(record));
  } else {
    context.app.metrics.add(metrics::Metrics::Counter::refused_strangers);
  }
  std::string detail = reference_prefix(type, context.first) + error.message;
  co_return tl::unexpected(ApiError{type, std::move(error), std::move(detail)});
}

awaitable<ApiResult<>> write_record(Context& context, audit::Record record) {
  auto recorded = co_await context.app.audit.record(context.worker.index, std::move(record));
  if (recorded) co_return ApiResult<>();
  context.app.metrics.add(metrics::Metrics::Counter::audit_failures);
  log_error(LogLevel::error, "audit", "a decision could not be recorded", recorded.error(),
            {{"request", context.request.id}});
  co_return tl::unexpected(
      ApiError{ErrorType::audit_failure, std::move(recorded).error(), "Audit failed"});
}

audit::Record admin_record(const Context& context, const admin::AdminIdentity& who,
                           std::string_view event, std::string object) {
  audit::Record record;
  record.request_id = context.request.id;
  record.event = event;
  record.admin_subject = who.role;
  record.action = context.request.method_name;
  record.object = std::move(object);
  record.peer = context.request.peer;
  record.latency = elapsed(context);
  return record;
}

awaitable<ApiResult<>> record_intent(Context& context, const admin::AdminIdentity& who,
                                     const AdminAction& action) {
  audit::Record record = admin_record(context, who, "admin.intent", action.object);
  record.action = action.name;
  record.version = action.version;
  record.allowed = true;
  co_return co_await write_record(context, std::move(record));
}

awaitable<ApiResult<>> record_outcome(Context& context, const admin::AdminIdentity& who,
                                      const AdminAction& action, const Error* failure) {
  audit::Record record = admin_record(context, who, "admin.outcome", action.object);
  record.action = action.name;
  record.version = action.version;
  record.allowed = failure == nullptr;
  if (failure) record.reason = to_string(failure->kind);
  co_return co_await write_record(context, std::move(record));
}

awaitable<ApiResult<>> record_intent(Context& context, const admin::AdminIdentity& who,
                                     std::string object) {
  audit::Record record = admin_record(context, who, "admin.intent", std::move(object));
  record.allowed = true;
  co_return co_await write_record(context, std::move(record));
}

awaitable<ApiResult<>> record_outcome(Context& context, const admin::AdminIdentity& who,
                                      std::string object, const Error* failure,
                                      std::string version) {
  audit::Record record = admin_record(context, who, "admin.outcome", std::move(object));
  record.allowed = failure == nullptr;
  if (failure) record.reason = to_string(failure->kind);
  record.version = std::move(version);
  co_return co_await write_record(context, std::move(record));
}

}  // namespace kbs::api
