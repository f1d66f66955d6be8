#pragma once
/// The request target of RFC 9112 §3.2, taken apart.

#include <optional>
#include <string>
#include <string_view>

namespace kbs::http {

struct Target {
  std::string path;   ///< percent-decoded once, malformed UTF-8 as U+FFFD
  std::string query;  ///< as sent, without "?"
};

/// Takes origin form ("/a?b"), absolute form ("http://host/a?b"), "*" and, for CONNECT, "host:port"
/// (whose path is empty). A fragment is dropped. Nothing for any other text, and for bytes that may
/// not stand in a target raw: controls, spaces, DEL and everything beyond ASCII (spec/http-api.md
/// §1.2).
std::optional<Target> parse_target(std::string_view method, std::string_view raw);

}  // namespace kbs::http
