#pragma once
/// Names of resources on the command line.

#include <string_view>

#include "resource/resource_uri.h"

namespace kbs::client {

/// For `get-resource`: as `ResourceUri::parse`, and a name of the resource plugin must be
/// repository/type/tag, so that a slip is told at once and not after three attestations.
Result<ResourceUri> parse_guest_uri(std::string_view text);

/// For the `config` commands: the server decides what is a name, only the URI forms are unwrapped.
/// A plugin other than `resource` is refused.
Result<ResourceUri> parse_admin_uri(std::string_view text);

}  // namespace kbs::client
