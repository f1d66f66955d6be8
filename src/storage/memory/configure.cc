#include "storage/memory/memory.h"
#include "storage/registry.h"

namespace kbs::storage::memory {

BackendMaker configure(Settings&, const BackendTraits&) {
  return [](Services) -> Result<BackendPtr> { return fail(ErrorKind::unsupported, "not yet"); };
}

}  // namespace kbs::storage::memory
