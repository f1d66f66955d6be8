#pragma once
/// `kbs storage export` and `import`: the resources of a store as one encrypted, authenticated
/// file. Executors as for transfer.h; the file itself is read and written on the spot, which
/// blocks.

#include <string>

#include "base/file.h"
#include "crypto/cms.h"
#include "storage/transfer/archive.h"
#include "storage/transfer/transfer.h"

namespace kbs::storage::transfer {

struct ExportOptions {
  std::string prefix;
  bool history = false;
  bool replace = false;     ///< an archive of that name
  bool keep_going = false;  ///< keep the archive although some resources could not be read
  std::function<void(const std::string& path, std::string_view outcome)> progress;
};

/// Writes what the source serves under the prefix into `file` (0600, durable, complete or not there
/// at all). `conflict` when the name is taken. With problems in the report, the archive is kept
/// only if `keep_going`.
awaitable<Result<Report>> export_archive(Side from, std::string file,
                                         crypto::CmsRecipients recipients, ExportOptions options,
                                         FileOps& files, const Clock& clock);

/// Reads the archive twice: first all of it, to know that it is whole and authentic, then for what
/// is in it; an archive that became another one in between is noticed before any value of it is
/// written. Memory: one value for each resource in flight, and about a hundred bytes for
/// each version in the archive. Of `options`, `history` takes the earlier versions in the archive
/// as well. What has expired by now is left out.
awaitable<Result<Report>> import_archive(Side to, std::string file, crypto::CmsKey key,
                                         Options options, FileOps& files, const Clock& clock);

}  // namespace kbs::storage::transfer
