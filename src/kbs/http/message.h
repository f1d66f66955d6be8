#pragma once
/// One HTTP request and its answer, free of any HTTP library.

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/secret.h"

namespace kbs::http {

/// Whether two header names are the same: ASCII letters of either case (RFC 9110 §5.1).
bool same_name(std::string_view a, std::string_view b) noexcept;

enum class Method { get, head, post, put, del, other };

/// A request whose head and body are complete and within bounds. Bodies may hold secrets: they are
/// wiped.
struct Request {
  Method method = Method::other;
  std::string method_name;  ///< as sent; methods are case-sensitive, so "get" is `other`
  std::string target;       ///< as sent: path and query, still encoded
  std::string
      path;  ///< without query, percent-decoded once, malformed UTF-8 as U+FFFD; "*" as it is
  std::string query;                                         ///< as sent, without "?"
  std::vector<std::pair<std::string, std::string>> headers;  ///< names as sent
  Secret body;                                               ///< after content decoding
  std::string peer;  ///< IP address of the client, without port
  bool tls = false;
  unsigned worker = 0;  ///< index of the worker that serves it: 0 … workers-1
  std::string id;       ///< request id: from a valid W3C traceparent, else random

  /// First header of that name (case-insensitive), or nullopt-like empty view with data()==nullptr.
  std::string_view header(std::string_view name) const noexcept;
  bool has_header(std::string_view name) const noexcept;
};

/// The answer. No `Content-Type` when `content_type` is empty. `Content-Length` and `Connection`
/// are the listener's business; a header with a control character in it (an attempt to split the
/// answer) makes it 500.
struct Response {
  unsigned status = 200;
  std::string content_type;
  std::variant<std::string, Secret> body;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string_view body_text() const noexcept;
};

}  // namespace kbs::http
