#include "kbs-client/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/encoding.h"
#include "crypto/secret.h"

namespace kbs::client {

Result<> Output::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      return fail(ErrorKind::internal,
                  "cannot write the result: " + std::generic_category().message(errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Result<> Output::write(std::string_view text) { return write(as_bytes(text)); }

Result<> Output::line(std::string_view text) {
  std::string whole(text);
  whole += '\n';
  Result<> written = write(whole);
  wipe(whole.data(), whole.size());  // an attestation token, at times
  return written;
}

Result<> Output::document(const json::value& value) { return line(to_json(value)); }

Result<> Output::secret_base64(std::span<const std::byte> bytes) {
  constexpr std::size_t kPiece = 48u << 10;  // a multiple of three: no padding inside
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(kPiece, bytes.size()));
    std::string text = base64(piece);
    Result<> written = write(text);
    wipe(text.data(), text.size());
    KBS_OK(std::move(written));
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

}  // namespace kbs::client
