#include "kbs-client/guest.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/log.h"
#include "crypto/jwe.h"

namespace kbs::client {
namespace {

using std::chrono::milliseconds;

constexpr int kGets = 3;
constexpr int kPatience = 3;
constexpr int kHandshakes = 5;
constexpr milliseconds kBetweenHandshakes{1000};
constexpr std::chrono::seconds kLongestWait{30};  // a server cannot park a guest for longer

/// Whether the server asked for patience, and for how long we grant it.
std::optional<milliseconds> asked_to_wait(const HttpResponse& response) {
  if (response.status != 503 || !response.retry_after) return std::nullopt;
  return std::clamp(*response.retry_after, std::chrono::seconds{0}, kLongestWait);
}

/// The failure that a final answer is. A body which is no KBS error document is quoted up to a
/// line's worth.
tl::unexpected<Error> refusal(const HttpResponse& response) {
  auto detail = error_detail(response);
  std::string said = detail ? *detail : to_valid_utf8(response.text().substr(0, 200));
  std::string message = "the server answered " + std::to_string(response.status);
  if (!said.empty()) message += ": " + said;
  return fail(kind_of_status(response.status), std::move(message));
}

/// 401 and 404 mean something only when a KBS said them: a proxy's 401 is not cured by attesting.
Result<std::string> kbs_detail(const HttpResponse& response) {
  auto detail = error_detail(response);
  if (detail) return *detail;
  return fail(ErrorKind::internal, "deserialize http response failed: status " +
                                       std::to_string(response.status) +
                                       " without a KBS error document; does --url name a KBS?");
}

/// A JWE by its shape; what is inside is for `decrypt_jwe`.
bool looks_like_jwe(std::string_view body) {
  auto jwe = parse_json_object(body, JsonLimits{.max_bytes = body.size() + 1});
  if (!jwe) return false;
  for (std::string_view name : {"protected", "encrypted_key", "iv", "ciphertext", "tag"}) {
    if (!string_member(*jwe, name)) return false;
  }
  return true;
}

Result<Secret> open_response(const GuestKey& key, const HttpResponse& response) {
  if (!looks_like_jwe(response.text())) {
    return fail(ErrorKind::internal, "deserialize http response failed: the answer is not a JWE");
  }
  auto plain = crypto::decrypt_jwe(key.key(), response.text());
  if (!plain) {
    return fail(ErrorKind::internal,
                "decrypt KBS response body failed: " + plain.error().message +
                    "; the response must be encrypted to the key this guest attested with");
  }
  return plain;
}

tl::unexpected<Error> not_found(std::string_view detail) {
  return fail(ErrorKind::not_found, "KBS resource not found: " + std::string(detail));
}

tl::unexpected<Error> unauthorized(const std::string& last) {
  return fail(ErrorKind::unauthenticated, "request unauthorized",
              "the server's last answer: " + last);
}

tl::unexpected<Error> handshake_failed(Error error) {
  error.message = "RCAR handshake failed: " + error.message;
  return tl::unexpected(std::move(error));
}

}  // namespace

std::string auth_request_body(std::string_view tee) {
  json::object request;
  request["version"] = "0.4.0";
  request["tee"] = tee;
  json::object extra;
  extra["supported-hash-algorithms"] = json::array{"sha256", "sha384", "sha512", "sm3"};
  request["extra-params"] = std::move(extra);
  return to_json(request);
}

Result<Challenge> Challenge::parse(std::string_view body) {
  auto document = parse_json_object(body);
  auto nonce = document ? string_member(*document, "nonce") : std::nullopt;
  if (!nonce)
    return fail(ErrorKind::internal,
                "the answer to auth is not a challenge; does --url name a KBS?");
  Challenge challenge{.nonce = std::string(*nonce)};
  if (const json::value* extra = document->if_contains("extra-params")) {
    KBS_TRY(challenge.hash, selected_hash(*extra));
  }
  return challenge;
}

Result<std::string> attestation_body(const Challenge& challenge, const GuestKey& key,
                                     const AttesterSet& attesters,
                                     const std::optional<std::string>& init_data) {
  KBS_TRY(json::object evidence,
          make_evidence(attesters, challenge.nonce, key.jwk(), challenge.hash));
  json::object runtime;
  runtime["nonce"] = challenge.nonce;
  runtime["tee-pubkey"] = key.jwk();
  json::object attestation;
  if (init_data) {
    attestation["init-data"] = {{"format", "toml"}, {"body", *init_data}};
  } else {
    attestation["init-data"] = nullptr;
  }
  attestation["runtime-data"] = std::move(runtime);
  attestation["tee-evidence"] = std::move(evidence);
  return to_json(attestation);
}

Result<Secret> parse_token_response(std::string_view body) {
  auto document = parse_json_object(body);
  auto token = document ? string_member(*document, "token") : std::nullopt;
  if (!token)
    return fail(ErrorKind::internal, "the answer to attest holds no token; does --url name a KBS?");
  return Secret::from_text(*token);
}

Guest::Guest(Transport& transport, GuestKey key, const AttesterSet& attesters,
             std::optional<std::string> init_data, Sleep sleep)
    : transport_(transport),
      key_(std::move(key)),
      attesters_(attesters),
      init_data_(std::move(init_data)),
      sleep_(std::move(sleep)) {}

Result<HttpResponse> Guest::send_patiently(const HttpRequest& request) {
  for (int left = kPatience;; --left) {
    KBS_TRY(HttpResponse response, transport_.send(request));
    auto wait = asked_to_wait(response);
    if (!wait || left == 1) return response;
    KBS_LOG(warn, "guest", "The KBS is busy; asking again.");
    sleep_(*wait);
  }
}

Result<HttpResponse> Guest::post(std::string_view endpoint, const std::string& body) {
  const Secret bytes = Secret::from_text(body);
  HttpRequest request{.method = Method::post,
                      .target = "/kbs/v0/" + std::string(endpoint),
                      .content_type = "application/json",
                      .body = &bytes};
  KBS_TRY(HttpResponse response, send_patiently(request));
  if (response.status != 200) return refusal(response);
  return response;
}

Result<Attested> Guest::handshake() {
  KBS_TRY(HttpResponse challenged, post("auth", auth_request_body(attesters_.primary->tee())));
  KBS_TRY(Challenge challenge, Challenge::parse(challenged.text()));
  KBS_TRY(std::string body, attestation_body(challenge, key_, attesters_, init_data_));
  KBS_TRY(HttpResponse answered, post("attest", body));
  KBS_TRY(Secret token, parse_token_response(answered.text()));
  std::string cookie = answered.session_cookie.empty() ? std::move(challenged.session_cookie)
                                                       : std::move(answered.session_cookie);
  return Attested{std::move(token), std::move(cookie)};
}

Result<Attested> Guest::attest() {
  for (int attempt = 1;; ++attempt) {
    auto attested = handshake();
    if (attested) return attested;
    if (attempt == kHandshakes) {
      Error error = std::move(attested).error();
      error.message =
          "Unable to get token. RCAR handshake retried 5 times. Final error: " + error.message;
      return handshake_failed(std::move(error));
    }
    const std::string message =
        "RCAR handshake failed: " + attested.error().message + "; trying again.";
    KBS_LOG(warn, "guest", message);
    sleep_(kBetweenHandshakes);
  }
}

Result<Secret> Guest::get_resource(const ResourceUri& uri) {
  const HttpRequest request{.target = uri.target()};
  std::string last;
  for (int get = 1;; ++get) {
    KBS_TRY(HttpResponse response, transport_.send(request));
    if (response.status == 200) return open_response(key_, response);
    if (auto wait = asked_to_wait(response); wait && get < kGets) {
      sleep_(*wait);
      continue;
    }
    if (response.status != 401 && response.status != 404) return refusal(response);
    KBS_TRY(last, kbs_detail(response));
    if (response.status == 404) return not_found(last);
    if (get == kGets) return unauthorized(last);
    if (auto attested = handshake(); !attested)
      return handshake_failed(std::move(attested).error());
  }
}

Result<Secret> get_resource_with_token(Transport& transport, const GuestKey& key,
                                       const Secret& token, const ResourceUri& uri,
                                       const Guest::Sleep& sleep) {
  const HttpRequest request{.target = uri.target(), .bearer = &token};
  for (int get = 1;; ++get) {
    KBS_TRY(HttpResponse response, transport.send(request));
    if (response.status == 200) return open_response(key, response);
    if (auto wait = asked_to_wait(response); wait && get < kGets) {
      sleep(*wait);
      continue;
    }
    if (response.status != 401 && response.status != 404) return refusal(response);
    KBS_TRY(std::string detail, kbs_detail(response));
    if (response.status == 404) return not_found(detail);
    return unauthorized(detail);
  }
}

}  // namespace kbs::client
