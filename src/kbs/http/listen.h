#pragma once
/// Listening sockets, the same address for every worker.

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace kbs::http {

/// One address, and a listening socket on it for each worker.
struct Listener {
  std::string address;      ///< "127.0.0.1:43211": port 0 replaced by the one that was given
  std::vector<Fd> sockets;  ///< non-blocking, close-on-exec
};

/// Binds each of `addresses` ("ip:port", IPv6 in brackets) `copies` times. The first socket of an
/// address is bound before it gets SO_REUSEPORT, so that the kernel refuses an address which
/// another server holds. Errors name the address and the remedy.
Result<std::vector<Listener>> listen_on(const std::vector<std::string>& addresses, unsigned copies);

}  // namespace kbs::http
