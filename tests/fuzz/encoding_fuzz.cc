// Strict decoders are one to one: what they accept is exactly what the encoder writes.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Bytes bytes(as_bytes(text).begin(), as_bytes(text).end());

  require(from_base64url(base64url(bytes)).value() == bytes);
  require(from_base64(base64(bytes)).value() == bytes);
  require(from_base64_lenient(base64(bytes)).value() == bytes);
  require(from_hex(hex(bytes)).value() == bytes);

  if (const Result<Bytes> decoded = from_base64url(text)) require(base64url(*decoded) == text);
  if (const Result<Bytes> decoded = from_base64(text)) require(base64(*decoded) == text);
  if (const Result<Bytes> decoded = from_hex(text)) require(decoded->size() * 2 == size);
  (void)from_base64_lenient(text);

  require(percent_decode(text).size() <= size);
  require(form_decode(text).size() <= size);
  const std::string repaired = to_valid_utf8(text);
  require(is_utf8(repaired));
  require(is_utf8(text) == (repaired == text));
  return 0;
}
