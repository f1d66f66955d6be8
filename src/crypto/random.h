#pragma once
/// The one door to randomness: the CSPRNG of OpenSSL.

#include <array>
#include <span>
#include <string>

#include "crypto/secret.h"

namespace kbs::crypto {

/// Fills `out`. Ends the process if the system has no randomness: nothing safe can follow.
void random_bytes(std::span<std::byte> out);
/// `size` fresh bytes that are a key.
Secret random_secret(std::size_t size);
/// UUID version 4, 32 lower-case hex digits without dashes.
std::string random_uuid_simple();

}  // namespace kbs::crypto
