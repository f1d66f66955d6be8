#include "storage/memory/memory.h"
#include "storage/registry.h"

namespace kbs::storage::memory {
namespace {

constexpr std::uint64_t kLeastRoom = 64u << 10;
constexpr std::uint64_t kMostRoom = 1ull << 40;

}  // namespace

BackendMaker configure(Settings& settings, const BackendTraits& traits) {
  Options options;
  options.versions = traits.versions;
  settings.read_size("max_size", options.max_total_bytes, kLeastRoom, kMostRoom);
  if (!traits.name_template.empty()) {
    settings.problem("name_template",
                     "memory keeps every resource under its own name: leave the key out");
  }
  return
      [options](Services services) -> Result<BackendPtr> { return make(options, services.clock); };
}

}  // namespace kbs::storage::memory
