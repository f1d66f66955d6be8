#pragma once
/// One interpreter for every dialect: what the sections of a file mean. Internal to this folder.

#include <optional>
#include <string>

#include "kbs/config/config.h"
#include "kbs/config/section.h"

namespace kbs::config {

/// `[http_server]`.
void read_http_server(Section section, HttpServer& out);
/// Whether "ip:port" names an address of this machine only; nullopt when it is no address at all.
std::optional<bool> is_loopback(const std::string& socket);

/// `[attestation_token]`.
void read_attestation_token(Section section, AttestationToken& out);
/// Checks a path, `file://…` or `https://…` that names keys; `what` tells the setting.
void check_key_source(Section& section, const std::string& key, const std::string& source);

/// `[storage_backend]`, and which of its tables are written.
struct StorageTables {
  bool local_fs = false, local_json = false, postgres = false, redis = false;
};
StorageTables read_storage_backend(Section section, StorageBackend& out);
/// A key that names a key-value store ("LocalFs", "local_fs" …); its table must be among `tables`.
std::optional<storage::KeyValueType> read_storage_type(Section& section, const std::string& key,
                                                       const StorageTables& tables);

/// `[attestation_service]`.
void read_attestation_service(Section section, const StorageTables& tables,
                              AttestationService& out);

/// `[admin]`; returns the releases whose form it is.
std::string read_admin(Section section, Admin& out);

/// `[[plugins]]`; returns the releases whose form the resource plugin has, or "".
std::string read_plugins(Section& top, const StorageBackend& storage, std::vector<Plugin>& out);

/// `[audit]`.
void read_audit(Section section, Audit& out);

/// The directory of KBS_REPOSITORY_DIR, or the documented one.
std::string default_repository_dir();

}  // namespace kbs::config
