#pragma once
/// Listings on the wire: what is asked for, and what is told. Never a value.

#include <map>
#include <string>
#include <string_view>

#include "storage/backend.h"

namespace kbs::plugins {

/// `prefix`, `limit` (1 to 1000, default 1000) and `cursor` of a query; others are ignored.
Result<storage::ListOptions> list_options(const std::map<std::string, std::string>& query);

/// {"resources":[{"path","version","size","updated"}…],"next":cursor or null}
std::string resources_page(const storage::Page& page);
/// {"path":…,"versions":[{"version","size","updated","content_type","not_after" or
/// null,"current"}…],"next":cursor or null}
std::string versions_page(std::string_view path, const storage::Page& page);

}  // namespace kbs::plugins
