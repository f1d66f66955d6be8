#pragma once
/// The text of a LocalJson file: `{"key":"<base64url of the value>", …}`.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::storage::kv {

/// Keys and the texts of their values, which hold secrets as the values do.
using Members = std::map<std::string, SecretBytes, std::less<>>;

/// Reads such a file; every buffer on the way is wiped. A key given twice counts as its last, as in
/// the reference. `internal` when the text is anything but an object of strings.
Result<Members> parse_members(std::string_view text);
SecretBytes print_members(const Members& members);

/// base64url with padding, as the reference writes it.
SecretBytes encode_value(const Secret& value);
/// With padding or without.
Result<Secret> decode_value(std::string_view text);
/// How many bytes `decode_value` would give.
std::size_t value_size(std::string_view text) noexcept;

}  // namespace kbs::storage::kv
