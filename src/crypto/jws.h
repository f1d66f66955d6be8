#pragma once
/// JWS in compact form (RFC 7515), the algorithms of RFC 7518 §3 and RFC 8037 without HS* and
/// `none`.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "crypto/key.h"

namespace kbs::crypto {

enum class JwsAlgorithm { es256, es384, rs256, rs384, rs512, ps256, ps384, ps512, eddsa };

/// "ES256" … exact spelling; ES512, HS* and none are not in the list.
std::optional<JwsAlgorithm> jws_algorithm_from(std::string_view name) noexcept;
std::string_view to_string(JwsAlgorithm algorithm) noexcept;
/// Whether a key of this type may verify or make that algorithm (ES256 with P-256 only, and so on).
bool fits(JwsAlgorithm algorithm, KeyType type) noexcept;

/// A parsed, not yet verified, compact JWS. Views point into the token given to `parse_jws`.
struct ParsedJws {
  json::object header;
  std::string_view signing_input;  ///< `header.payload`, still encoded
  std::string_view payload_b64;
  Bytes signature;
  /// The decoded payload: for the verifier, after `verify_jws` said yes.
  Result<Bytes> payload() const;
};

/// Splits and decodes. `crit` in the header is refused (we understand no extension), so are
/// non-object headers, other than three parts, and tokens over 1 MiB. Errors are `invalid_request`.
Result<ParsedJws> parse_jws(std::string_view token);

/// Whether the signature is `key`'s under `algorithm`; `unauthenticated` if not. The algorithm
/// comes from the caller's trust material, never from the token alone; the header's `alg` must name
/// the same one. Thread-safe.
Result<> verify_jws(const ParsedJws& jws, const PublicKey& key, JwsAlgorithm algorithm);

/// `header` and `payload` are JSON texts, encoded exactly as given; the caller writes `alg` into
/// the header. `invalid_request` if the key does not fit the algorithm.
Result<std::string> sign_jws(std::string_view header, std::string_view payload,
                             const PrivateKey& key, JwsAlgorithm algorithm);

}  // namespace kbs::crypto
