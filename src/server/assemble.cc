#include "server/assemble.h"

#include <unistd.h>

#include "attestation/embedded/embedded.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/run.h"
#include "kbs/plugins/resource.h"
#include "kbs/plugins/sample.h"
#include "server/historic.h"

namespace kbs::server {

Result<storage::KeyValuePtr> open_namespace(const config::StorageBackend& config,
                                            std::optional<storage::KeyValueType> override_type,
                                            const std::string& name, storage::Services services) {
  storage::KeyValueConfig kv;
  kv.type = override_type.value_or(config.type);
  if (kv.type == storage::KeyValueType::local_fs) kv.dir_path = config.local_fs_dir;
  if (kv.type == storage::KeyValueType::local_json) kv.dir_path = config.local_json_dir;
  return storage::open_key_value(kv, name, services);
}

Result<std::shared_ptr<attestation::AttestationService>> make_attestation(
    const config::Config& config, storage::Services services) {
  using Type = config::AttestationService::Type;
  const config::AttestationService& as = config.attestation_service;
  if (as.type == Type::none) return std::shared_ptr<attestation::AttestationService>();
  if (as.type != Type::embedded) {
    return fail(
        ErrorKind::unsupported,
        "attestation_service.type: remote attestation services are not in this build yet; use "
        "\"CoCoASBuiltIn\", or \"None\" for a server that takes tokens from elsewhere");
  }
  KBS_TRY(auto policies, open_namespace(config.storage_backend, as.policy_storage,
                                        "attestation_service_policy", services));
  KBS_TRY(auto values, open_namespace(config.storage_backend, as.reference_storage,
                                      "reference_value", services));
  // Before the stock policies are put where there is none.
  KBS_OK(load_attestation_policies(as.policy_dir, *policies));
  KBS_OK(load_reference_values(as.reference_file, *values));
  attestation::embedded::Options options{as.broker};
  return run_to_end(attestation::embedded::make(std::move(options), std::move(policies),
                                                std::move(values), services.clock));
}

Result<std::shared_ptr<const token::TokenVerifier>> make_token_verifier(
    const config::Config& config, const attestation::AttestationService* attestation) {
  const config::AttestationToken& from = config.attestation_token;
  token::TrustOptions trust;
  trust.certificate_files = from.trusted_certs_paths;
  trust.jwk_set_files = from.trusted_jwk_sets;
  trust.extra_teekey_paths = from.extra_teekey_paths;
  trust.insecure_header_jwk = from.insecure_header_jwk;
  if (attestation) trust.own_key = attestation->own_signing_key();
  return token::TokenVerifier::make(std::move(trust));
}

std::vector<plugins::PluginPtr> make_plugins(const config::Config& config,
                                             const std::shared_ptr<storage::Mounts>& mounts,
                                             metrics::Metrics& metrics) {
  std::vector<plugins::PluginPtr> all;
  all.reserve(config.plugins.size());
  for (const config::Plugin& plugin : config.plugins) {
    all.push_back(std::holds_alternative<config::ResourcePlugin>(plugin)
                      ? plugins::make_resource(mounts, metrics)
                      : plugins::make_sample());
  }
  return all;
}

Result<std::shared_ptr<asio::ssl::context>> make_tls(const config::HttpServer& config) {
  if (config.insecure_http) return std::shared_ptr<asio::ssl::context>();
  http::TlsOptions options;
  KBS_TRY(options.certificate_pem, read_file(config.certificate));
  KBS_TRY(std::string key, read_file(config.private_key));
  options.private_key_pem = Secret::from_text(key);
  wipe(key.data(), key.size());
  options.profile = config.tls_profile;
  options.min_version = config.tls_min_version;
  options.max_version = config.tls_max_version;
  options.ciphers = config.tls_ciphers;
  options.groups = config.tls_groups;
  return http::make_tls_context(options);
}

Result<rcar::ChallengeCodec> make_challenge_codec(const config::AttestationService& config) {
  if (config.challenge_key_file.empty()) return rcar::ChallengeCodec::random();
  KBS_TRY(std::string text, read_file(config.challenge_key_file, 4096));
  const Secret key = Secret::from_text(text);
  wipe(text.data(), text.size());
  if (key.size() < 32) {
    return fail(ErrorKind::invalid_request,
                "attestation_service.challenge_key_file: " + config.challenge_key_file +
                    " holds fewer than 32 bytes: make one with "
                    "`openssl rand -out FILE 32`");
  }
  return rcar::ChallengeCodec(key);
}

Result<std::string> initial_policy(const config::Config& config) {
  if (config.policy_path.empty() || ::access(config.policy_path.c_str(), F_OK) != 0)
    return std::string();
  return read_file(config.policy_path, 1u << 20);
}

}  // namespace kbs::server
