#pragma once
/// What the client says on stderr, and why a thing failed in words that tell what to do next.

#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs::client {

/// `text` in double quotes with `"`, `\`, line ends and control characters escaped the way the
/// reference's client shows texts: \n, \r, \t, \0, \u{1b}. Malformed UTF-8 becomes U+FFFD.
std::string quoted(std::string_view text);

/// "Error: …" with a "Caused by:" list when there is a detail, and a "Stack backtrace:" when asked
/// for.
std::string error_report(const Error& error, bool backtrace);
/// The same as one line of JSON: {"error":…,"kind":…,"cause":…,"hint":…}.
std::string error_report_json(const Error& error, std::string_view hint);

/// What an administrator sent along.
enum class Credential { none, token, signed_with_issuer, signed_without_issuer };

/// The next step after a failed command; empty when the error says it all.
std::string admin_hint(ErrorKind kind, Credential credential);
/// The same for a role that may not use the routes below /kbs/v0/admin/.
std::string_view admin_routes_hint() noexcept;
std::string guest_hint(ErrorKind kind, bool with_token);

}  // namespace kbs::client
