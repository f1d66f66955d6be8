#pragma once
/// `kbs config check --connect`: are the stores of a configuration there, and what can they do?

#include <string>

#include "base/clock.h"
#include "kbs/config/config.h"

namespace kbs::server {

struct ConnectReport {
  std::string text;  ///< one aligned line each; no secret in it
  bool good = true;  ///< every store is there and serves
};

/// Opens every mount and every namespace of the key-value layer and asks for their health. Listens
/// nowhere and writes nothing, whatever the stores would do at a server's start: one that is not
/// there yet is told as such, and is not `good`. Blocks.
ConnectReport check_connect(const config::Config& config, const Clock& clock);

}  // namespace kbs::server
