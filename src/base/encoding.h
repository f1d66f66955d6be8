#pragma once
/// Strict text encodings of bytes. Decoders refuse what the RFC does not allow: wrong alphabet,
/// missing or superfluous padding, non-zero trailing bits.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kbs {

using Bytes = std::vector<std::byte>;

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// RFC 4648 §5 without padding, as JOSE uses it.
std::string base64url(std::span<const std::byte> bytes);
Result<Bytes> from_base64url(std::string_view text);
/// RFC 4648 §4 with padding.
std::string base64(std::span<const std::byte> bytes);
Result<Bytes> from_base64(std::string_view text);
/// Either alphabet, with or without padding, line feeds skipped: the entries of `x5c` as issuers
/// wrote them.
Result<Bytes> from_base64_lenient(std::string_view text);

/// Decodes base64url into `out`, which must hold `base64url_size(text)` bytes: for secrets, whose
/// memory the caller owns and wipes.
std::size_t base64url_decoded_size(std::string_view text) noexcept;
Result<> from_base64url_into(std::string_view text, std::span<std::byte> out);

/// Appends the base64url text of `bytes` to `out` without a temporary.
void append_base64url(std::string& out, std::span<const std::byte> bytes);

/// Lower-case hex.
std::string hex(std::span<const std::byte> bytes);
/// Either case, even length.
Result<Bytes> from_hex(std::string_view text);

/// One percent-decoding pass over a path: "%2F" becomes "/", "+" stays. A malformed escape stays as
/// it is.
std::string percent_decode(std::string_view text);
/// application/x-www-form-urlencoded component: "+" is a space.
std::string form_decode(std::string_view text);

/// Whether `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text) noexcept;
/// Replaces each malformed sequence by U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace kbs
