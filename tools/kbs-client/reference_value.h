#pragma once
/// The provenance message of the sample extractor (spec/rvps.md, http-api.md §3.5).

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace kbs::client {

enum class ValueType { text, integer, boolean };

/// {"version":"0.1.0","type":"sample","payload":base64 of {NAME:`value`}}.
std::string reference_value_message(std::string_view name, json::value value);

/// {"version":"0.1.0","type":"sample","payload":base64 of {NAME:value}}, the value alone or in an
/// array of one. `integer` is 32-bit signed; what does not parse is `invalid_request`.
Result<std::string> sample_reference_value(std::string_view name, std::string_view value,
                                           ValueType type, bool single_value);

}  // namespace kbs::client
