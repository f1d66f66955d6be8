#pragma once
/// The attestation service inside the server: verifiers, attestation policies, reference values,
/// EAR tokens.

#include <memory>
#include <optional>
#include <string>

#include "attestation/attestation_service.h"
#include "base/clock.h"
#include "storage/key_value.h"

namespace kbs::attestation::embedded {

/// `[attestation_service.attestation_token_broker]`.
struct TokenBrokerOptions {
  std::int64_t duration_min = 5;
  std::string issuer_name = "CoCo-Attestation-Service";
  std::string developer_name = "https://confidentialcontainers.org";
  std::string build_name = "attestation-service 0.1.0";
  std::string profile_name = "tag:github.com,2024:confidential-containers/Trustee";
  bool verbose_token = true;
  struct Signer {
    std::string key_path;   ///< PEM, EC P-256
    std::string cert_path;  ///< PEM chain, leaf first; becomes x5c
    std::string cert_url;   ///< becomes x5u
  };
  std::optional<Signer> signer;  ///< none: a fresh key per process
};

struct Options {
  TokenBrokerOptions broker;
};

/// The stores: `policies` is namespace attestation_service_policy, `reference_values` namespace
/// reference_value. Stock policies are written where absent. Fails when the signer cannot be used;
/// the message names the file.
awaitable<Result<std::shared_ptr<AttestationService>>> make(Options options,
                                                            storage::KeyValuePtr policies,
                                                            storage::KeyValuePtr reference_values,
                                                            const Clock& clock);

}  // namespace kbs::attestation::embedded
