#include "base/log.h"
#include "crypto/jwe.h"
#include "kbs/api/admin_check.h"
#include "kbs/api/cookie.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

using plugins::Call;
using plugins::Plugin;
using plugins::Reply;

/// A verified token and when it was issued, as exactly as we know: to the microsecond for a session
/// of ours, to the second of `iat` for a bearer token.
struct Guest {
  token::VerifiedTokenPtr token;
  std::optional<SysTime> issued;
};

ApiError token_error(Error cause) {
  return {ErrorType::token_verifier_error, std::move(cause), "Token Verifier error"};
}

ApiError plugin_error(Error cause) {
  return {ErrorType::plugin_internal_error, std::move(cause), "Plugin internal error"};
}

/// Scheme exactly `Bearer`, one space, then the token verbatim.
std::string_view bearer_token(const Request& request) {
  std::string_view value = request.header("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (value.size() <= kScheme.size() || !value.starts_with(kScheme)) return {};
  return value.substr(kScheme.size());
}

/// The session's token when the cookie is one of ours, attested and alive; its MAC is checked
/// before anything is looked up.
awaitable<Result<std::optional<rcar::AttestedSession>>> session_of(Context& context) {
  std::optional<rcar::AttestedSession> none;
  if (!context.app.attestation) co_return none;
  const std::string cookie = session_cookie_of(context.request);
  if (cookie.empty()) co_return none;
  const auto challenge = context.app.challenges.open(cookie);
  if (!challenge || challenge->expires < context.now()) co_return none;
  co_return co_await context.app.sessions.find(challenge->session);
}

awaitable<ApiResult<Guest>> identify_guest(Context& context) {
  auto session = co_await session_of(context);
  if (!session) co_return tl::unexpected(token_error(std::move(session).error()));
  Guest guest;
  std::string_view text;
  if (*session) {
    text = (*session)->token->expose_text();
    guest.issued = (*session)->attested_at;
  } else {
    text = bearer_token(context.request);
  }
  if (text.empty()) {
    context.app.metrics.add(metrics::Metrics::Counter::refused_strangers);
    Error cause{
        ErrorKind::unauthenticated, "Attestation Token not found", {}, BOOST_CURRENT_LOCATION};
    co_return tl::unexpected(
        ApiError{ErrorType::token_not_found, std::move(cause), "Attestation Token not found"});
  }
  const Snapshot& snapshot = *context.snapshot;
  auto verified =
      context.worker.tokens.verify(*snapshot.tokens, snapshot.generation, text, context.now());
  if (!verified) {
    context.app.metrics.add(metrics::Metrics::Counter::refused_strangers);
    log_error(LogLevel::info, "token", "token refused", verified.error(),
              {{"request", context.request.id}, {"peer", context.request.peer}});
    co_return tl::unexpected(token_error(std::move(verified).error()));
  }
  guest.token = std::move(*verified);
  if (!guest.issued && guest.token->issued_at)
    guest.issued = SysTime{std::chrono::seconds{*guest.token->issued_at}};
  co_return guest;
}

/// Whether attesting again could change the answer: something the token's claims were judged by has
/// changed since it was issued (design decision 4).
bool is_outdated(const Context& context, const Guest& guest) {
  if (!guest.issued) return false;
  SysTime change = context.app.policy.last_change();
  if (context.app.attestation) {
    if (const auto judged = context.app.attestation->last_change())
      change = std::max(change, *judged);
  }
  // `iat` counts whole seconds: compare at that grain, so that a token issued in the second of the
  // change, but after it, does not send its guest round in circles.
  const bool whole_seconds =
      guest.issued->time_since_epoch() % std::chrono::seconds{1} == std::chrono::microseconds{0};
  if (whole_seconds) change = std::chrono::floor<std::chrono::seconds>(change);
  return *guest.issued < change;
}

audit::Record guest_record(const Context& context, const Guest& guest, std::string_view event,
                           std::string object) {
  audit::Record record;
  record.request_id = context.request.id;
  record.event = event;
  record.token_sha256 = guest.token->digest;
  record.tee = guest.token->tee;
  record.init_data = guest.token->init_data;
  record.action = context.request.method_name;
  record.object = std::move(object);
  record.peer = context.request.peer;
  record.latency = std::chrono::duration_cast<std::chrono::microseconds>(
      context.app.clock.steady_now() - context.started);
  return record;
}

/// Records a refusal. It stands whether or not it could be written down.
awaitable<void> record_refusal(Context& context, const Guest& guest, std::string object,
                               const Error& error) {
  audit::Record record = guest_record(context, guest, "resource.refused", std::move(object));
  record.reason = to_string(error.kind);
  (void)co_await write_record(context, std::move(record));
}

ApiError policy_failure(const Context& context, const Guest& guest, Error cause) {
  if (cause.kind == ErrorKind::denied) {
    if (is_outdated(context, guest)) {
      cause.kind = ErrorKind::unauthenticated;
      cause.message =
          "Access denied by policy; policies or reference values changed since this token was "
          "issued: "
          "attest again";
    }
    return {ErrorType::policy_deny, std::move(cause), "Access denied by policy"};
  }
  std::string detail = "Policy engine error: " + cause.message;
  return {ErrorType::policy_engine_error, std::move(cause), std::move(detail)};
}

ApiError key_failure(const Error& cause) {
  // Two names on the wire for two failures: no key object at all, and a key we do not encrypt to.
  const bool malformed = cause.kind == ErrorKind::unauthenticated;
  Error unusable{ErrorKind::invalid_request, "the TEE public key cannot be used: " + cause.message,
                 cause.detail, cause.where};
  if (malformed) return token_error(std::move(unusable));
  return {ErrorType::jwe_error, std::move(unusable), "JWE failed"};
}

/// What an attested guest gets: policy before the plugin, a usable key before the plugin, the
/// record before the answer.
awaitable<ApiResult<Reply>> run_for_guest(Context& context, Plugin& plugin, Call& call,
                                          const Guest& guest, const std::string& object,
                                          bool encrypted) {
  if (auto allowed = co_await context.app.policy.allow(*guest.token, plugin.name(), call);
      !allowed) {
    co_return tl::unexpected(policy_failure(context, guest, std::move(allowed).error()));
  }
  if (encrypted && !guest.token->tee_key)
    co_return tl::unexpected(key_failure(guest.token->tee_key.error()));
  auto reply = co_await plugin.handle(call);
  if (!reply) co_return tl::unexpected(plugin_error(std::move(reply).error()));
  audit::Record record = guest_record(context, guest, "resource.released", object);
  record.allowed = true;
  record.version = reply->version;
  KBS_CO_OK(co_await write_record(context, std::move(record)));
  co_return std::move(*reply);
}

awaitable<ApiResult<Response>> serve_guest(Context& context, Plugin& plugin, Call& call) {
  KBS_CO_TRY(Guest guest, co_await identify_guest(context));
  const std::string object = std::string(plugin.name()) + "/" + call.joined_path();
  const bool encrypted = plugin.encrypted(call);
  auto reply = co_await run_for_guest(context, plugin, call, guest, object, encrypted);
  if (!reply) {
    const bool unwritable = reply.error().type == ErrorType::audit_failure;
    if (!unwritable) co_await record_refusal(context, guest, object, reply.error().cause);
    co_return tl::unexpected(std::move(reply).error());
  }
  Response response;
  if (!encrypted) {
    response.content_type = reply->content_type;
    response.body = std::move(reply->body);
    co_return response;
  }
  auto jwe = crypto::encrypt_jwe(*guest.token->tee_key, reply->body.expose());
  if (!jwe)
    co_return tl::unexpected(ApiError{ErrorType::jwe_error, std::move(jwe).error(), "JWE failed"});
  response.content_type = "application/json";
  response.body = std::move(*jwe);
  co_return response;
}

awaitable<ApiResult<Response>> serve_admin(Context& context, Plugin& plugin, Call& call) {
  KBS_CO_TRY(admin::AdminIdentity who,
             co_await check_admin(context, ErrorType::admin_auth_initialization));
  const std::string object = std::string(plugin.name()) + "/" + call.joined_path();
  KBS_CO_OK(co_await record_intent(context, who, object));
  auto reply = co_await plugin.handle(call);
  std::string version = reply ? reply->version : std::string();
  KBS_CO_OK(co_await record_outcome(context, who, object, reply ? nullptr : &reply.error(),
                                    std::move(version)));
  if (!reply) {
    // The client hears what went wrong; why (an errno, a vault's status) is for the operator alone.
    const ErrorKind kind = reply.error().kind;
    const bool ours = kind == ErrorKind::unavailable || kind == ErrorKind::internal;
    log_error(ours ? LogLevel::error : LogLevel::info, "admin", "request failed", reply.error(),
              {{"request", context.request.id}, {"path", context.request.path}});
    co_return tl::unexpected(plugin_error(std::move(reply).error()));
  }
  Response response;
  response.content_type = reply->content_type;
  response.body = std::move(reply->body);
  response.headers = std::move(reply->headers);
  co_return response;
}

}  // namespace

awaitable<ApiResult<Response>> call_plugin(Context& context) {
  Plugin* plugin = context.snapshot->find_plugin(context.first);
  if (!plugin) {
    std::string detail = "Plugin " + context.first + " not found";
    Error cause{ErrorKind::not_found, detail, {}, BOOST_CURRENT_LOCATION};
    co_return tl::unexpected(
        ApiError{ErrorType::plugin_not_found, std::move(cause), std::move(detail)});
  }
  Call call{context.request, context.rest, parse_query(context.request.query),
            context.snapshot->error_mode == ErrorMode::precise};
  if (plugin->gate(call) == plugins::Gate::admin)
    co_return co_await serve_admin(context, *plugin, call);
  auto response = co_await serve_guest(context, *plugin, call);
  if (!response && response.error().cause.kind != ErrorKind::unauthenticated) {
    log_error(LogLevel::info, "resource", "refused", response.error().cause,
              {{"request", context.request.id}, {"path", context.request.path}});
  }
  co_return response;
}

}  // namespace kbs::api
