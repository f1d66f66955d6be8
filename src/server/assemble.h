#pragma once
/// From a configuration to parts, one function each. Errors name the key, the file and the remedy.

#include <memory>
#include <string>
#include <vector>

#include "attestation/attestation_service.h"
#include "kbs/api/app.h"
#include "kbs/config/config.h"
#include "kbs/http/server.h"
#include "storage/key_value.h"

namespace kbs::server {

/// The key-value store of one namespace, where `[storage_backend]` or `override_type` puts it.
Result<storage::KeyValuePtr> open_namespace(const config::StorageBackend& config,
                                            std::optional<storage::KeyValueType> override_type,
                                            const std::string& name, storage::Services services);

/// Null for a resource-only server. Takes over the policies and reference values that older
/// releases kept in files (historic.h).
Result<std::shared_ptr<attestation::AttestationService>> make_attestation(
    const config::Config& config, storage::Services services);
Result<std::shared_ptr<const token::TokenVerifier>> make_token_verifier(
    const config::Config& config, const attestation::AttestationService* attestation);
/// `mounts` are those of the plugin `resource`.
std::vector<plugins::PluginPtr> make_plugins(const config::Config& config,
                                             const std::shared_ptr<storage::Mounts>& mounts,
                                             metrics::Metrics& metrics);
/// Reads certificate and key; null for clear HTTP.
Result<std::shared_ptr<asio::ssl::context>> make_tls(const config::HttpServer& config);
Result<rcar::ChallengeCodec> make_challenge_codec(const config::AttestationService& config);
/// Text of the historic `policy_path` file when it exists, else "".
Result<std::string> initial_policy(const config::Config& config);

}  // namespace kbs::server
