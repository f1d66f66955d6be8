#pragma once
/// Resources as files people can read, placed by hand, by kubectl or by a CSI mount. Design
/// decision 8.

#include <string>
#include <vector>

#include "storage/backend.h"
#include "storage/key_value.h"

namespace kbs::storage::local_fs {

/// Which of the two names a write uses; both are always read.
enum class Layout { tree, flat };

/// One place to look in.
struct Root {
  std::string path;
  bool tree = true;  ///< read `<path>/<repository>/<type>/<tag>`
  bool flat = true;  ///< read `<path>/<repository>\x2F<type>\x2F<tag>`
};

struct Options {
  std::vector<Root> roots;  ///< in order of search; writes go to the first
  Layout layout = Layout::tree;
  bool create = true;  ///< make the first root when absent (0700)
  std::uint64_t max_value_bytes =
      64u << 20;  ///< a larger file is `too_large`, on reading as on writing
};

/// Reads run on the calling worker; writes, deletes and listings on `services.blocking`. A version
/// id is made of the file's modification time, inode and size: it survives restarts, and every
/// write of ours moves the time forward, so that none comes twice; no id tells anything of the
/// value.
///
/// Fails when the first root cannot be opened or made; the message names it and the remedy. Later
/// roots may be absent.
Result<BackendPtr> make(const Options& options, Services services);

}  // namespace kbs::storage::local_fs
