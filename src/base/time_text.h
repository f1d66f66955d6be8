#pragma once
/// Times as texts on the wire.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace kbs {

/// "2026-08-02T19:51:40Z".
std::string rfc3339(SysTime time);
/// A date-time of RFC 3339 §5.6: seconds 00 to 59, a fraction of 1 to 9 digits (cut to
/// microseconds), `Z` or an offset. `invalid_request` for any other text, and for days and hours
/// that do not exist.
Result<SysTime> parse_rfc3339(std::string_view text);
/// Appends "2026-08-02T19:51:40.000000Z": for logs and records, where the order within a second
/// matters.
void append_rfc3339_micros(std::string& out, SysTime time);
/// IMF-fixdate of RFC 9110 §5.6.7: "Sun, 02 Aug 2026 19:51:40 GMT".
std::string http_date(SysTime time);

}  // namespace kbs
