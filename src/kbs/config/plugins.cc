#include <cstdlib>
#include <set>

#include "kbs/config/interpret.h"
#include "kbs/config/load.h"

namespace kbs::config {
namespace {

void not_yet(Section& section, const std::string& what) {
  section.report().not_in_this_build(
      section.path() + " " + what +
      "; of the plugins \"resource\" (type \"LocalFs\" or \"kvstorage\") and \"sample\" work");
}

// --- resource ---

void check_aliyun(Section& section) {
  section.check_secret("client_key", true);
  section.require("kms_instance_id");
  section.check_text("kms_instance_id");
  section.check_secret("password", true);
  section.check_secret("cert_pem", true);
}
void check_aws(Section& section) {
  section.check_text("region");
  section.check_text("endpoint_url");
}
void check_gcp(Section& section) {
  section.require("project_id");
  section.check_text("project_id");
  section.check_text("endpoint_url");
}
void check_vault(Section& section) {
  section.require("vault_url");
  section.check_text("vault_url");
  section.check_secret("token", true);
  section.check_text("mount_path");
  section.check_flag("verify_ssl");
  section.check_texts("ca_certs");
}
void check_pkcs11(Section& section) {
  section.require("module");
  section.check_text("module");
  section.check_number("slot_index", 0, 255);
  section.check_secret("pin", true);
}

struct Vendor {
  const char* name;
  void (*check)(Section&);
};
constexpr Vendor kVendors[] = {{"Aliyun", check_aliyun},
                               {"Aws", check_aws},
                               {"Gcp", check_gcp},
                               {"Vault", check_vault},
                               {"Pkcs11", check_pkcs11}};

/// The words of the selector, in pairs: LocalFs, KvStorage, then `kVendors`.
std::optional<std::size_t> read_selector(Section& section, const std::string& key) {
  const auto word =
      section.read_word(key, {"LocalFs", "local_fs", "KvStorage", "kvstorage", "Aliyun", "aliyun",
                              "Aws", "aws", "Gcp", "gcp", "Vault", "vault", "Pkcs11", "pkcs11"});
  return word ? std::optional(*word / 2) : std::nullopt;
}

void read_tree(Section& section, ResourcePlugin& out) {
  out.kind = ResourcePlugin::Kind::local_fs;
  out.layout = "tree";
  std::string dir;
  section.read("dir_path", dir);
  // Empty: what v0.11 to v0.18 made of an absent key; resources would have landed in the working
  // directory.
  if (!dir.empty()) out.dir_path = dir;
}

std::string read_resource(Section& section, const StorageBackend& storage, ResourcePlugin& out) {
  out.dir_path = default_repository_dir();
  const bool old_key = section.has("type"), new_key = section.has("storage_backend_type");
  if (old_key && new_key)
    section.problem("type", "is the old name of storage_backend_type: write only one");
  const auto kind = read_selector(section, new_key ? "storage_backend_type" : "type");
  section.accept("type");
  section.accept("storage_backend_type");

  std::string dialect = new_key ? "v0.20 and newer" : "v0.19";
  if (!old_key && !new_key) {
    // Ours: without [storage_backend] the documented directory; with it, what it says.
    dialect = "our own";
    if (!storage.present) read_tree(section, out);
  } else if (kind == std::size_t{0}) {
    dialect = new_key ? "our own" : "v0.11 to v0.18";
    read_tree(section, out);
  } else if (kind >= std::size_t{2}) {
    const Vendor& vendor = kVendors[*kind - 2];
    vendor.check(section);
    not_yet(section, std::string("kept in ") + vendor.name);
  }
  if (out.kind == ResourcePlugin::Kind::kv) out.layout = "flat";
  if (const auto i = section.read_word("layout", {"tree", "flat"}))
    out.layout = *i == 0 ? "tree" : "flat";
  if (out.kind == ResourcePlugin::Kind::kv && storage.type == storage::KeyValueType::memory &&
      (kind == std::size_t{1} || !kind)) {
    section.warn("keeps its resources in memory: they are gone when the server stops");
  }
  return dialect;
}

// --- plugins of later builds ---

void check_nebula(Section& section) {
  section.check_text("work_dir");
  section.check_text("nebula_cert_bin_path");
  for (const char* const name : {"ca_config", "self_signed_ca"}) {
    Section ca = section.table(name);
    for (const char* const key :
         {"name", "curve", "duration", "groups", "ips", "out_qr", "subnets"}) {
      ca.check_text(key);
    }
    for (const char* const key : {"argon_iterations", "argon_memory", "argon_parallelism"}) {
      ca.check_number(key, 0, 0xffffffff);
    }
    ca.finish();
  }
  if (section.has("self_signed_ca")) section.warn("\"self_signed_ca\" is read as ca_config");
}

void check_external_backend(Section& backend, std::set<std::string>& names) {
  std::string name, endpoint;
  backend.require("name");
  backend.read("name", name);
  if (!name.empty() && !names.insert(name).second) backend.problem("name", "is used twice");
  backend.require("endpoint");
  backend.read("endpoint", endpoint);
  const bool tls = endpoint.starts_with("https://");
  if (backend.has("endpoint") && !tls && !endpoint.starts_with("http://")) {
    backend.problem("endpoint", "must begin with http:// or https://");
  }
  backend.check_text("ca_cert_path");
  if (tls) backend.require("ca_cert_path");
  backend.check_number("timeout_ms", 1, 86'400'000);
  const auto mode = backend.read_word("tls_mode", {"tls", "insecure"});
  if (mode && (*mode == 0) != tls) {
    backend.problem("tls_mode", "contradicts the scheme of endpoint, which decides; leave it out");
  }
  backend.finish();
}

void check_external(Section& section) {
  std::set<std::string> names;
  auto backends = section.tables("backends");
  if (backends.empty()) section.problem("backends", "must name at least one");
  for (Section& backend : backends) check_external_backend(backend, names);
}

void check_pkcs11_plugin(Section& section) {
  check_pkcs11(section);
  (void)section.read_word("rsa_mechanism", {"RsaPkcsOaep", "RsaPkcsTest"});
  section.check_text("lookup_label");
}

void check_provisioner(Section& section) { section.check_number("key_length", 1, 4096); }

struct Later {
  const char* name;
  void (*check)(Section&);
};
constexpr Later kLater[] = {{"nebula-ca", check_nebula},
                            {"pkcs11", check_pkcs11_plugin},
                            {"external", check_external},
                            {"provisioner", check_provisioner}};

void read_sample(Section& section, SamplePlugin& out) {
  section.require("item");
  section.read("item", out.item);
}

}  // namespace

std::string default_repository_dir() {
  const char* const dir = std::getenv("KBS_REPOSITORY_DIR");
  return dir != nullptr && *dir != 0 ? dir : kDefaultRepositoryDir;
}

std::string read_plugins(Section& top, const StorageBackend& storage, std::vector<Plugin>& out) {
  std::string dialect;
  std::set<std::size_t> seen;
  for (Section& section : top.tables("plugins")) {
    section.rename("[[plugins]]");
    section.require("name");
    // Either spelling of each; the pairs are resource, sample, then `kLater`.
    const auto word = section.read_word(
        "name", {"resource", "ResourceStorage", "sample", "Sample", "nebula-ca", "NebulaCaPlugin",
                 "pkcs11", "Pkcs11", "external", "ExternalPlugin", "provisioner", "Provisioner"});
    if (!word) continue;
    const std::size_t kind = *word / 2;
    const char* const name = kind == 0 ? "resource" : kind == 1 ? "sample" : kLater[kind - 2].name;
    section.rename(std::string("[[plugins]] \"") + name + "\"");
    if (!seen.insert(kind).second) {
      section.problem("appears twice; the reference would silently drop the first: write one");
    }
    if (kind == 0) {
      ResourcePlugin plugin;
      dialect = read_resource(section, storage, plugin);
      out.emplace_back(std::move(plugin));
    } else if (kind == 1) {
      SamplePlugin plugin;
      read_sample(section, plugin);
      out.emplace_back(std::move(plugin));
    } else {
      kLater[kind - 2].check(section);
      not_yet(section, "");
    }
    section.finish();
  }
  return dialect;
}

}  // namespace kbs::config
