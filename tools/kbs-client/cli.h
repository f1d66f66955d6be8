#pragma once
/// The grammar of the command line.

#include <optional>
#include <string>

#include "kbs-client/invocation.h"

namespace kbs::client {

/// Either a command to run, or what to print before leaving with `exit_code`.
struct Parsed {
  std::optional<Invocation> invocation;
  int exit_code = 0;   ///< 0 after --help, --version and `help`; 2 after a usage error
  std::string to_out;  ///< help or version that was asked for
  std::string to_err;  ///< usage error, or help because arguments are missing
};

/// Reads no file, no environment.
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace kbs::client
