#include "storage/kv/kv_backend.h"
#include "storage/kv/stores.h"
#include "storage/registry.h"

namespace kbs::storage::local_json {
namespace {

constexpr const char* kDefaultDirectory = "/opt/confidential-containers/storage/local_json";
/// How a key looks without any template.
constexpr std::string_view kPlain = "{repository}/{type}/{tag}";

std::optional<NameTemplate> read_names(Settings& settings, const BackendTraits& traits) {
  if (traits.name_template.empty() || traits.name_template == kPlain) return std::nullopt;
  auto names = NameTemplate::compile(traits.name_template, kv::kLocalJsonNames, traits.prefix,
                                     traits.allow_collisions);
  if (names) return std::move(*names);
  settings.problem("name_template", names.error().message);
  return std::nullopt;
}

}  // namespace

BackendMaker configure(Settings& settings, const BackendTraits& traits) {
  KeyValueConfig config{KeyValueType::local_json, kDefaultDirectory};
  if (settings.has("path") && settings.has("file_dir_path")) {
    settings.problem("file_dir_path", "says the same as `path`: leave one of them out");
  }
  settings.read("file_dir_path", config.dir_path);
  settings.read("path", config.dir_path);
  if (config.dir_path.empty()) settings.problem("path", "must name a directory");
  std::string name_space = kv::kResources;
  settings.read("namespace", name_space);
  if (auto fine = kv::check_name_space(name_space); !fine) {
    settings.problem("namespace", fine.error().message);
  }
  auto names = read_names(settings, traits);
  return [config, name_space, names](Services services) -> Result<BackendPtr> {
    KBS_TRY(const KeyValuePtr store, open_key_value(config, name_space, services));
    return kv::make_backend(store, names);
  };
}

}  // namespace kbs::storage::local_json
