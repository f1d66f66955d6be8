#include "crypto/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace kbs::crypto {
namespace {

// OpenSSL takes an int: fill in pieces that fit.
constexpr std::size_t kMaxPiece = std::size_t{1} << 20;

template <class Rand>
void fill(std::span<std::byte> out, Rand rand) {
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), kMaxPiece);
    if (rand(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) != 1) std::abort();
    out = out.subspan(n);
  }
}

}  // namespace

void random_bytes(std::span<std::byte> out) { fill(out, RAND_bytes); }

Secret random_secret(std::size_t size) {
  SecretBytes bytes(size);
  // The private generator: nothing it gave out can be told from what the public one shows.
  fill(bytes, RAND_priv_bytes);
  return Secret(std::move(bytes));
}

std::string random_uuid_simple() {
  std::array<std::byte, 16> id;
  random_bytes(id);
  // RFC 9562 §5.4: version 4, variant 10.
  id[6] = (id[6] & std::byte{0x0f}) | std::byte{0x40};
  id[8] = (id[8] & std::byte{0x3f}) | std::byte{0x80};
  return hex(id);
}

}  // namespace kbs::crypto
