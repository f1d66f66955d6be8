#pragma once
/// Content codings of request bodies (RFC 9110 §8.4.1).

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::http {

/// Undoes `content_encoding` ("", identity, gzip, x-gzip, deflate). No more than `limit` bytes come
/// out, whatever goes in. Errors: `unsupported` for another coding or more than one, `too_large`
/// over `limit`, `invalid_request` for a damaged, truncated or over-long stream. An empty body
/// stays empty. Memory that held plaintext is wiped.
Result<SecretBytes> decode_content(std::string_view content_encoding, SecretBytes body,
                                   std::size_t limit);

}  // namespace kbs::http
