#include "server/assemble.h"

#include <unistd.h>

#include "attestation/embedded/embedded.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/run.h"
#include "kbs/plugins/resource.h"
#include "kbs/plugins/sample.h"
#include "storage/local_fs/local_fs.h"
#include "storage/memory/memory.h"

namespace kbs::server {
namespace {

constexpr const char* kDefaultRoot = "/opt/confidential-containers/kbs/repository";

std::string last_component(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

/// Design decision 8: the roots of the v0.19+ form, in their order, so that every documented recipe
/// works.
storage::local_fs::Options key_value_roots(const config::StorageBackend& config,
                                           const std::string& layout) {
  storage::local_fs::Options options;
  options.layout =
      layout == "tree" ? storage::local_fs::Layout::tree : storage::local_fs::Layout::flat;
  options.roots.push_back({config.local_fs_dir + "/repository", true, true});
  if (last_component(config.local_fs_dir) == "repository")
    options.roots.push_back({config.local_fs_dir, true, false});
  if (config.local_fs_dir + "/repository" != kDefaultRoot && config.local_fs_dir != kDefaultRoot) {
    options.roots.push_back({kDefaultRoot, true, true});
  }
  return options;
}

Result<storage::BackendPtr> make_backend(const config::Config& config,
                                         const config::ResourcePlugin& plugin,
                                         storage::Services services) {
  if (plugin.kind == config::ResourcePlugin::Kind::local_fs) {
    storage::local_fs::Options options;
    options.roots.push_back({plugin.dir_path, true, true});
    options.layout =
        plugin.layout == "flat" ? storage::local_fs::Layout::flat : storage::local_fs::Layout::tree;
    return storage::local_fs::make(options, services);
  }
  switch (config.storage_backend.type) {
    case storage::KeyValueType::memory:
      return storage::memory::make({}, services.clock);
    case storage::KeyValueType::local_fs:
      return storage::local_fs::make(key_value_roots(config.storage_backend, plugin.layout),
                                     services);
    case storage::KeyValueType::local_json:
      break;
  }
  return fail(ErrorKind::unsupported,
              "resources in storage_type = \"LocalJson\" are not in this build yet: use "
              "\"LocalFs\" or \"Memory\"");
}

}  // namespace

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

Result<std::vector<plugins::PluginPtr>> make_plugins(const config::Config& config,
                                                     metrics::Metrics& metrics,
                                                     storage::Services services) {
  std::vector<plugins::PluginPtr> all;
  for (const config::Plugin& plugin : config.plugins) {
    if (const auto* resource = std::get_if<config::ResourcePlugin>(&plugin)) {
      KBS_TRY(storage::BackendPtr backend, make_backend(config, *resource, services));
      all.push_back(plugins::make_resource(std::move(backend), metrics));
    } else {
      all.push_back(plugins::make_sample());
    }
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
