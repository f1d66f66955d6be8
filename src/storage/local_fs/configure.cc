#include "storage/local_fs/local_fs.h"
#include "storage/registry.h"

namespace kbs::storage::local_fs {

BackendMaker configure(Settings&, const BackendTraits&) {
  return [](Services) -> Result<BackendPtr> { return fail(ErrorKind::unsupported, "not yet"); };
}

}  // namespace kbs::storage::local_fs
