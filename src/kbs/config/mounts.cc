/// `[[mounts]]`: which backend keeps which resources.

#include <algorithm>

#include "kbs/config/interpret.h"
#include "resource/resource_id.h"
#include "storage/registry.h"

namespace kbs::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::size_t kMostMounts = 64;
constexpr std::uint64_t kKiB = 1u << 10;

/// One entry while it is being read.
struct Entry {
  Section section;
  MountConfig mount;
  const storage::BackendKind* kind = nullptr;
  std::string name;  ///< as written
};

std::span<const std::string_view> kind_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const storage::BackendKind& kind : storage::backend_kinds()) names.push_back(kind.name);
    return names;
  }();
  return kNames;
}

/// A name goes into metrics, command lines and messages.
bool is_mount_name(std::string_view name) { return name.size() <= 64 && is_resource_segment(name); }

bool is_prefix(std::string_view prefix) {
  if (prefix.empty()) return true;
  const std::size_t slash = prefix.find('/');
  if (slash == std::string_view::npos) return is_resource_segment(prefix);
  return is_resource_segment(prefix.substr(0, slash)) &&
         is_resource_segment(prefix.substr(slash + 1));
}

void read_identity(Entry& entry) {
  Section& section = entry.section;
  storage::MountOptions& options = entry.mount.options;
  section.read("name", entry.name);
  section.read("repository", options.prefix);
  section.require("backend");
  if (const auto i = section.read_listed("backend", kind_names())) {
    entry.kind = &storage::backend_kinds()[*i];
    options.backend = entry.kind->name;
  }
  if (section.has("name") && !is_mount_name(entry.name)) {
    section.problem("name",
                    "must be up to 64 letters, digits, '_', '-' and '.', not beginning with '.'");
  }
  if (!is_prefix(options.prefix)) {
    section.problem("repository",
                    "must be a repository, \"repository/type\", or \"\" for all that no other "
                    "mount takes: segments of letters, digits, '_', '-' and '.', none beginning "
                    "with '.'");
  }
  if (options.prefix.substr(0, options.prefix.find('/')) == storage::encrypted::kOwnRepository) {
    section.problem("repository", "\"" + std::string(storage::encrypted::kOwnRepository) +
                                      "\" is where encryption keeps its own records");
  }
}

/// The name that an entry without one would like to have.
std::string second_choice(const std::string& prefix) {
  std::string name = prefix.empty() ? "default" : prefix;
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

/// Whoever has no name is called after the backend, or after the prefix where several have that
/// backend.
void give_names(std::vector<Entry>& entries) {
  const auto taken = [&entries](const std::string& name, const Entry& by) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry& other) {
      if (&other == &by) return false;
      return other.name.empty() ? other.mount.options.backend == name : other.name == name;
    });
  };
  for (Entry& entry : entries) {
    storage::MountOptions& options = entry.mount.options;
    options.name = entry.name;
    if (entry.name.empty()) {
      const bool free = !options.backend.empty() && !taken(options.backend, entry);
      options.name = free ? options.backend : second_choice(options.prefix);
    }
    options.traits.mount = options.name;
    options.traits.prefix = options.prefix;
    entry.section.rename("[[mounts]] \"" + options.name + "\"");
  }
}

std::string at_line(const Entry& entry) {
  const int line = entry.section.line();
  return line > 0 ? " (line " + std::to_string(line) + ")" : "";
}

void refuse_twins(const std::vector<Entry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) {
    const storage::MountOptions& later = entries[i].mount.options;
    bool name = false, prefix = false;
    for (std::size_t j = 0; j < i; ++j) {
      const storage::MountOptions& earlier = entries[j].mount.options;
      if (!name && later.name == earlier.name) {
        name = true;
        entries[i].section.problem("name", "\"" + later.name + "\" is the name of another mount" +
                                               at_line(entries[j]) + ": each needs its own");
      }
      if (!prefix && later.prefix == earlier.prefix) {
        prefix = true;
        entries[i].section.problem("repository", "\"" + later.prefix + "\" belongs to mount \"" +
                                                     earlier.name + "\"" + at_line(entries[j]) +
                                                     " already: one of them must go elsewhere");
      }
    }
  }
}

void read_cache(Section section, storage::MountOptions& out) {
  if (!section.present()) return;
  storage::cached::Options& cache = out.cache.emplace();
  section.read_duration("ttl", cache.ttl, 1ms, 24h);
  section.read_duration("negative_ttl", cache.negative_ttl, 0ms, 24h);
  section.read_duration("stale_on_error", cache.stale_on_error, 0ms, 7 * 24h);
  section.read_size("max_size", cache.max_bytes, 64 * kKiB, 1024 * kKiB * kKiB * kKiB);
  section.finish();
}

/// Key files and passphrases that may still open older values.
void read_previous(Section& section, storage::encrypted::Options& out) {
  std::vector<std::string> files;
  section.read("previous_key_files", files);
  for (std::string& file : files) {
    if (file.empty()) section.problem("previous_key_files", "an item is empty");
    storage::encrypted::KekSource source;
    source.key_file = std::move(file);
    out.previous.push_back(std::move(source));
  }
  storage::encrypted::KekSource source;
  section.read_secret("previous_passphrase", source.passphrase);
  if (source.passphrase) out.previous.push_back(std::move(source));
}

