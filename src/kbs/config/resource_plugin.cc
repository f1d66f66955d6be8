/// Where the `resource` plugin keeps its resources, in every spelling since v0.5.

#include <cstdlib>

#include "kbs/config/interpret.h"
#include "kbs/config/load.h"

namespace kbs::config {
namespace {

using Kind = ResourceForm::Kind;

void not_yet(Section& section, const std::string& vendor) {
  section.report().not_in_this_build(section.path() + " kept in " + vendor +
                                     "; \"LocalFs\", \"kvstorage\" and [[mounts]] work");
}

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

void read_tree(Section& section, ResourceForm& out) {
  out.kind = Kind::local_fs;
  out.layout = "tree";
  std::string dir;
  section.read("dir_path", dir);
  // Empty: what v0.11 to v0.18 made of an absent key; resources would have landed in the working
  // directory.
  if (!dir.empty()) out.dir_path = dir;
}

std::string default_repository_dir() {
  const char* const dir = std::getenv("KBS_REPOSITORY_DIR");
  return dir != nullptr && *dir != 0 ? dir : kDefaultRepositoryDir;
}

}  // namespace

void check_pkcs11(Section& section) {
  section.require("module");
  section.check_text("module");
  section.check_number("slot_index", 0, 255);
  section.check_secret("pin", true);
}

ResourceForm read_resource_plugin(Section& section, const StorageBackend& storage) {
  ResourceForm out;
  out.where = section.path();
  out.dir_path = default_repository_dir();
  out.said = section.has_any({"type", "storage_backend_type", "dir_path", "layout"});
  const bool old_key = section.has("type"), new_key = section.has("storage_backend_type");
  if (old_key && new_key)
    section.problem("type", "is the old name of storage_backend_type: write only one");
  const auto kind = read_selector(section, new_key ? "storage_backend_type" : "type");
  section.accept("type");
  section.accept("storage_backend_type");

  out.dialect = new_key ? "v0.20 and newer" : "v0.19";
  if (!old_key && !new_key) {
    // Ours: without [storage_backend] the documented directory; with it, what it says.
    out.dialect = "our own";
    if (!storage.present) read_tree(section, out);
  } else if (kind == std::size_t{0}) {
    out.dialect = new_key ? "our own" : "v0.11 to v0.18";
    read_tree(section, out);
  } else if (kind >= std::size_t{2}) {
    const Vendor& vendor = kVendors[*kind - 2];
    vendor.check(section);
    not_yet(section, vendor.name);
    out.kind = Kind::later;
  }
  if (out.kind == Kind::kv) out.layout = "flat";
  if (const auto i = section.read_word("layout", {"tree", "flat"}))
    out.layout = *i == 0 ? "tree" : "flat";
  return out;
}

std::optional<ResourceForm> read_repository_config(Section section) {
  if (!section.present()) return std::nullopt;
  ResourceForm out;
  out.where = section.path();
  out.dir_path = default_repository_dir();
  out.dialect = "before v0.11";
  out.said = true;
  const auto type = section.read_word("type", {"LocalFs", "Aliyun"});
  if (type == std::size_t{1}) {
    check_aliyun(section);
    not_yet(section, "Aliyun");
    out.kind = Kind::later;
  } else {
    read_tree(section, out);
  }
  section.finish();
  return out;
}

}  // namespace kbs::config
