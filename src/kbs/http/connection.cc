#include "kbs/http/connection.h"

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "kbs/http/serialize.h"

namespace kbs::http {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
/// How long, and for how many bytes, a refused client is listened to, so that it reads the refusal
/// before a reset.
constexpr std::chrono::seconds kLingerTime{3};
constexpr std::size_t kLingerBytes = 64u << 20;
constexpr std::chrono::seconds kRefusalTime{5};
/// Pipelined requests answered before the worker's other connections get their turn.
constexpr unsigned kTurn = 16;

}  // namespace

Connection::Connection(Shared& shared, asio::ip::tcp::socket socket, SSL_CTX* tls, std::string peer)
    : shared_(shared),
      transport_(std::move(socket), tls),
      peer_(std::move(peer)),
      parser_(shared.limits) {
  shared_.connections.push_back(*this);
}

Connection::~Connection() { shared_.connections.erase(shared_.connections.iterator_to(*this)); }

void Connection::enter(Phase phase, SteadyTime::duration limit) {
  phase_ = phase;
  deadline_ = limit == SteadyTime::duration::max() ? SteadyTime::max()
                                                   : std::chrono::steady_clock::now() + limit;
}

void Connection::check_deadline(SteadyTime now) noexcept {
  if (now < deadline_) return;
  // The coroutine looks at the flag before each wait; if it is about to run anyway, cancelling does
  // nothing.
  expired_ = true;
  transport_.cancel();
}

void Connection::drain() noexcept {
  if (phase_ == Phase::idle || phase_ == Phase::handshake || phase_ == Phase::linger) abort();
}

void Connection::abort() noexcept {
  aborted_ = true;
  expired_ = true;
  transport_.cancel();
}

awaitable<> Connection::run() {
  const bool shaken = co_await handshake();
  if (!shaken) co_return;
  bool again = true;
  for (unsigned in_a_row = 1; again && !aborted_; ++in_a_row) {
    again = co_await serve_one();
    // Whoever pipelines without end never makes us wait, and must not keep the worker for itself.
    if (in_a_row % kTurn == 0 && !pending_.empty()) co_await asio::post(asio::use_awaitable);
  }
  transport_.shutdown_send();
}

awaitable<bool> Connection::handshake() {
  enter(Phase::handshake, shared_.limits.tls_handshake_time);
  while (!expired_) {
    const auto attempt = transport_.try_handshake();
    if (attempt.outcome == Transport::Outcome::done) {
      // A fresh connection owes its first request; later ones may rest.
      enter(Phase::idle, std::min(shared_.limits.header_time, shared_.limits.idle_time));
      co_return true;
    }
    if (attempt.outcome == Transport::Outcome::closed) co_return false;
    const bool worth_it = co_await transport_.wait(attempt.outcome);
    if (!worth_it) co_return false;
  }
  co_return false;
}

awaitable<bool> Connection::serve_one() {
  const bool got = co_await read_request();
  Request request;
  // Asked before `take`, which starts the parser anew.
  const bool keep_alive = got && parser_.keep_alive();
  const bool http10 = parser_.is_http10();
  if (!got || !parser_.take(request)) {
    if (!aborted_ && parser_.state() == RequestParser::State::refused) co_await refuse();
    co_return false;
  }
  request.peer = peer_;
  request.tls = transport_.is_tls();
  request.worker = shared_.index;
  request.id = shared_.ids.next(request.header("traceparent"));
  const bool head_only = request.method == Method::head;

  enter(Phase::handler, SteadyTime::duration::max());
  const Response response = co_await handle(std::move(request));
  if (aborted_) co_return false;

  const bool again = keep_alive && !shared_.draining;
  const Framing framing{!again, again && http10};
  const std::string head = serialize_head(response, framing);
  const bool with_body = !head_only && may_have_body(response.status);
  const bool sent = co_await send(head, with_body ? response.body_text() : std::string_view());
  if (!sent) {
    transport_.abandon();
    co_return false;
  }
  enter(Phase::idle, shared_.limits.idle_time);
  co_return again;
}

/// True when a request is complete. Otherwise the parser is in `refused`, or there is nobody to
/// answer.
awaitable<bool> Connection::read_request() {
  if (!pending_.empty()) consume({});  // the client pipelines
  bool continued = false;
  for (;;) {
    if (parser_.state() == RequestParser::State::complete) co_return true;
    if (parser_.state() == RequestParser::State::refused) co_return false;
    if (parser_.expects_continue() && !std::exchange(continued, true)) {
      const bool sent = co_await send(kContinue, {});
      if (!sent) co_return false;
    }
    const bool received = co_await receive();
    if (received) continue;
    // Too slow, and perhaps still listening.
    if (expired_ && (phase_ == Phase::head || phase_ == Phase::body)) parser_.refuse(408);
    co_return false;
  }
}

