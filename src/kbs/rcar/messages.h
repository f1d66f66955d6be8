#pragma once
/// The bodies of the handshake, read strictly. Facts: spec/rcar-protocol.md §§2-7.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/attestation_service.h"
#include "base/json.h"
#include "base/result.h"

namespace kbs::rcar {

/// RCAR Request: the body of `POST auth`.
struct Request {
  std::string version;
  attestation::Tee tee;
  json::value extra_params;
};
/// Unknown members are ignored; `version`, `tee` and `extra-params` are required.
Result<Request> parse_request(std::string_view body);

/// Whether `version` is a semantic version (`invalid_request` if not) that this server speaks,
/// which is
/// "=0.4.0": build metadata does not count, a pre-release is another version.
Result<bool> speaks_version(std::string_view version);
inline constexpr std::string_view kProtocolVersion = "0.4.0";

/// RCAR Attestation: the body of `POST attest`.
struct Attestation {
  std::optional<attestation::InitData> init_data;
  std::string nonce;
  json::object tee_pubkey;  ///< only the members its kind has: what the guest hashed
  json::value primary_evidence;
  std::string additional_evidence;  ///< "", or a JSON object as text
};
Result<Attestation> parse_attestation(std::string_view body);

/// The evidence list for the attestation service: the primary one, bound to the text of all others,
/// then one per entry of `additional_evidence`, bound to key and nonce alone.
Result<std::vector<attestation::Evidence>> evidence_of(Attestation attestation,
                                                       attestation::Tee tee,
                                                       crypto::HashAlgorithm hash);

}  // namespace kbs::rcar
