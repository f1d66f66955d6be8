#pragma once
/// One kind of TEE, judged: signatures and bindings. Whether its measurements are acceptable is the
/// policy's business. Facts: spec/verifiers.md.

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "attestation/tee.h"
#include "base/async.h"
#include "base/encoding.h"
#include "base/json.h"

namespace kbs::attestation::embedded {

/// What a verifier found to be true. `report_data` and `init_data`, when present, are strings.
struct VerifiedClaims {
  json::object claims;
  std::string_view evidence_class;  ///< "cpu", "gpu", "switch", "ppcie", "dcu", "nvidia-dpu"
};

/// What the evidence must be bound to: digests, which each verifier fits to its hardware's fields.
struct ExpectedBindings {
  Bytes report_data;
  std::optional<Bytes> init_data;
};

/// One instance serves all workers at once. Errors: `invalid_request` for malformed evidence,
/// `unauthenticated` for evidence that does not hold, `unavailable` when collateral cannot be had.
class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual awaitable<Result<std::vector<VerifiedClaims>>> verify(
      const json::value& evidence, const ExpectedBindings& expected) = 0;
};

/// The verifier for `tee`, or null when this build has none.
std::shared_ptr<Verifier> make_verifier(Tee tee);

}  // namespace kbs::attestation::embedded
