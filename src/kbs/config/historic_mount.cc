#include "kbs/config/interpret.h"
#include "storage/kv/kv_backend.h"
#include "storage/local_fs/local_fs.h"
#include "storage/memory/memory.h"

namespace kbs::config {
namespace {

namespace local_fs = storage::local_fs;

/// Design decision 8: the roots of the v0.19+ form, in their order, so that every documented recipe
/// works. `documented` is the directory that the documentation names.
std::vector<local_fs::Root> key_value_roots(std::string dir, const std::string& documented) {
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  std::vector<local_fs::Root> roots;
  roots.push_back({dir + "/repository", true, true});
  if (dir.substr(dir.rfind('/') + 1) == "repository") roots.push_back({dir, true, false});
  if (dir + "/repository" != documented && dir != documented) {
    roots.push_back({documented, true, true});
  }
  return roots;
}

void in_directories(std::vector<local_fs::Root> roots, const std::string& layout,
                    MountConfig& out) {
  local_fs::Options options;
  options.roots = std::move(roots);
  options.layout = layout == "flat" ? local_fs::Layout::flat : local_fs::Layout::tree;
  options.versions = out.options.traits.versions;
  out.options.backend = "local_fs";
  std::string dirs;
  for (const local_fs::Root& root : options.roots)
    dirs += (dirs.empty() ? "" : ", then ") + root.path;
  out.settings = {{"directory", dirs}, {"layout", layout}};
  out.make = [options](storage::Services services) { return local_fs::make(options, services); };
}

void in_memory(MountConfig& out) {
  out.options.backend = "memory";
  storage::memory::Options options;
  options.versions = out.options.traits.versions;
  out.make = [options](storage::Services services) -> Result<storage::BackendPtr> {
    return storage::memory::make(options, services.clock);
  };
}

void in_json(const std::string& dir, MountConfig& out) {
  out.options.backend = "local_json";
  out.options.traits.versions = 0;  // the file has no room for history
  out.settings = {{"file", dir + "/repository"}};
  const storage::KeyValueConfig config{storage::KeyValueType::local_json, dir};
  out.make = [config](storage::Services services) -> Result<storage::BackendPtr> {
    KBS_TRY(const storage::KeyValuePtr store,
            storage::open_key_value(config, "repository", services));
    return storage::kv::make_backend(store);
  };
}

}  // namespace

MountConfig historic_mount(const ResourceForm& form, const StorageBackend& storage) {
  MountConfig out;
  out.options.name = "default";
  out.options.traits.mount = "default";
  if (form.kind == ResourceForm::Kind::local_fs) {
    in_directories({{form.dir_path, true, true}}, form.layout, out);
    return out;
  }
  switch (storage.type) {
    case storage::KeyValueType::memory:
      in_memory(out);
      break;
    case storage::KeyValueType::local_fs:
      in_directories(key_value_roots(storage.local_fs_dir, form.dir_path), form.layout, out);
      break;
    case storage::KeyValueType::local_json:
      in_json(storage.local_json_dir, out);
      break;
  }
  return out;
}

}  // namespace kbs::config
