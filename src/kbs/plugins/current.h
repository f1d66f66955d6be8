#pragma once
/// Conditions on the current version, over backends that can compare with one version only.

#include "kbs/plugins/precondition.h"
#include "storage/mounts/mounts.h"

namespace kbs::plugins {

/// What is known of the current version. The value stays unread where the mount's backend has
/// `versions` or `list`. `not_found` exactly when a plain read would say so.
awaitable<Result<storage::Entry>> find_current(storage::Mounts& mounts, ResourceId id);

/// Writes if `condition` holds, atomically: where it speaks of more than one version, the current
/// one is looked up and named to the backend, and looked up again when another writer came between.
/// `conflict` when the condition does not hold.
awaitable<Result<storage::VersionId>> write_if(storage::Mounts& mounts, ResourceId id, Secret value,
                                               storage::WriteOptions options,
                                               Precondition condition);
/// The same for a removal; of an absent resource it is `not_found` whatever the condition.
awaitable<Result<>> remove_if(storage::Mounts& mounts, ResourceId id,
                              storage::RemoveOptions options, Precondition condition);

}  // namespace kbs::plugins
