#pragma once
/// HTTP/1.1 and HTTPS: one worker per core, each with its own io_context and listening sockets
/// (SO_REUSEPORT). What travels inside is `message.h`; Beast's parser stays in parser.cc.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/result.h"
#include "kbs/http/message.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace kbs::http {

/// Bounds on what a stranger may cost us. Over a deadline the connection is closed (408 where an
/// answer can still be read).
struct Limits {
  std::size_t max_header_bytes = 131072;  ///< over: 431
  std::size_t max_header_lines = 96;      ///< over: 431
  std::size_t max_header_value = 65533;   ///< one field; over: 431
  std::size_t max_body_bytes = 2u << 20;  ///< after inflation too; over: 413, text/plain
  std::chrono::seconds header_time{
      10};  ///< from the first byte of a request to the end of its head; a new
            ///< connection sends its first byte within it, too
  std::chrono::seconds body_time{30};   ///< for the whole body
  std::chrono::seconds idle_time{75};   ///< keep-alive without a request
  std::chrono::seconds write_time{30};  ///< for a whole answer
  std::chrono::seconds tls_handshake_time{10};
  std::size_t max_connections = 20000;  ///< over: accepted and closed at once
};

struct TlsOptions {
  std::string certificate_pem;  ///< chain, leaf first
  Secret private_key_pem;
  std::string profile = "intermediate";  ///< old, intermediate, modern, custom
  std::string min_version, max_version;  ///< "1.2", "1.3" or "" = the profile's
  std::string ciphers, groups;           ///< "" = the profile's
};
/// Checks everything; messages name the option at fault. Several profiles: spec/config.md §3.1.
Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& options);

struct Options {
  std::vector<std::string> sockets;  ///< "ip:port", port 0 allowed
  unsigned workers = 0;              ///< 0: one per CPU
  Limits limits;
  std::shared_ptr<asio::ssl::context> tls;  ///< null: clear HTTP
};

/// Answers one request. Lives on one worker; never called concurrently with itself on another
/// thread, but many coroutines of the worker are under way at once. An exception that escapes is
/// logged and answered 500.
using Handler = std::function<awaitable<Response>(Request)>;
/// Makes the handler of worker `index`. Called by `start`, before the worker's thread runs.
using HandlerFactory = std::function<Handler(unsigned index, asio::io_context& context)>;

/// The listener. Destroy in this order: `stop`, join the pools that handlers wait for, the server
/// (which destroys the coroutines that never finished), then what handlers refer to.
class Server {
 public:
  /// Binds every socket; port 0 is resolved once for all workers. The address is first bound
  /// without SO_REUSEPORT, so that a second server on it is noticed.
  static Result<std::unique_ptr<Server>> bind(Options options, HandlerFactory factory);
  virtual ~Server() = default;
  /// "127.0.0.1:43211", in the order of `Options::sockets`.
  virtual std::vector<std::string> addresses() const = 0;
  /// Starts the worker threads and returns.
  virtual void start() = 0;
  /// Swaps the certificate for new connections. Thread-safe.
  virtual void set_tls(std::shared_ptr<asio::ssl::context> tls) = 0;
  /// Stops accepting, lets requests under way finish until `grace` has passed, closes the rest,
  /// joins. Once.
  virtual void stop(std::chrono::milliseconds grace) = 0;
  /// Open connections now.
  virtual std::size_t connections() const = 0;
};

}  // namespace kbs::http
