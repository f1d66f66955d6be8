#include "crypto/secret.h"

#include <openssl/crypto.h>

namespace kbs {

void wipe(void* data, std::size_t size) noexcept { OPENSSL_cleanse(data, size); }

bool operator==(const Secret& a, const Secret& b) noexcept {
  // Two empty vectors have null pointers, which memcmp-like functions may not be given.
  return a.size() == b.size() &&
         (a.empty() || CRYPTO_memcmp(a.bytes_.data(), b.bytes_.data(), a.size()) == 0);
}

}  // namespace kbs
