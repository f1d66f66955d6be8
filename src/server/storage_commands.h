#pragma once
/// `kbs storage …`: moving house, on the host. docs/storage-commands.md tells what each does.

#include "server/storage_line.h"

namespace kbs::server {

/// Runs one command. Exit status: 0 all is well, 1 something is not (the report names it), 2 the
/// command line is wrong. The report goes to stdout, problems and notes to stderr unless `json`. No
/// value is ever printed.
int storage_command(const StorageLine& line);

}  // namespace kbs::server
