#pragma once
/// base64, twelve bytes at a time, where the processor can (SSSE3). Responses of 64 KiB spend their
/// time here.

#include <cstddef>

namespace kbs {

/// Writes the letters of as many leading bytes of `in` as it can take in one go, and returns how
/// many bytes that were: a multiple of three, 0 on other processors. The last two letters of the
/// alphabet are given.
std::size_t encode_base64_x86(const unsigned char* in, std::size_t size, char letter62,
                              char letter63, char* out);

}  // namespace kbs
