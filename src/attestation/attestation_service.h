#pragma once
/// Who judges evidence: the embedded service, a remote CoCo AS, Intel Trust Authority. The KBS core
/// knows only this interface. Facts: spec/attestation-service.md.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attestation/tee.h"
#include "base/async.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/key.h"

namespace kbs::attestation {

/// What `/auth` answers.
struct Challenge {
  std::string nonce;  ///< 32 random bytes in standard base64 (44 characters); for `se` a JSON text
  json::value extra_params;  ///< "" unless a hash algorithm was selected
  crypto::HashAlgorithm hash =
      crypto::HashAlgorithm::sha384;  ///< what the guest will hash runtime data with
};

/// Plaintext init-data as the guest sent it; hashed as is, every byte.
struct InitData {
  std::string format;
  std::string body;
};

/// One piece of evidence and what it must be bound to.
struct Evidence {
  Tee tee;
  json::value evidence;
  json::object runtime_data;  ///< hashed in canonical form; becomes `runtime_data_claims`
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::sha384;
  std::optional<InitData> init_data;
};

/// Called from any worker, many at once. Nothing here blocks a worker: remote services suspend.
/// Errors: `unauthenticated` when evidence does not hold, `invalid_request` when it is malformed,
/// `unavailable` when the service cannot be reached in time, `unsupported` when it does not offer
/// the operation.
class AttestationService {
 public:
  virtual ~AttestationService() = default;
  /// `extra_params` is what the guest sent. `invalid_request` when no common hash algorithm exists.
  virtual awaitable<Result<Challenge>> challenge(Tee tee, json::value extra_params) = 0;
  /// Judges all evidence (the primary one first); the answer is one attestation token. Any piece
  /// that fails fails the whole.
  virtual awaitable<Result<std::string>> evaluate(std::vector<Evidence> evidence) = 0;

  virtual awaitable<Result<>> set_policy(std::string id, std::string text) = 0;
  /// Registers an RVPS message (spec/rvps.md §3).
  virtual awaitable<Result<>> register_reference_values(std::string message) = 0;
  /// JSON text of the value, nullopt when unknown or expired.
  virtual awaitable<Result<std::optional<std::string>>> reference_value(std::string id) = 0;

  /// When a policy or reference value was last set through this instance: a token older than that
  /// may have been judged differently today. nullopt: never, or not known.
  virtual std::optional<SysTime> last_change() const { return std::nullopt; }

  /// For /readyz.
  virtual awaitable<Result<>> health() = 0;
  /// The key that signs this service's tokens when it runs in this process: trusted without
  /// configuration.
  virtual std::optional<crypto::PublicKey> own_signing_key() const { return std::nullopt; }
};

}  // namespace kbs::attestation
