#pragma once
/// Administrative requests: one token search, one signature per request, one way to fail.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/key.h"
#include "crypto/secret.h"
#include "kbs-client/admin_token.h"
#include "kbs-client/invocation.h"
#include "kbs-client/messages.h"
#include "kbs-client/transport.h"

namespace kbs::client {

/// What makes an administrator's requests believable.
class AdminCredential {
 public:
  /// Reads the private key, or searches for a token as spec/kbs-client-cli.md §1.3 has it; warns
  /// when there is neither. `say` takes lines for stderr.
  static Result<AdminCredential> open(const AdminAccess& access, const TokenSearch& search,
                                      const std::function<void(std::string_view)>& say);
  /// The bearer token of one request; nullopt when there is none to send.
  Result<std::optional<Secret>> token(SysTime now) const;
  Credential kind() const noexcept;

 private:
  std::optional<crypto::PrivateKey> key_;
  std::optional<Secret> token_;
  AdminClaims claims_;
};

/// When a write shall happen; at most one of the two.
struct WriteCondition {
  std::string if_match = {};  ///< the field's value: "*" or entity tags in quotes
  bool if_absent = false;
};

/// Sends them. Borrows both for its life.
class AdminClient {
 public:
  AdminClient(Transport& transport, const AdminCredential& credential, const Clock& clock)
      : transport_(transport), credential_(credential), clock_(clock) {}

  /// `target` begins with "/kbs/v0/". Anything but 200 is `Request Failed, Response: "<body>"`, its
  /// kind from the status.
  Result<HttpResponse> get(std::string_view target);
  Result<HttpResponse> head(std::string_view target);
  Result<HttpResponse> remove(std::string_view target);
  Result<HttpResponse> post(std::string_view target, std::string_view content_type,
                            const Secret& body, WriteCondition condition = {});
  /// The same with a JSON text.
  Result<HttpResponse> post_json(std::string_view target, std::string_view document);

 private:
  Result<HttpResponse> send(HttpRequest request);

  Transport& transport_;
  const AdminCredential& credential_;
  const Clock& clock_;
};

}  // namespace kbs::client
