#include "storage/registry.h"

namespace kbs::storage {

#define KBS_STORAGE_BACKEND(name, space)                                   \
  namespace space {                                                        \
  BackendMaker configure(Settings& settings, const BackendTraits& traits); \
  }
#include "storage/backends.def"
#undef KBS_STORAGE_BACKEND

std::span<const BackendKind> backend_kinds() noexcept {
  static constexpr BackendKind kKinds[] = {
#define KBS_STORAGE_BACKEND(name, space) {name, space::configure},
#include "storage/backends.def"
#undef KBS_STORAGE_BACKEND
  };
  return kKinds;
}

}  // namespace kbs::storage
