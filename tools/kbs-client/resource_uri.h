#pragma once
/// Names of resources as people write them on the command line.

#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs::client {

/// `kbs[+plugin]://[host[:port]]/path[?query]` or the bare path with its query. Host and port are
/// ignored: a resource is asked of the KBS named by --url (spec/rcar-protocol.md §10).
struct ResourceUri {
  std::string plugin = "resource";
  std::string path;
  std::string query;

  /// Any of the forms; errors are `invalid_request` and say what a name looks like. Nothing is
  /// decoded.
  static Result<ResourceUri> parse(std::string_view text);
  /// "/kbs/v0/<plugin>/<path>[?query]", with what may not stand in a request line percent-encoded.
  std::string target() const;

  friend bool operator==(const ResourceUri&, const ResourceUri&) = default;
};

/// For `get-resource`: as `parse`, and a name of the resource plugin must be repository/type/tag,
/// so that a slip is told at once and not after three attestations.
Result<ResourceUri> parse_guest_uri(std::string_view text);

/// For the `config` commands: the server decides what is a name, only the URI forms are unwrapped.
/// A plugin other than `resource` is refused.
Result<ResourceUri> parse_admin_uri(std::string_view text);

/// Percent-encodes one query value: everything but RFC 3986 unreserved characters.
std::string encode_query_value(std::string_view text);

}  // namespace kbs::client
