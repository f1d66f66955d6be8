#pragma once
/// Times as texts on the wire.

#include <string>

#include "base/clock.h"

namespace kbs {

/// "2026-08-02T19:51:40Z".
std::string rfc3339(SysTime time);
/// Appends "2026-08-02T19:51:40.000000Z": for logs and records, where the order within a second
/// matters.
void append_rfc3339_micros(std::string& out, SysTime time);
/// IMF-fixdate of RFC 9110 §5.6.7: "Sun, 02 Aug 2026 19:51:40 GMT".
std::string http_date(SysTime time);

}  // namespace kbs
