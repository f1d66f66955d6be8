#include "storage/local_fs/local_fs.h"
#include "storage/registry.h"

namespace kbs::storage::local_fs {
namespace {

constexpr std::uint64_t kLeastValue = 1024;
constexpr std::uint64_t kMostValue = 1ull << 32;

}  // namespace

BackendMaker configure(Settings& settings, const BackendTraits& traits) {
  Options options;
  options.versions = traits.versions;
  // `dir_path` is what the reference calls it, in every form of its configuration.
  const char* key = settings.has("dir_path") && !settings.has("path") ? "dir_path" : "path";
  std::string path;
  settings.require(key);
  settings.read(key, path);
  if (settings.has(key) && path.empty()) {
    settings.problem(key, "names no directory: write the path of the resource directory");
  }
  if (settings.has("dir_path") && settings.has("path")) {
    std::string other;
    settings.read("dir_path", other);
    settings.problem("dir_path", "says the same as `path`: leave one of them out");
  }
  options.roots = {{path}};
  if (settings.read_word("layout", {"tree", "flat"}) == std::optional<std::size_t>(1)) {
    options.layout = Layout::flat;
  }
  settings.read("create", options.create);
  settings.read_size("max_value_size", options.max_value_bytes, kLeastValue, kMostValue);
  if (!traits.name_template.empty()) {
    settings.problem("name_template",
                     "local_fs names its files by itself, so that people and older releases find "
                     "them: leave the key out, and choose with `layout`");
  }
  return [options](Services services) -> Result<BackendPtr> { return make(options, services); };
}

}  // namespace kbs::storage::local_fs
