#pragma once
/// Keys out of keys (HKDF) and out of passphrases (scrypt).

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::crypto {

/// RFC 5869 with SHA-256, extract and expand, without salt. `key` is uniformly random.
Secret hkdf_sha256(const Secret& key, std::span<const std::byte> info, std::size_t size);

/// Costs of RFC 7914.
struct ScryptCosts {
  std::uint8_t log2_n = 17;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

/// Refuses costs that would take more than 512 MiB or a sixteenfold of the default's time, and
/// malformed ones: they come from outside. `invalid_request`.
Result<> check(const ScryptCosts& costs);

/// `size` bytes of key. Blocks for about half a second and holds 128·2^log2_n·r bytes meanwhile.
Result<Secret> scrypt(const Secret& passphrase, std::span<const std::byte> salt,
                      const ScryptCosts& costs, std::size_t size);

}  // namespace kbs::crypto
