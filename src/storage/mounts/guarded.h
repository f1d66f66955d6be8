#pragma once
/// The outermost decorator of a mount: read-only, deadline, observation, and the mount's name in
/// its errors.

#include "storage/mounts/mounts.h"

namespace kbs::storage {

/// Begins the message with `mount "name": `, once. Not for `not_found` and `conflict`: these are
/// about the resource, whatever its mount.
void name_mount(Error& error, const std::string& mount);

/// `clock` and `observer` (which may be null) outlive it.
BackendPtr make_guarded(BackendPtr inner, const MountOptions& options, const Clock& clock,
                        MountObserver* observer);

}  // namespace kbs::storage
