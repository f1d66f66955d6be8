#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "kbs/api/admin_check.h"
#include "kbs/api/cookie.h"
#include "kbs/api/handlers.h"
#include "kbs/rcar/messages.h"

namespace kbs::api {
namespace {

using Counter = metrics::Metrics::Counter;

/// One text for every cause, as the reference has it: the guest learns that it failed, the operator
/// why.
ApiError attest_failed(Error cause) {
  return {ErrorType::attestation_error, std::move(cause),
          "Attestation error: RCAR handshake Attest failed"};
}

Result<rcar::OpenChallenge> open_challenge_of(const App& app, std::string_view cookie) {
  if (cookie.empty())
    return fail(ErrorKind::unauthenticated, "no session cookie: begin with POST auth");
  const auto challenge = app.challenges.open(cookie);
  if (!challenge)
    return fail(ErrorKind::unauthenticated, "unknown session: begin again with POST auth");
  if (challenge->expires < app.clock.now()) {
    return fail(ErrorKind::unauthenticated, "the session has expired: begin again with POST auth");
  }
  return *challenge;
}

Response token_response(const Context& context, std::string_view cookie,
                        const rcar::AttestedSession& session) {
  Response response;
  response.content_type = "application/json";
  // A compact JWS holds nothing that JSON would escape. It is a bearer credential: the answer is
  // wiped.
  SecretBytes body;
  constexpr std::string_view kOpen = R"({"token":")";
  body.reserve(kOpen.size() + session.token->size() + 2);
  for (std::string_view part : {kOpen, session.token->expose_text(), std::string_view("\"}")}) {
    const auto bytes = as_bytes(part);
    body.insert(body.end(), bytes.begin(), bytes.end());
  }
  response.body = Secret(std::move(body));
  response.headers.emplace_back("Set-Cookie",
                                session_cookie(cookie, session.expires, context.request.tls));
  return response;
}

audit::Record attest_record(const Context& context, const rcar::OpenChallenge& challenge,
                            const rcar::AttestedSession& session) {
  audit::Record record;
  record.request_id = context.request.id;
  record.event = "attest";
  record.token_sha256 = hex(crypto::sha256(session.token->expose()));
  record.tee = attestation::to_string(challenge.tee);
  record.action = "POST";
  record.object = "attest";
  record.allowed = true;
  record.peer = context.request.peer;
  record.latency = std::chrono::duration_cast<std::chrono::microseconds>(
      context.app.clock.steady_now() - context.started);
  return record;
}

/// Judges the evidence and keeps the session. The first token of a session wins: a concurrent call
/// that loses the race answers with the winner's.
awaitable<Result<rcar::AttestedSession>> verify_and_store(Context& context,
                                                          rcar::OpenChallenge challenge,
                                                          rcar::Attestation attestation) {
  App& app = context.app;
  const crypto::Sha256 nonce = crypto::sha256(as_bytes(attestation.nonce));
  if (!crypto::equal_in_constant_time(nonce, challenge.nonce_digest)) {
    app.metrics.add(Counter::attestation_errors);
    co_return fail(ErrorKind::unauthenticated,
                   "the nonce is not this session's: begin again with POST auth");
  }
  auto evidence = rcar::evidence_of(std::move(attestation), challenge.tee, challenge.hash);
  if (!evidence) {
    app.metrics.add(Counter::attestation_errors);
    co_return tl::unexpected(std::move(evidence).error());
  }
  auto token = co_await app.attestation->evaluate(std::move(*evidence));
  if (!token) {
    app.metrics.attestation_failure(attestation::to_string(challenge.tee));
    co_return tl::unexpected(std::move(token).error());
  }
  rcar::AttestedSession session{std::make_shared<const Secret>(as_bytes(*token)), app.clock.now(),
                                challenge.expires};
  wipe(token->data(), token->size());
  // On the record first: a session that could not be recorded must not exist.
  audit::Record record = attest_record(context, challenge, session);
  if (auto recorded = co_await write_record(context, std::move(record)); !recorded) {
    co_return tl::unexpected(std::move(recorded).error().cause);
  }
  KBS_CO_TRY(rcar::AttestedSession kept,
             co_await app.sessions.insert_if_absent(challenge.session, std::move(session)));
  app.metrics.attestation_success(attestation::to_string(challenge.tee));
  co_return kept;
}

}  // namespace

awaitable<ApiResult<Response>> post_attest(Context& context) {
  App& app = context.app;
  app.metrics.add(Counter::attestation_requests);
  const std::string cookie = session_cookie_of(context.request);
  auto challenge = open_challenge_of(app, cookie);
  if (!challenge) {
    app.metrics.add(Counter::attestation_errors);
    co_return tl::unexpected(attest_failed(std::move(challenge).error()));
  }
  auto attestation = rcar::parse_attestation(context.request.body.expose_text());
  if (!attestation) {
    app.metrics.add(Counter::attestation_errors);
    co_return tl::unexpected(attest_failed(std::move(attestation).error()));
  }
  auto known = co_await app.sessions.find(challenge->session);
  if (!known) co_return tl::unexpected(attest_failed(std::move(known).error()));
  if (*known) co_return token_response(context, cookie, **known);  // the evidence stays unread

  auto session = co_await verify_and_store(context, *challenge, std::move(*attestation));
  if (!session) {
    log_error(LogLevel::warn, "rcar", "attestation failed", session.error(),
              {{"request", context.request.id},
               {"tee", attestation::to_string(challenge->tee)},
               {"peer", context.request.peer}});
    co_return tl::unexpected(attest_failed(std::move(session).error()));
  }
  co_return token_response(context, cookie, *session);
}

}  // namespace kbs::api
