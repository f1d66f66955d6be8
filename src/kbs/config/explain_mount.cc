#include "kbs/config/interpret.h"
#include "kbs/config/quantity.h"

namespace kbs::config {
namespace {

std::string takes(const std::string& prefix) {
  return prefix.empty() ? "all that no other mount takes" : prefix + "/…";
}

std::string history(const storage::MountOptions& options) {
  const unsigned versions = options.traits.versions;
  if (versions == 0) return "no earlier versions are kept";
  std::string out = "up to " + std::to_string(versions) +
                    " earlier versions of each resource, if " + options.backend + " has history";
  if (options.keep_deleted) out += ", also of deleted ones";
  if (options.guest_versions) out += "; guests may ask for them";
  return out;
}

std::string cache(const storage::cached::Options& options) {
  std::string out = "cached for " + duration_text(options.ttl);
  if (options.negative_ttl.count() > 0)
    out += ", absence for " + duration_text(options.negative_ttl);
  if (options.stale_on_error.count() > 0) {
    out +=
        ", served for " + duration_text(options.stale_on_error) + " more while the backend is down";
  }
  return out + ", in " + size_text(options.max_bytes);
}

std::string key(const storage::encrypted::KekSource& source) {
  using Kind = storage::SecretSource::Kind;
  if (!source.passphrase) return "the key in " + source.key_file;
  switch (source.passphrase->kind) {
    case Kind::text:
      return "a passphrase written here";
    case Kind::file:
      return "the passphrase in " + source.passphrase->name;
    case Kind::environment:
      break;
  }
  return "the passphrase in $" + source.passphrase->name;
}

std::string encryption(const storage::encrypted::Options& options) {
  std::string out = "encrypted under " + key(options.key);
  for (const storage::encrypted::KekSource& source : options.previous)
    out += ", earlier " + key(source);
  out += options.manifest ? "; checked against its manifest" : "; WITHOUT a manifest";
  return out + (options.accept_plaintext ? "; PLAINTEXT IS SERVED too" : "");
}

}  // namespace

std::vector<std::string> explain_mount(const MountConfig& mount) {
  const storage::MountOptions& options = mount.options;
  std::vector<std::string> lines;
  lines.push_back(takes(options.prefix) + ", in " + options.backend +
                  (options.read_only ? ", read-only" : "") + ", each call within " +
                  duration_text(options.timeout));
  for (const auto& [name, value] : mount.settings) lines.push_back(name + " = " + value);
  lines.push_back(history(options));
  if (!options.traits.name_template.empty()) {
    lines.push_back("names there: " + options.traits.name_template +
                    (options.traits.allow_collisions ? ", collisions accepted" : ""));
  }
  if (options.cache) lines.push_back(cache(*options.cache));
  if (options.encryption) lines.push_back(encryption(*options.encryption));
  return lines;
}

}  // namespace kbs::config
