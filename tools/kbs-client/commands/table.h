#pragma once
/// Lists that come from the server in JSON: by pages, and as columns for people.

#include <functional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/admin_client.h"

namespace kbs::client {

/// A list below `target`, whose pages are {`member`:[…],"next":cursor or null}.
struct Listing {
  std::string target;
  std::string prefix = {};  ///< as the query's `prefix`
  std::uint64_t limit = 0;  ///< 0: all
  std::string_view member;
};

/// Follows the pages until the end or the limit. `internal` when something else than such a page
/// comes, or the same again.
Result<json::array> list_all(const Listing& listing, AdminClient& admin);

/// One column: member `name` of `entry`. What is absent shows as a dash, and nothing a server sends
/// can forge a column or a line.
std::string column(const json::object* entry, std::string_view name);
/// The same for a text of our own making.
std::string printable(std::string_view text);

}  // namespace kbs::client