void read_encryption(Section section, storage::MountOptions& out) {
  if (!section.present()) return;
  storage::encrypted::Options& encryption = out.encryption.emplace();
  section.read("key_file", encryption.key.key_file);
  section.read_secret("passphrase", encryption.key.passphrase);
  const bool passphrase = section.has_any({"passphrase", "passphrase_file", "passphrase_env"});
  if (section.has("key_file") == passphrase) {
    section.problem(passphrase
                        ? "key_file and passphrase exclude each other: write one of them; the "
                          "earlier one goes into previous_key_files or previous_passphrase"
                        : "needs a key: key_file (32 bytes, from `openssl rand -out FILE 32`) or "
                          "passphrase_file");
  } else if (!passphrase && encryption.key.key_file.empty()) {
    section.problem("key_file", "must name a file");
  }
  const auto& text = encryption.key.passphrase;
  if (text && text->kind == storage::SecretSource::Kind::text && text->text->empty()) {
    section.problem("passphrase", "must not be empty");
  }
  read_previous(section, encryption);
  section.read("accept_plaintext", encryption.accept_plaintext);
  section.read("manifest", encryption.manifest);
  section.finish();
  if (encryption.accept_plaintext) {
    section.warn(
        "accept_plaintext: whoever can write into the store can put values there that are served "
        "as if they were ours; leave it out once everything is encrypted (`kbs storage rewrap`)");
  }
  if (!encryption.manifest) {
    section.warn(
        "manifest = false: an older value put back into the store, or one removed, goes unnoticed");
  }
}

void read_behaviour(Entry& entry) {
  Section& section = entry.section;
  storage::MountOptions& options = entry.mount.options;
  section.read("read_only", options.read_only);
  section.read("guest_versions", options.guest_versions);
  section.read("keep_deleted", options.keep_deleted);
  section.read_duration("timeout", options.timeout, 10ms, 10min);
  std::int64_t versions = options.traits.versions;
  section.read("versions", versions, 0, 10'000);
  options.traits.versions = static_cast<unsigned>(versions);
  section.read("name_template", options.traits.name_template);
  section.read("allow_name_collisions", options.traits.allow_collisions);
  read_cache(section.table("cache"), options);
  read_encryption(section.table("encryption"), options);
  if (options.keep_deleted && versions == 0) {
    section.problem("keep_deleted", "needs versions above 0: what is kept is an earlier version");
  }
}

/// The keys that every mount has; what else was asked for is the backend's.
bool is_common(const std::string& key) {
  static constexpr std::string_view kCommon[] = {
      "name",         "repository", "backend", "read_only",     "guest_versions",
      "keep_deleted", "versions",   "timeout", "name_template", "allow_name_collisions"};
  return std::find(std::begin(kCommon), std::end(kCommon), key) != std::end(kCommon);
}

void read_backend(Entry& entry) {
  if (entry.kind == nullptr) return;  // its other keys cannot be judged
  entry.mount.make = entry.kind->configure(entry.section, entry.mount.options.traits);
  for (auto& setting : entry.section.settings()) {
    if (!is_common(setting.first)) entry.mount.settings.push_back(std::move(setting));
  }
  entry.section.finish();
}

std::vector<Entry> read_entries(Section& top) {
  std::vector<Entry> entries;
  for (Section& section : top.tables("mounts", true)) {
    section.rename("[[mounts]]");
    entries.push_back({std::move(section), {}, nullptr, {}});
    read_identity(entries.back());
  }
  if (entries.size() > kMostMounts) {
    top.problem("mounts", "at most " + std::to_string(kMostMounts) + " mounts are kept apart");
    entries.clear();
  }
  return entries;
}

/// The default mount of the plugin's own form, unless a mount for everything is written as well.
void add_historic(Section& top, const ResourceForm& form, const StorageBackend& storage,
                  const std::vector<Entry>& entries, std::vector<MountConfig>& out) {
  if (form.kind == ResourceForm::Kind::later) return;
  MountConfig mount = historic_mount(form, storage);
  for (const Entry& entry : entries) {
    const storage::MountOptions& options = entry.mount.options;
    if (options.prefix.empty()) {
      if (!form.said) return;  // `name = "resource"` alone only says that resources are served
      entry.section.problem("repository", "\"\" is the default mount, and so is what " +
                                              form.where +
                                              " names: remove its type, dir_path and layout, or "
                                              "this mount");
      return;
    }
    if (options.name == mount.options.name) {
      entry.section.problem("name", "\"" + options.name + "\" is what the mount of " + form.where +
                                        " is called: choose another");
    }
  }
  if (mount.options.backend == "memory") {
    top.warn(form.where + " keeps its resources in memory: they are gone when the server stops");
  }
  out.push_back(std::move(mount));
}

}  // namespace

void read_mounts(Section& top, const std::optional<ResourceForm>& form,
                 const StorageBackend& storage, std::vector<MountConfig>& out) {
  std::vector<Entry> entries = read_entries(top);
  give_names(entries);
  refuse_twins(entries);
  for (Entry& entry : entries) {
    read_behaviour(entry);
    read_backend(entry);
  }
  if (form) add_historic(top, *form, storage, entries, out);
  for (Entry& entry : entries) out.push_back(std::move(entry.mount));
}

}  // namespace kbs::config
