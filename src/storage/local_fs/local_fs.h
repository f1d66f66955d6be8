#pragma once
/// Resources as files people can read, placed by hand, by kubectl or by a CSI mount. Design
/// decision 8.

#include <chrono>
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
      64u << 20;           ///< a larger file is `too_large`, on reading as on writing
  unsigned versions = 10;  ///< earlier versions kept of each resource; 0 = none
  std::chrono::milliseconds lock_wait{10'000};  ///< for another process that changes a resource
};

/// Reads run on the calling worker; all else on `services.blocking`. A version id is made of the
/// file's modification time, inode and size: it survives restarts, and every write of ours moves
/// the time forward, so that none comes twice; no id tells anything of the value.
///
/// Earlier values lie in `.history` of the first root, whichever root the current one came from.
/// Several processes may write to one directory: advisory locks keep them apart. `expiry` is a
/// capability where the first root's file system keeps extended attributes; this is tried with a
/// temporary file. An expiry that some other process wrote is honoured in any case.
///
/// Fails when the first root cannot be opened or made; the message names it and the remedy. Later
/// roots may be absent. What a crash left is removed in the background, on `services.blocking`.
Result<BackendPtr> make(const Options& options, Services services);

}  // namespace kbs::storage::local_fs
