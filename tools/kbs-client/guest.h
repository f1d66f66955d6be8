#pragma once
/// The guest's side of RCAR (spec/rcar-protocol.md §§3-7 and §10): handshake, and fetching a
/// resource.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/secret.h"
#include "kbs-client/evidence.h"
#include "kbs-client/guest_key.h"
#include "kbs-client/resource_uri.h"
#include "kbs-client/transport.h"

namespace kbs::client {

/// What a handshake earns.
struct Attested {
  Secret token;        ///< the attestation token, a compact JWS
  std::string cookie;  ///< value of `kbs-session-id`; the transport keeps it too
};

/// Body of POST /kbs/v0/auth.
std::string auth_request_body(std::string_view tee);

/// The two messages a handshake needs from a challenge, for drivers with their own HTTP.
struct Challenge {
  std::string nonce;
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::sha384;

  static Result<Challenge> parse(std::string_view body);
};
/// Body of POST /kbs/v0/attest. `init_data` is TOML text, sent as it is.
Result<std::string> attestation_body(const Challenge& challenge, const GuestKey& key,
                                     const AttesterSet& attesters,
                                     const std::optional<std::string>& init_data);
/// The token in the answer to it.
Result<Secret> parse_token_response(std::string_view body);

/// One guest with one key. Blocking, used from one thread; borrows what it is given. Error messages
/// begin as spec/kbs-client-cli.md §1.4 says.
class Guest {
 public:
  using Sleep = std::function<void(std::chrono::milliseconds)>;

  Guest(Transport& transport, GuestKey key, const AttesterSet& attesters,
        std::optional<std::string> init_data, Sleep sleep);

  /// One handshake. A KBS that is busy (503 with Retry-After) is asked up to three times.
  Result<Attested> handshake();
  /// Up to five handshakes, a second apart.
  Result<Attested> attest();
  /// GET first; on 401 one handshake and GET again, at most three GETs. 404, 403 and all else are
  /// final, but 503 with Retry-After is waited for within the three.
  Result<Secret> get_resource(const ResourceUri& uri);

 private:
  Result<HttpResponse> send_patiently(const HttpRequest& request);
  Result<HttpResponse> post(std::string_view endpoint, const std::string& body);

  Transport& transport_;
  GuestKey key_;
  const AttesterSet& attesters_;
  std::optional<std::string> init_data_;
  Sleep sleep_;
};

/// Fetches a resource with a token earned elsewhere (passport). A refused token stays refused:
/// there is one GET, and more only after 503 with Retry-After.
Result<Secret> get_resource_with_token(Transport& transport, const GuestKey& key,
                                       const Secret& token, const ResourceUri& uri,
                                       const Guest::Sleep& sleep);

}  // namespace kbs::client
