#pragma once
/// Names of resources as people and guests write them.

#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs {

/// What a name must look like, for the end of an error message.
inline constexpr std::string_view kResourceForms =
    "; write repository/type/tag, as in default/key/1, or kbs:///default/key/1";

/// `kbs[+plugin]://[host[:port]]/path[?query]` or the bare path with its query. Host and port are
/// ignored: a resource is asked of the KBS one is talking to (spec/rcar-protocol.md §10).
struct ResourceUri {
  std::string plugin = "resource";
  std::string path;
  std::string query;

  /// Any of the forms; errors are `invalid_request` and say what a name looks like. Nothing is
  /// decoded, and the path is whatever was written: `ResourceId::parse` judges it.
  static Result<ResourceUri> parse(std::string_view text);
  /// "/kbs/v0/<plugin>/<path>[?query]", with what may not stand in a request line percent-encoded.
  std::string target() const;

  friend bool operator==(const ResourceUri&, const ResourceUri&) = default;
};

/// Percent-encodes one query value: everything but RFC 3986 unreserved characters.
std::string encode_query_value(std::string_view text);

}  // namespace kbs
