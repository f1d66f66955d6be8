#pragma once
/// What `kbs` does, one function per command. Each returns the exit status.

#include <string>

#include "server/cli.h"

namespace kbs::server {

int serve(const CommandLine& line);
int config_check(const CommandLine& line);
int audit_verify(const std::string& file);
int print_version();

}  // namespace kbs::server
