#pragma once
/// The configuration, typed: what every dialect from v0.11 to v0.21 and our own form boil down to.
/// Facts: spec/config.md. Loading is in `load.h`.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "attestation/embedded/embedded.h"
#include "storage/key_value.h"
#include "storage/mounts/mounts.h"

namespace kbs::config {

struct HttpServer {
  std::vector<std::string> sockets = {"127.0.0.1:8080"};
  bool insecure_http = false;
  std::string private_key;  ///< path, PEM
  std::string certificate;  ///< path, PEM chain
  std::uint64_t payload_request_bytes = 2u << 20;
  unsigned worker_count = 0;  ///< 0: one per CPU
  std::string tls_profile = "intermediate", tls_min_version, tls_max_version, tls_ciphers,
              tls_groups;
  bool trustee_errors = false;  ///< error_mode = "trustee"; default "precise"
};

struct AttestationToken {
  std::vector<std::string> trusted_certs_paths;
  std::vector<std::string>
      trusted_jwk_sets;  ///< paths or file:// (https with remote attestation: refused now)
  std::vector<std::string> extra_teekey_paths;
  bool insecure_header_jwk = false;
  /// The tokens of our own embedded service are enough (only `kbs --dev`): a configuration file
  /// must name trust material, so that nobody deploys a server that believes nobody else without
  /// having said so.
  bool own_service_suffices = false;
};

struct AttestationService {
  /// `none` is a resource-only server. The remote kinds are parsed so that `config check` can
  /// explain them; this build refuses to start with them until the remote-attestation issue is
  /// done.
  enum class Type { embedded, none, coco_as_grpc, intel_ta } type = Type::embedded;
  std::int64_t timeout_minutes = 5;
  std::string challenge_key_file;  ///< 32 bytes or more; "" = random per process
  attestation::embedded::TokenBrokerOptions broker;
  std::optional<storage::KeyValueType> policy_storage;     ///< attestation_service.storage_type
  std::optional<storage::KeyValueType> reference_storage;  ///< rvps_config.storage_type
  std::string reference_file;  ///< historic rvps_config.storage.file_path: taken over at start when
                               ///< present
  std::string
      policy_dir;  ///< historic directory of attestation policies, read at start when present
};

/// One way of naming administrators.
struct IdentityProvider {
  std::optional<std::string> issuer, audience;
  std::string public_key_uri, jwk_set_uri;
  /// Legacy personas and single keys: the role is fixed by the configuration, no `role` claim is
  /// needed, and only EdDSA is accepted.
  std::optional<std::string> fixed_role;
  std::int64_t leeway_seconds = 60;
};
struct AclRule {
  std::string role;
  std::string allowed_endpoints;     ///< regex, begins "^/kbs", ends "$"
  std::vector<std::string> methods;  ///< empty: all
};
struct Admin {
  enum class Mode { allow_all, deny_all, authenticated } mode = Mode::deny_all;
  std::vector<IdentityProvider> providers;
  std::vector<AclRule> acls;
  bool acls_grant_all =
      false;  ///< legacy forms without roles: whoever is authenticated may do everything
};

/// `[storage_backend]`: the key-value layer, and resources when the plugin asks for kvstorage.
struct StorageBackend {
  storage::KeyValueType type = storage::KeyValueType::memory;
  std::string local_fs_dir = "/opt/confidential-containers/storage/local_fs";
  std::string local_json_dir = "/opt/confidential-containers/storage/local_json";
  bool present = false;  ///< the section was written
};

/// The plugin `resource`: it serves `Config::mounts`.
struct ResourcePlugin {};
struct SamplePlugin {
  std::string item;
};
using Plugin = std::variant<ResourcePlugin, SamplePlugin>;

/// One `[[mounts]]`, or what a historical spelling of the resource plugin means.
struct MountConfig {
  storage::MountOptions options;
  storage::BackendMaker make;  ///< opens the backend; blocks
  /// The backend's own keys as they were understood, for people: no secret among them.
  std::vector<std::pair<std::string, std::string>> settings;
};

struct Audit {
  enum class Sink { file, standard_output, none } sink = Sink::standard_output;
  std::string path;
  bool sync_every_write = false;  ///< sync = "write"; default "batch"
  bool deny_on_failure = true;    ///< on_failure = "deny" | "allow"
};

struct Config {
  std::string source;   ///< file name, or "--dev"
  std::string dialect;  ///< which releases' spellings were met, for `explain`
  /// `log_level`: a filter as RUST_LOG holds it, for when that variable is not set; "" = info.
  std::string log_level;
  HttpServer http_server;
  AttestationToken attestation_token;
  AttestationService attestation_service;
  Admin admin;
  StorageBackend storage_backend;
  std::optional<storage::KeyValueType> session_storage;
  std::vector<Plugin> plugins;
  std::vector<MountConfig> mounts;  ///< where the resource plugin keeps its resources
  Audit audit;
  std::string policy_path;  ///< historic [policy_engine] policy_path: loaded as the policy if the
                            ///< file exists
  std::vector<std::string>
      warnings;  ///< what was understood differently from what a reader may think
  /// Asked for, understood, and not in this build yet: `load_file` refuses when there is any;
  /// `understand_file` keeps them for `kbs config check`.
  std::vector<std::string> missing_from_build;
};

}  // namespace kbs::config
