#pragma once
/// From bytes to a `Request`: RFC 9112 with the bounds of `Limits`. Knows no sockets, so it can be
/// fuzzed alone.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "kbs/http/message.h"
#include "kbs/http/server.h"

namespace kbs::http {

/// Reads one request after another from a connection's bytes. Not thread-safe. Body bytes go
/// straight into a wiping buffer; nothing else keeps them.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class State {
    head,      ///< the head is not complete
    body,      ///< the head is, the body is not
    complete,  ///< `take` the request
    refused,   ///< answer `refusal` and close: what follows in the stream cannot be trusted
  };
  /// Consumes what it can of `bytes` and returns how much: never past the end of the request. Bytes
  /// not consumed are presented again, followed by more.
  std::size_t feed(std::span<const std::byte> bytes);

  State state() const noexcept { return state_; }
  /// Whether any byte of this request was consumed.
  bool started() const noexcept;
  /// The head asked for "100 Continue" before its body, and no byte of that has come.
  bool expects_continue() const noexcept;
  /// The client wants to go on after this request.
  bool keep_alive() const noexcept;
  /// The client spoke HTTP/1.0.
  bool is_http10() const noexcept;
  /// The request, its content coding undone, and then starts anew; or false, and `refused`, when
  /// that fails.
  bool take(Request& request);
  /// Gives up on the request, for the reason that `status` says.
  void refuse(unsigned status) noexcept;
  /// What to answer a request that cannot be served.
  Response refusal() const;

 private:
  class Impl;

  const Limits& limits_;
  std::unique_ptr<Impl> impl_;
  State state_ = State::head;
  unsigned refused_status_ = 0;
};

/// Answers that the listener gives by itself: no body, except for 413.
Response listener_answer(unsigned status);

}  // namespace kbs::http
