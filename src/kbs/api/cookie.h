#pragma once
/// The session cookie: `kbs-session-id`.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kbs/http/message.h"

namespace kbs::api {

/// Value of `Set-Cookie`. `Secure` under TLS; HttpOnly and SameSite are invisible to guests and
/// keep browsers from leaking a session (design decision 5).
std::string session_cookie(std::string_view value, SysTime expires, bool tls);

/// The first `kbs-session-id` among all Cookie headers (RFC 6265 §5.4), percent-decoded; "" when
/// there is none.
std::string session_cookie_of(const http::Request& request);

}  // namespace kbs::api
