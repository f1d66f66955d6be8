#pragma once
/// From verified claims to a trust vector: one attestation policy applied. Facts:
/// spec/attestation-service.md §§8-9; AR4SI tiers from draft-ietf-rats-ar4si.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/json.h"
#include "policy/rego.h"

namespace kbs::attestation::embedded {

enum class Tier { none, affirming, warning, contraindicated };
std::string_view to_string(Tier tier) noexcept;
/// The tier of one value of a trust vector.
Tier tier_of(int value) noexcept;

/// The eight claims of AR4SI, in the order of the wire.
inline constexpr std::array<std::string_view, 8> kTrustClaims = {
    "instance-identity", "configuration",  "executables",    "file-system",
    "hardware",          "runtime-opaque", "storage-opaque", "sourced-data"};

struct Extension {
  std::string name;
  json::value value;
};

struct Appraisal {
  std::array<std::optional<std::int8_t>, kTrustClaims.size()> vector;
  std::vector<Extension> extensions;
  Tier status() const noexcept;
};

/// Where reference values come from: JSON text, or nullopt.
using ReferenceSource =
    std::function<awaitable<Result<std::optional<std::string>>>(std::string id)>;

/// An attestation policy, and the ids of reference values it has asked for so far: they are fetched
/// before it runs, so that a running policy never waits. Thread-safe.
class AttestationPolicy {
 public:
  static Result<std::shared_ptr<AttestationPolicy>> compile(std::string_view text);

  /// Applies it to `input` (the annotated evidence). A claim that AR4SI does not know, a value that
  /// is no integer of −128…127, a malformed extension: `internal`, naming what is wrong.
  awaitable<Result<Appraisal>> appraise(std::string input, const ReferenceSource& references);

 private:
  struct Asked;
  std::shared_ptr<const policy::RegoPolicy> policy_;
  std::shared_ptr<Asked> asked_;
};

}  // namespace kbs::attestation::embedded
