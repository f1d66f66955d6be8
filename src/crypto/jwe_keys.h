#pragma once
/// Inside `src/crypto` only: how a content encryption key travels (RFC 7518 §4.2, §4.3, §4.6).

#include <span>
#include <string_view>

#include "base/result.h"
#include "crypto/jwe.h"

namespace kbs::crypto {

constexpr std::size_t kCekSize = 32;

/// The names in `alg`.
std::string_view to_string(TeePublicKey::Algorithm algorithm) noexcept;

/// Concat KDF (RFC 7518 §4.6.2) with SHA-256.
Secret concat_kdf(const Secret& z, std::string_view algorithm, std::span<const std::byte> apu,
                  std::span<const std::byte> apv, std::size_t key_size);

/// ECDH, then the key that wraps. Both keys are on the same curve; the peer's was validated when it
/// was imported.
Result<Secret> derive_wrapping_key(const PrivateKey& own, const PublicKey& peer,
                                   std::span<const std::byte> apu = {},
                                   std::span<const std::byte> apv = {});

/// AES key wrap (RFC 3394).
Result<Bytes> wrap_key(const Secret& wrapping_key, const Secret& cek);
Result<Secret> unwrap_key(const Secret& wrapping_key, std::span<const std::byte> wrapped);

Result<Bytes> rsa_encrypt_key(const PublicKey& to, TeePublicKey::Algorithm algorithm,
                              const Secret& cek);
/// Never says whether it worked: on any failure the key returned is a random one, chosen without a
/// branch, and decryption fails later like for any wrong key (RFC 7516 §11.5, Bleichenbacher,
/// Manger).
Secret rsa_decrypt_key(const PrivateKey& key, TeePublicKey::Algorithm algorithm,
                       std::span<const std::byte> encrypted);

}  // namespace kbs::crypto
