#pragma once
/// Digests and MACs.

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/encoding.h"
#include "crypto/secret.h"

namespace kbs::crypto {

enum class HashAlgorithm { sha256, sha384, sha512, sm3 };

/// "sha256", "sha384", "sha512", "sm3", lower case only.
std::optional<HashAlgorithm> hash_algorithm_from(std::string_view name) noexcept;
std::string_view to_string(HashAlgorithm algorithm) noexcept;

Bytes digest(HashAlgorithm algorithm, std::span<const std::byte> data);
using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(std::span<const std::byte> data);
Sha256 hmac_sha256(const Secret& key, std::span<const std::byte> data);

/// Constant time in the contents.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

}  // namespace kbs::crypto
