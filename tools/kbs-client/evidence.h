#pragma once
/// Evidence: what a guest binds, and who vouches for it. Facts: spec/rcar-protocol.md §§5-6.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"
#include "base/result.h"
#include "crypto/digest.h"

namespace kbs::client {

/// The TEE a guest runs in, or one of its devices. Used from one thread at a time.
class Attester {
 public:
  virtual ~Attester() = default;
  /// Wire name: "sample".
  virtual std::string_view tee() const noexcept = 0;
  /// Evidence over `report_data`, a digest.
  virtual Result<json::value> evidence(std::span<const std::byte> report_data) const = 0;
};

/// The attester of the machine and those of its devices.
struct AttesterSet {
  std::unique_ptr<Attester> primary;
  std::vector<std::unique_ptr<Attester>> devices;
};

/// No hardware, for tests: vouches for nothing.
std::unique_ptr<Attester> sample_attester();
/// The same as a device.
std::unique_ptr<Attester> sample_device_attester();

/// What this build finds on this machine: it knows no hardware yet, so `sample`, with a warning in
/// the log, and the sample device when `with_sample_device` (environment ENABLE_SAMPLE_DEVICE) says
/// so.
AttesterSet detect_attesters(bool with_sample_device);

/// The text that is hashed: RFC 8785 form of nonce and key, and of the additional evidence for the
/// primary one.
std::string runtime_data_text(std::string_view nonce, const json::object& jwk,
                              std::optional<std::string_view> additional_evidence);

/// `tee-evidence` of the Attestation message: devices first, so that the primary evidence binds
/// them.
Result<json::object> make_evidence(const AttesterSet& attesters, std::string_view nonce,
                                   const json::object& jwk, crypto::HashAlgorithm hash);

/// The algorithm named by a challenge's `extra-params`: SHA-384 unless one is selected (any case);
/// unknown or not a string is `unsupported`.
Result<crypto::HashAlgorithm> selected_hash(const json::value& extra_params);

}  // namespace kbs::client
