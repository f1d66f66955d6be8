#include "crypto/kdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

using KdfCtx = Handle<EVP_KDF_CTX, EVP_KDF_CTX_free>;

constexpr std::uint64_t kMaxScryptMemory = 512u << 20;
constexpr std::uint64_t kMaxScryptWork = std::uint64_t{16}
                                         << 20;  // N · r · p; the default has 2^20

EVP_KDF* fetch(const char* name) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, name, nullptr);
  require(kdf != nullptr, "EVP_KDF_fetch");
  return kdf;
}

/// OSSL_PARAM wants a pointer to what it will not change.
OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) {
  static std::byte none{};
  void* data = bytes.empty() ? &none : const_cast<std::byte*>(bytes.data());
  return OSSL_PARAM_construct_octet_string(name, data, bytes.size());
}

std::uint64_t memory_of(const ScryptCosts& costs) {
  return (std::uint64_t{128} << costs.log2_n) * costs.r;
}

}  // namespace

Secret hkdf_sha256(const Secret& key, std::span<const std::byte> info, std::size_t size) {
  static EVP_KDF* const kdf = fetch(OSSL_KDF_NAME_HKDF);
  const KdfCtx ctx(EVP_KDF_CTX_new(kdf));
  require(ctx != nullptr, "EVP_KDF_CTX_new");
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_KEY, key.expose()),
                               octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  SecretBytes derived(size);
  require(EVP_KDF_derive(ctx.get(), out(derived), size, params) == 1, "EVP_KDF_derive(HKDF)");
  return Secret(std::move(derived));
}

Result<> check(const ScryptCosts& costs) {
  const bool formed = costs.log2_n >= 1 && costs.log2_n <= 22 && costs.r >= 1 && costs.r <= 64 &&
                      costs.p >= 1 && costs.p <= 64;
  if (formed && memory_of(costs) <= kMaxScryptMemory &&
      (std::uint64_t{costs.r} << costs.log2_n) * costs.p <= kMaxScryptWork) {
    return {};
  }
  return fail(
      ErrorKind::invalid_request,
      "the costs of the passphrase's key derivation are malformed or out of bounds (at most "
      "512 MiB)");
}

Result<Secret> scrypt(const Secret& passphrase, std::span<const std::byte> salt,
                      const ScryptCosts& costs, std::size_t size) {
  KBS_OK(check(costs));
  static EVP_KDF* const kdf = fetch("SCRYPT");
  const KdfCtx ctx(EVP_KDF_CTX_new(kdf));
  require(ctx != nullptr, "EVP_KDF_CTX_new");
  std::uint64_t n = std::uint64_t{1} << costs.log2_n;
  std::uint32_t r = costs.r;
  std::uint32_t p = costs.p;
  std::uint64_t most = memory_of(costs) + (std::uint64_t{128} * r * p) + (1u << 20);
  const OSSL_PARAM params[] = {octets(OSSL_KDF_PARAM_PASSWORD, passphrase.expose()),
                               octets(OSSL_KDF_PARAM_SALT, salt),
                               OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                               OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
                               OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
                               OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
                               OSSL_PARAM_construct_end()};
  SecretBytes derived(size);
  if (EVP_KDF_derive(ctx.get(), out(derived), size, params) != 1) {
    return openssl_failure(ErrorKind::unavailable,
                           "cannot derive a key from the passphrase: it takes " +
                               std::to_string(memory_of(costs) >> 20) + " MiB of memory");
  }
  return Secret(std::move(derived));
}

}  // namespace kbs::crypto
