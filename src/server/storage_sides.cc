#include "server/storage_sides.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/run.h"
#include "kbs/config/load.h"
#include "server/mounts.h"
#include "storage/registry.h"

namespace kbs::server {
namespace {

using storage::transfer::Side;

/// `kind:path?key=value&…`
struct Spelling {
  std::string kind;
  std::string path;
  std::vector<std::pair<std::string, std::string>> keys;
};

/// What can be opened so: a memory store would be a new one, and empty.
bool is_kind(const storage::BackendKind& kind) { return kind.name != "memory"; }

Result<> check_kind(const Spelling& spelling, const std::string& text) {
  std::string names;
  for (const storage::BackendKind& kind : storage::backend_kinds()) {
    if (!is_kind(kind)) continue;
    if (kind.name == spelling.kind) return {};
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  return fail(ErrorKind::invalid_request, "\"" + text + "\": there is no kind of store \"" +
                                              spelling.kind +
                                              "\" that could be opened so; there are " + names);
}

Result<Spelling> parse(const std::string& text) {
  Spelling out;
  const std::size_t colon = text.find(':');
  const std::size_t question = std::min(text.find('?', colon), text.size());
  out.kind = text.substr(0, colon);
  out.path = percent_decode(text.substr(colon + 1, question - colon - 1));
  KBS_OK(check_kind(out, text));
  if (out.path.empty()) {
    return fail(ErrorKind::invalid_request,
                "\"" + text + "\" names no directory: write " + out.kind + ":DIR");
  }
  for (std::size_t at = question; at < text.size();) {
    const std::size_t end = std::min(text.find('&', at + 1), text.size());
    const std::string pair = text.substr(at + 1, end - at - 1);
    const std::size_t equal = pair.find('=');
    if (equal == std::string::npos || equal == 0) {
      return fail(ErrorKind::invalid_request,
                  "\"" + text + "\": after \"?\" come keys of a mount, as in layout=flat");
    }
    out.keys.emplace_back(pair.substr(0, equal), percent_decode(pair.substr(equal + 1)));
    at = end;
  }
  return out;
}

/// What a configuration with this one mount would say: the interpreter, and its messages, are
/// those of configuration files.
std::string as_configuration(const Spelling& spelling, StorageHost::Use use) {
  json::object mount = {
      {"name", spelling.kind}, {"backend", spelling.kind}, {"path", spelling.path}};
  // A mistyped source is not made.
  if (spelling.kind == "local_fs" && use == StorageHost::Use::read) mount["create"] = false;
  for (const auto& [key, value] : spelling.keys) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos) {
      mount[key] = value;
    } else {
      json::value& table = mount[key.substr(0, dot)];
      if (!table.is_object()) table.emplace_object();
      table.as_object()[key.substr(dot + 1)] = value;
    }
  }
  // What a server would need besides; nothing of it is ever asked for here.
  json::object config = {{"http_server", {{"insecure_http", true}}},
                         {"admin", {{"authorization_mode", "DenyAll"}}},
                         {"attestation_service", {{"type", "None"}}},
                         {"attestation_token", {{"insecure_header_jwk", true}}},
                         {"mounts", json::array{std::move(mount)}}};
  return to_json(config);
}

bool lies_under(const ResourceId& id, const std::string& prefix) {
  return prefix.empty() || id.repository == prefix || id.repository + '/' + id.type == prefix;
}

/// Whether the mount with `prefix` is the one that a server would ask.
std::function<bool(const ResourceId&)> routes_to(const std::string& prefix,
                                                 const config::Config& config) {
  std::vector<std::string> longer;
  for (const config::MountConfig& mount : config.mounts) {
    if (mount.options.prefix.size() > prefix.size()) longer.push_back(mount.options.prefix);
  }
  return [prefix, longer](const ResourceId& id) {
    return lies_under(id, prefix) &&
           std::none_of(longer.begin(), longer.end(),
                        [&id](const std::string& other) { return lies_under(id, other); });
  };
}

Result<const config::MountConfig*> find_mount(const config::Config& config,
                                              const std::string& name) {
  std::string names;
  for (const config::MountConfig& mount : config.mounts) {
    if (mount.options.name == name) {
      if (mount.options.backend != "memory") return &mount;
      return fail(ErrorKind::invalid_request,
                  "mount \"" + name +
                      "\" keeps its resources in the memory of the server: "
                      "nothing outside of it can reach them");
    }
    names += (names.empty() ? "" : ", ") + mount.options.name;
  }
  return fail(ErrorKind::invalid_request, "there is no mount \"" + name +
                                              "\" in the configuration; there " +
                                              (names.empty() ? "is none at all" : "are: " + names));
}

}  // namespace

StorageHost::StorageHost(std::string config_file, std::size_t threads)
    : config_file_(std::move(config_file)), pool_(std::clamp<std::size_t>(threads, 1, 64)) {}

StorageHost::~StorageHost() { pool_.join(); }

storage::Services StorageHost::services() { return {system_files(), system_clock(), pool_}; }

Result<config::Config> StorageHost::load(const std::string& file) const {
  const std::string& name = file.empty() ? config_file_ : file;
  if (name.empty()) {
    return fail(ErrorKind::invalid_request,
                "mounts are those of a configuration: give it by -c FILE, or spell the store out, "
                "as in local_fs:DIR");
  }
  return config::load_file(name);
}

Result<Side> StorageHost::open(const std::string& text, const std::string& config_file, Use use) {
  Side side;
  config::Config config;
  const bool spelled = text.find(':') != std::string::npos;
  std::string name = text;
  if (spelled) {
    KBS_TRY(const Spelling spelling, parse(text));
    KBS_TRY(config, config::load_text(as_configuration(spelling, use), "json", text));
    name = spelling.kind;
  } else {
    KBS_TRY(config, load(config_file));
  }
  KBS_TRY(const config::MountConfig* found, find_mount(config, name));
  config::MountConfig mount = *found;
  mount.options.cache.reset();  // what counts is what is in the store
  KBS_TRY(storage::Mount opened, open_mount(mount, services(), nullptr));
  side.backend = std::move(opened.backend);
  side.name = spelled ? text : "mount \"" + text + '"';
  side.serves = routes_to(mount.options.prefix, config);
  return side;
}

Result<std::shared_ptr<storage::encrypted::Encrypted>> StorageHost::open_encrypted(
    const std::string& name) {
  KBS_TRY(const config::Config config, load(""));
  KBS_TRY(const config::MountConfig* mount, find_mount(config, name));
  if (!mount->options.encryption) {
    return fail(ErrorKind::invalid_request,
                "mount \"" + name + "\" is not encrypted: there is no [mounts.encryption]");
  }
  KBS_TRY(storage::BackendPtr raw, mount->make(services()));
  return run_to_end(
      storage::encrypted::make(std::move(raw), *mount->options.encryption, services(), name));
}

Result<std::string> StorageHost::directory(const std::string& text) {
  if (text.find(':') == std::string::npos) {
    return fail(ErrorKind::invalid_request,
                "a layout is changed in a directory: write --from local_fs:DIR");
  }
  KBS_TRY(Spelling spelling, parse(text));
  if (spelling.kind != "local_fs" || !spelling.keys.empty()) {
    return fail(ErrorKind::invalid_request,
                "\"" + text + "\": a layout is changed in a directory: write local_fs:DIR");
  }
  return std::move(spelling.path);
}

}  // namespace kbs::server
