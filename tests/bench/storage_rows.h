#pragma once
/// LocalFs alone, without a server around it, beside the bare system calls of the same work on the
/// same file system in the same minute.

#include "bench/measure.h"

namespace kbs::bench {

/// One row, by its name.
struct StorageRow {
  std::string name;
  Result<Row> (*make)(const Run&);
};
std::vector<StorageRow> storage_rows();

}  // namespace kbs::bench
