// Certificates from strangers: a PEM bundle, a chain of DER (each behind a two-byte length), a
// trust file. No chain may verify: the only anchor's key has been thrown away.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "crypto/testing/test_ca.h"
#include "crypto/x509.h"

namespace {

using namespace kbs;
using namespace kbs::crypto;

const TrustStore& anchors() {
  static const TrustStore store = [] {
    TrustStore made;
    if (!made.add_pem(crypto::testing::make_root().pem)) std::abort();
    return made;
  }();
  return store;
}

std::vector<Bytes> split(std::span<const std::byte> data) {
  std::vector<Bytes> parts;
  while (data.size() >= 2) {
    const std::size_t want =
        std::to_integer<std::size_t>(data[0]) << 8 | std::to_integer<std::size_t>(data[1]);
    data = data.subspan(2);
    const auto part = data.first(std::min(want, data.size()));
    parts.emplace_back(part.begin(), part.end());
    data = data.subspan(part.size());
  }
  return parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto chain = certificates_from_pem(as_text(bytes))) {
    if (verify_chain(*chain, anchors(), crypto::testing::kTestDay)) std::abort();
  }
  if (verify_chain(split(bytes), anchors(), crypto::testing::kTestDay)) std::abort();
  TrustStore store;
  (void)store.add_pem(as_text(bytes)).has_value();
  return 0;
}
