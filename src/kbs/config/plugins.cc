#include <set>

#include "kbs/config/interpret.h"

namespace kbs::config {
namespace {

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

std::optional<ResourceForm> read_plugins(Section& top, const StorageBackend& storage,
                                         std::vector<Plugin>& out) {
  std::optional<ResourceForm> form;
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
      form = read_resource_plugin(section, storage);
      out.emplace_back(ResourcePlugin{});
    } else if (kind == 1) {
      SamplePlugin plugin;
      read_sample(section, plugin);
      out.emplace_back(std::move(plugin));
    } else {
      kLater[kind - 2].check(section);
      section.report().not_in_this_build(
          section.path() +
          "; of the plugins \"resource\" (type \"LocalFs\" or \"kvstorage\", or "
          "[[mounts]]) and \"sample\" work");
    }
    section.finish();
  }
  return form;
}

}  // namespace kbs::config
