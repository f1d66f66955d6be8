#pragma once
/// `kbs storage migrate --layout`: the files of one LocalFs directory under their other spelling,
/// in place.

#include "storage/key_value.h"
#include "storage/local_fs/local_fs.h"
#include "storage/transfer/transfer.h"

namespace kbs::storage::transfer {

struct LayoutReport {
  std::uint64_t seen = 0;   ///< resources that had the other spelling
  std::uint64_t moved = 0;  ///< of these
  std::vector<Note> notes;
  std::vector<Note> problems;  ///< stay where they are, and are served from there
  bool gave_up = false;

  bool good() const noexcept { return problems.empty(); }
};

/// Gives every resource in `root` the spelling of `to`. Blocks. A resource moves as what it is: the
/// same file under another name, with its date, expiry, content type and version id; its history
/// stays where it is. Servers may read and write meanwhile; whoever reads finds the value at every
/// moment, also after a crash at any step. Where both spellings lie there, the newer one stays
/// (equally old: the flat one), and the other becomes an earlier version. What a link put there is
/// not touched. Of `options` count `prefix`, `dry_run`, `max_problems` and `progress`.
Result<LayoutReport> change_layout(const std::string& root, local_fs::Layout to,
                                   const Options& options, Services services);

}  // namespace kbs::storage::transfer
