#pragma once
/// One listing over many mounts.

#include "storage/mounts/routes.h"

namespace kbs::storage {

/// A page of all that routes to the mounts, in path order. See `Mounts`.
awaitable<Result<Page>> list_merged(const Routes& routes, ListOptions options);

}  // namespace kbs::storage