/// Takes in some bytes. False at the end of the stream, and when the deadline has passed.
awaitable<bool> Connection::receive() {
  while (!expired_) {
    if (socket_drained_ && !transport_.has_buffered()) {
      const bool worth_it = co_await transport_.wait(Transport::Outcome::want_read);
      if (!worth_it || expired_) break;
    }
    const auto attempt = transport_.try_read(shared_.scratch);
    if (attempt.outcome == Transport::Outcome::done) {
      socket_drained_ = attempt.size < shared_.scratch.size();
      const auto fresh = std::span<const std::byte>(shared_.scratch).first(attempt.size);
      consume(fresh);
      wipe(shared_.scratch.data(), attempt.size);
      co_return true;
    }
    if (attempt.outcome == Transport::Outcome::closed) break;
    const bool worth_it = co_await transport_.wait(attempt.outcome);
    if (!worth_it) break;
    socket_drained_ = false;
  }
  co_return false;
}

void Connection::consume(std::span<const std::byte> fresh) {
  if (pending_.empty()) {
    const std::size_t used = feed(fresh);
    pending_.assign(fresh.begin() + static_cast<std::ptrdiff_t>(used), fresh.end());
  } else {
    pending_.insert(pending_.end(), fresh.begin(), fresh.end());
    const std::size_t used = feed(pending_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(used));
    if (pending_.empty()) SecretBytes().swap(pending_);  // wiped and given back
  }
  update_phase();
}

std::size_t Connection::feed(std::span<const std::byte> bytes) {
  return bytes.empty() ? 0 : parser_.feed(bytes);
}

void Connection::update_phase() {
  if (phase_ == Phase::idle && (parser_.started() || !pending_.empty())) {
    enter(Phase::head, shared_.limits.header_time);
  }
  if (phase_ == Phase::head && parser_.state() == RequestParser::State::body) {
    enter(Phase::body, shared_.limits.body_time);
  }
}

awaitable<Response> Connection::handle(Request request) {
  const std::string id = request.id;
  std::string failure = "exception of an unknown type";
  try {
    Response response = co_await shared_.handler(std::move(request));
    if (is_well_formed(response)) co_return response;
    failure = "an answer with a control character in its head";
  } catch (const std::exception& e) {
    failure = e.what();
  } catch (...) {
    failure = "an exception of no known type";
  }
  log_line(LogLevel::error, "http", "handler failed: this is a bug",
           {{"request_id", id}, {"what", failure}});
  co_return listener_answer(500);
}

awaitable<bool> Connection::send(std::string_view head, std::string_view body) {
  const std::size_t total = head.size() + body.size();
  std::size_t offset = 0;
  while (offset < total) {
    const auto attempt = transport_.try_write(head, body, offset, shared_.scratch);
    if (attempt.outcome == Transport::Outcome::closed) co_return false;
    if (attempt.outcome == Transport::Outcome::done) {
      offset += attempt.size;
      continue;
    }
    // Only now does the clock matter: most answers fit into the socket's buffer at once.
    if (phase_ == Phase::handler) enter(Phase::write, shared_.limits.write_time);
    const bool worth_it = co_await transport_.wait(attempt.outcome);
    if (!worth_it || expired_) co_return false;
  }
  co_return true;
}

/// Answers a request that cannot be served, then listens for a while: bytes of it are still on
/// their way, and closing over them would reset the connection and take the answer away from the
/// client.
awaitable<> Connection::refuse() {
  const Response response = parser_.refusal();
  KBS_LOG(debug, "http", "request refused",
          {{"status", std::int64_t{response.status}}, {"peer", peer_}});
  expired_ = false;
  enter(Phase::linger, kRefusalTime);
  const Framing framing{true, false};
  const std::string head = serialize_head(response, framing);
  const bool sent = co_await send(head, response.body_text());
  if (!sent) co_return;
  transport_.shutdown_send();
  enter(Phase::linger, kLingerTime);
  std::size_t dropped = 0;
  while (!expired_ && dropped < kLingerBytes && transport_.discard(shared_.scratch, dropped)) {
    const bool worth_it = co_await transport_.wait(Transport::Outcome::want_read);
    if (!worth_it) break;
  }
}

}  // namespace kbs::http
