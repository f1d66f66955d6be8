#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"
#include "kbs/api/admin_check.h"
#include "kbs/api/cookie.h"
#include "kbs/api/handlers.h"
#include "kbs/rcar/messages.h"

namespace kbs::api {
namespace {

using Counter = metrics::Metrics::Counter;

constexpr const char* kFailed = "Attestation error: RCAR handshake Auth failed: ";

std::string challenge_json(const attestation::Challenge& challenge) {
  std::string body = R"({"nonce":)";
  append_json_string(body, challenge.nonce);
  body += R"(,"extra-params":)" + to_json(challenge.extra_params) + "}";
  return body;
}

Result<rcar::Request> parse_and_check_version(std::string_view body, std::string& trustee_detail) {
  trustee_detail = std::string(kFailed) + "deserialize Request";
  KBS_TRY(rcar::Request request, rcar::parse_request(body));
  trustee_detail = std::string(kFailed) + "failed to parse KBS version";
  KBS_TRY(bool speaks, rcar::speaks_version(request.version));
  if (!speaks) {
    std::string mismatch =
        "KBS Client Protocol Version Mismatch: expect =" + std::string(rcar::kProtocolVersion) +
        " while the request is " + request.version;
    trustee_detail = kFailed + mismatch;
    return fail(ErrorKind::invalid_request, std::move(mismatch));
  }
  return request;
}

rcar::OpenChallenge open_challenge(const attestation::Challenge& challenge, attestation::Tee tee,
                                   SysTime expires) {
  rcar::OpenChallenge open{};
  crypto::random_bytes(open.session);
  open.nonce_digest = crypto::sha256(as_bytes(challenge.nonce));
  open.tee = tee;
  open.hash = challenge.hash;
  open.expires = expires;
  return open;
}

}  // namespace

awaitable<ApiResult<Response>> post_auth(Context& context) {
  App& app = context.app;
  app.metrics.add(Counter::auth_requests);
  std::string detail;
  auto request = parse_and_check_version(context.request.body.expose_text(), detail);
  if (!request) {
    app.metrics.add(Counter::auth_errors);
    co_return tl::unexpected(
        ApiError{ErrorType::attestation_error, std::move(request).error(), std::move(detail)});
  }
  auto challenge =
      co_await app.attestation->challenge(request->tee, std::move(request->extra_params));
  if (!challenge) {
    app.metrics.add(Counter::auth_errors);
    log_error(LogLevel::warn, "rcar", "no challenge", challenge.error(),
              {{"request", context.request.id}});
    detail = std::string(kFailed) + "Attestation Service generate challenge failed";
    co_return tl::unexpected(
        ApiError{ErrorType::attestation_error, std::move(challenge).error(), std::move(detail)});
  }
  const SysTime expires =
      std::chrono::floor<std::chrono::seconds>(context.now()) + app.session_time;
  const std::string cookie = app.challenges.seal(open_challenge(*challenge, request->tee, expires));
  app.metrics.add(Counter::auth_successes);

  Response response;
  response.content_type = "application/json";
  response.body = challenge_json(*challenge);
  response.headers.emplace_back("Set-Cookie", session_cookie(cookie, expires, context.request.tls));
  co_return response;
}

}  // namespace kbs::api
