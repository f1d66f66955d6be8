#pragma once
/// AES-256-GCM, whole messages at once.

#include <array>
#include <span>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::crypto {

inline constexpr std::size_t kAeadKeySize = 32;
inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kAeadTagSize = 16;
using AeadNonce = std::array<std::byte, kAeadNonceSize>;

/// Writes ciphertext and tag to `out`, which holds `plaintext.size() + kAeadTagSize` bytes and does
/// not overlap `plaintext`. `key` has 32 bytes. A nonce never serves twice under one key.
void aead_seal(std::span<const std::byte> key, const AeadNonce& nonce,
               std::span<const std::byte> associated, std::span<const std::byte> plaintext,
               std::span<std::byte> out);

/// Opens ciphertext and tag into `out`, which holds `sealed.size() - kAeadTagSize` bytes. False,
/// with `out` wiped, when `sealed` is not what `aead_seal` made with this key, nonce and
/// associated data.
[[nodiscard]] bool aead_open(std::span<const std::byte> key, const AeadNonce& nonce,
                             std::span<const std::byte> associated,
                             std::span<const std::byte> sealed, std::span<std::byte> out);

}  // namespace kbs::crypto
