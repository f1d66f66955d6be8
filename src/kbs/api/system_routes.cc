#include "base/log.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

awaitable<Result<>> check_parts(Context& context) {
  for (const plugins::PluginPtr& plugin : context.snapshot->plugins)
    KBS_CO_OK(co_await plugin->health());
  if (context.app.attestation) KBS_CO_OK(co_await context.app.attestation->health());
  KBS_CO_TRY(std::string policy, co_await context.app.policy.text());
  (void)policy;
  co_return Result<>();
}

}  // namespace

awaitable<Response> get_readyz(Context& context) {
  Response response;
  if (auto ready = co_await check_parts(context); !ready) {
    // What is wrong is for the log: this door is open to everybody.
    log_error(LogLevel::warn, "readyz", "not ready", ready.error());
    response.status = 503;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::string("not ready\n");
    response.headers.emplace_back("Retry-After", "1");
  }
  co_return response;
}

Response get_metrics(Context& context) {
  Response response;
  response.content_type = metrics::kContentType;
  response.body = context.app.metrics.expose();
  return response;
}

}  // namespace kbs::api
