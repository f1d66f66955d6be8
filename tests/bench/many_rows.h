#pragma once
/// A store with 100,000 resources: listing it, and starting on it.

#include "bench/storage_rows.h"

namespace kbs::bench {

std::vector<StorageRow> many_rows();

}  // namespace kbs::bench
