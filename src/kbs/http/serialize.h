#pragma once
/// The head of an answer as bytes (RFC 9112 §4, §5).

#include <cstddef>
#include <string>

#include "kbs/http/message.h"

namespace kbs::http {

/// What the connection knows about the answer that the handler does not.
struct Framing {
  bool close = false;              ///< say "Connection: close"
  bool keep_alive_header = false;  ///< say "Connection: keep-alive", for HTTP/1.0
};

/// Whether every name and value may stand in a head: no control characters, so nothing can split
/// the answer.
bool is_well_formed(const Response& response) noexcept;

/// Whether a body may follow that status at all (RFC 9110 §6.4.1).
bool may_have_body(unsigned status) noexcept;

/// Status line and fields, up to and with the empty line. `response` is well-formed. Fields that
/// the listener sets itself (Content-Length, Transfer-Encoding, Connection) are left out of the
/// handler's.
std::string serialize_head(const Response& response, const Framing& framing);

}  // namespace kbs::http
