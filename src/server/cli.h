#pragma once
/// The command line of `kbs`.

#include <string>

#include "server/storage_line.h"

namespace kbs::server {

struct CommandLine {
  enum class Action {
    serve,
    config_check,
    audit_verify,
    storage,
    version,
    exit
  } action = Action::serve;
  std::string config_file;  ///< of serve: -c or KBS_CONFIG_FILE
  bool dev = false;
  std::string file;      ///< of config check and audit verify
  bool connect = false;  ///< of config check: open the stores as well
  StorageLine storage;   ///< of storage
  int exit_status = 0;   ///< of exit: help was shown (0) or the usage is wrong (2)
};

/// Prints help and usage errors itself.
CommandLine parse_command_line(int argc, char** argv);

}  // namespace kbs::server
