#pragma once
/// One connection, from the handshake to its end, and what the connections of a worker share.

#include <array>
#include <string>

#include <boost/intrusive/list.hpp>

#include "kbs/http/parser.h"
#include "kbs/http/request_id.h"
#include "kbs/http/server.h"
#include "kbs/http/transport.h"

namespace kbs::http {

struct Shared;

/// A client's connection. Registers itself with its worker for as long as it lives.
class Connection : public boost::intrusive::list_base_hook<> {
 public:
  Connection(Shared& shared, asio::ip::tcp::socket socket, SSL_CTX* tls, std::string peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves requests until either side has had enough. The one coroutine of this connection.
  awaitable<> run();

  /// Called now and then: wakes the coroutine when its deadline has passed.
  void check_deadline(SteadyTime now) noexcept;
  /// Ends the connection if it is between requests.
  void drain() noexcept;
  /// Ends the connection.
  void abort() noexcept;

 private:
  enum class Phase { handshake, idle, head, body, handler, write, linger };

  awaitable<bool> handshake();
  awaitable<bool> serve_one();
  awaitable<bool> read_request();
  awaitable<bool> receive();
  awaitable<Response> handle(Request request);
  awaitable<bool> send(std::string_view head, std::string_view body);
  awaitable<> refuse();
  void consume(std::span<const std::byte> fresh);
  std::size_t feed(std::span<const std::byte> bytes);
  void update_phase();
  void enter(Phase phase, SteadyTime::duration limit);

  Shared& shared_;
  Transport transport_;
  const std::string peer_;
  RequestParser parser_;
  SecretBytes pending_;  ///< received and not yet parsed: part of a head, or the next request
  SteadyTime deadline_ = SteadyTime::max();
  Phase phase_ = Phase::handshake;
  bool expired_ = false;
  bool aborted_ = false;
  bool socket_drained_ = true;  ///< the last read took all there was: wait before the next
};

/// State of one worker that its connections use. Touched on the worker's thread only.
struct Shared {
  Shared(const Limits& l, unsigned i) : limits(l), index(i) {}
  const Limits& limits;
  const unsigned index;
  Handler handler;
  RequestIds ids;
  bool draining = false;  ///< no request is begun any more
  boost::intrusive::list<Connection> connections;
  /// Bytes on their way in or out, within one attempt: an idle connection owns no buffer. Wiped
  /// after use.
  std::array<std::byte, Transport::kRecord> scratch;
};

}  // namespace kbs::http
