#pragma once
/// What `kbs storage …` was asked to do.

#include <cstddef>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kbs::server {

struct StorageLine {
  enum class Command { none, copy, migrate, verify, rewrap, export_, import, list };
  Command command = Command::none;
  std::string config;       ///< "" = that of `kbs -c`, if any
  std::string from_config;  ///< of `from`; "" = the same
  std::string from;         ///< a mount, or `kind:path?key=value`
  std::string to;
  std::string mount;
  std::string layout;  ///< of migrate in place: "tree" or "flat"
  std::string prefix;
  std::string if_exists = "fail";
  std::string file;  ///< the archive
  std::vector<std::string> recipients;
  std::string password_file;
  std::string key_file;
  bool history = false;
  bool drop_history = false;
  bool drop_expiry = false;
  bool dry_run = false;
  bool remove_source = false;
  bool replace = false;
  bool keep_going = false;
  bool json = false;
  bool verbose = false;
  std::size_t jobs = 8;
};

/// Adds `storage` and its commands to `app`; `line` outlives the parsing.
void add_storage_commands(CLI::App& app, StorageLine& line);

}  // namespace kbs::server
