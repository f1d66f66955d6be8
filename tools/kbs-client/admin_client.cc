#include "kbs-client/admin_client.h"

#include "base/log.h"

namespace kbs::client {

Result<AdminCredential> AdminCredential::open(const AdminAccess& access, const TokenSearch& search,
                                              const std::function<void(std::string_view)>& say) {
  AdminCredential credential;
  if (!access.private_key.empty()) {
    auto key = read_private_key(access.private_key);
    if (!key) say("Failed to read: " + access.private_key);
    KBS_TRY(credential.key_, std::move(key));
    credential.claims_ = {
        .role = access.role, .issuer = access.issuer, .audience = access.audience};
    // A key of a type we cannot sign with is told before any request.
    KBS_OK(credential.token(SysTime{}));
    return credential;
  }
  KBS_TRY(credential.token_, find_admin_token(search, say));
  if (!credential.token_) {
    KBS_LOG(warn, "admin", "No admin token was found; the request is sent without Authorization.");
  }
  return credential;
}

Result<std::optional<Secret>> AdminCredential::token(SysTime now) const {
  if (key_) {
    KBS_TRY(Secret fresh, sign_admin_token(*key_, claims_, now));
    return std::optional(std::move(fresh));
  }
  return token_ ? std::optional(token_->clone()) : std::nullopt;
}

Credential AdminCredential::kind() const noexcept {
  if (!key_) return token_ ? Credential::token : Credential::none;
  return claims_.issuer.empty() ? Credential::signed_without_issuer
                                : Credential::signed_with_issuer;
}

Result<HttpResponse> AdminClient::send(HttpRequest request) {
  KBS_TRY(std::optional<Secret> token, credential_.token(clock_.now()));
  if (token) request.bearer = &*token;
  KBS_TRY(HttpResponse response, transport_.send(request));
  if (response.status == 200) return response;
  return fail(kind_of_status(response.status),
              "Request Failed, Response: " + quoted(response.text()));
}

Result<HttpResponse> AdminClient::get(std::string_view target) {
  return send({.method = Method::get, .target = std::string(target)});
}

Result<HttpResponse> AdminClient::head(std::string_view target) {
  return send({.method = Method::head, .target = std::string(target)});
}

Result<HttpResponse> AdminClient::remove(std::string_view target) {
  return send({.method = Method::remove, .target = std::string(target)});
}

Result<HttpResponse> AdminClient::post(std::string_view target, std::string_view content_type,
                                       const Secret& body, WriteCondition condition) {
  return send({.method = Method::post,
               .target = std::string(target),
               .content_type = content_type,
               .body = &body,
               .if_match = std::move(condition.if_match),
               .if_absent = condition.if_absent});
}

Result<HttpResponse> AdminClient::post_json(std::string_view target, std::string_view document) {
  const Secret body = Secret::from_text(document);
  return post(target, "application/json", body);
}

}  // namespace kbs::client
