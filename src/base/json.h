#pragma once
/// JSON from outside is hostile: read strictly, bounded, once. Values are Boost.JSON's.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/result.h"

namespace kbs {

namespace json = boost::json;

/// What `parse_json` accepts.
struct JsonLimits {
  std::size_t max_bytes = 4u << 20;
  std::size_t max_depth = 64;
  std::size_t max_members =
      4096;  ///< of one object; names can be chosen so that more would cost too much
};

/// Parses exactly one RFC 8259 value. Refused as `invalid_request`: repeated member names, trailing
/// bytes, malformed UTF-8, numbers that overflow a double (they would become Infinity), more depth,
/// size or members than `limits`. Integers keep all 64 bits.
Result<json::value> parse_json(std::string_view text, const JsonLimits& limits = {});
/// The same, and the value must be an object.
Result<json::object> parse_json_object(std::string_view text, const JsonLimits& limits = {});

/// Compact text, members in their order.
std::string to_json(const json::value& value);
/// RFC 8785 (JCS): members sorted by UTF-16 code units, minimal escapes, no white space.
std::string canonical_json(const json::value& value);

/// Member `name` if it exists and is a string; the view lives as long as `object`.
std::optional<std::string_view> string_member(const json::object& object, std::string_view name);
/// RFC 6901 pointer into `value`, or null when nothing is there or the pointer is malformed.
const json::value* find_pointer(const json::value& value, std::string_view pointer);

/// Appends `text` as a JSON string with its quotes, escaping what must be escaped; malformed UTF-8
/// becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace kbs
