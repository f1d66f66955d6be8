#pragma once
/// What `FileOps::open_beneath` does where openat2 is missing or forbidden (kernels before 5.6,
/// seccomp).

#include <sys/types.h>

#include <string>

#include "base/file.h"

namespace kbs {

/// Opens `path` below `dir` name by name and resolves symlinks itself, at most 40 of them (then
/// ELOOP). EXDEV when the path or a symlink in it is absolute or climbs above `dir`. A directory
/// moved while we walk cannot lead us out: ".." goes back to the descriptor we came from.
SysResult<Fd> open_beneath_walk(int dir, const std::string& path, int flags, mode_t mode);

}  // namespace kbs
