#pragma once
/// Inside `src/crypto` only: algorithms fetched once, and OpenSSL's failures as ours.

#include <openssl/evp.h>

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/key.h"

namespace kbs::crypto {

/// Fetched on first use and kept for the life of the process: an implicit fetch costs a microsecond
/// or two on every call. A provider without the algorithm is a broken installation: throws.
const EVP_MD* evp_md(HashAlgorithm algorithm);
const EVP_CIPHER* evp_aes_256_gcm();
const EVP_CIPHER* evp_aes_256_wrap();

/// Bytes as OpenSSL's functions take them.
inline const unsigned char* in(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* out(std::span<std::byte> bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

/// OpenSSL's own name of a digest, for OSSL_PARAM.
const char* evp_md_name(HashAlgorithm algorithm) noexcept;
/// The curve's name in OSSL_PARAM, or null for RSA and Ed25519.
const char* evp_group_name(KeyType type) noexcept;
/// Bytes of one coordinate: 32, 48, 66; 0 for keys that have none.
std::size_t coordinate_size(KeyType type) noexcept;

/// The reasons in this thread's error queue, which is left empty: a stale entry there would be
/// taken by a TLS connection of the same thread for its own failure.
std::string take_openssl_errors();

/// An Error whose detail is what OpenSSL said.
tl::unexpected<Error> openssl_failure(ErrorKind kind, std::string message,
                                      boost::source_location where = BOOST_CURRENT_LOCATION);

/// For calls that fail only by lack of memory or a bug: throws, naming `call`.
void require(bool ok, std::string_view call);

/// Whether modulus and exponent are fit for use: odd modulus of 2048 to `max_bits` bits, odd
/// exponent of 3 to 64 bits' worth. Errors are `invalid_request`.
Result<> check_rsa(const BIGNUM* n, const BIGNUM* e, int max_bits);

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;

}  // namespace kbs::crypto
