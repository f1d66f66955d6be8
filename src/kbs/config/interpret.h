#pragma once
/// One interpreter for every dialect: what the sections of a file mean. Internal to this folder.

#include <optional>
#include <string>
#include <vector>

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

/// Where the `resource` plugin keeps its resources, in the spellings from before `[[mounts]]`.
struct ResourceForm {
  enum class Kind {
    kv,        ///< the namespace `repository` of `[storage_backend]`
    local_fs,  ///< a directory tree (`type = "LocalFs"`, or `name = "resource"` alone)
    later,     ///< a vendor that this build does not have yet
  } kind = Kind::kv;
  /// Of local_fs; of kv the documented directory, where hand-placed files are looked for as well.
  std::string dir_path = "/opt/confidential-containers/kbs/repository";
  std::string layout;   ///< "tree" or "flat"
  std::string dialect;  ///< the releases whose form it is
  std::string where;    ///< how messages name it: `[[plugins]] "resource"`
  bool said = false;  ///< a key of the form says where; else it is what follows from saying nothing
};
/// A `[[plugins]]` entry named "resource".
ResourceForm read_resource_plugin(Section& section, const StorageBackend& storage);
/// `[repository_config]`, up to v0.10; nullopt when it is not written.
std::optional<ResourceForm> read_repository_config(Section section);
/// Reads the keys of a plugin "pkcs11", which the backend of that name had too.
void check_pkcs11(Section& section);

/// `[[plugins]]`; returns the form of the resource plugin, if it is among them.
std::optional<ResourceForm> read_plugins(Section& top, const StorageBackend& storage,
                                         std::vector<Plugin>& out);

/// `[[mounts]]`, and the default mount that `form` stands for.
void read_mounts(Section& top, const std::optional<ResourceForm>& form,
                 const StorageBackend& storage, std::vector<MountConfig>& out);
/// The default mount of a historical form: the roots and layouts of design decision 8.
MountConfig historic_mount(const ResourceForm& form, const StorageBackend& storage);

/// `[audit]`.
void read_audit(Section section, Audit& out);

/// What a mount is, line by line; no secret in it.
std::vector<std::string> explain_mount(const MountConfig& mount);

}  // namespace kbs::config
