#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

EVP_MAC* hmac() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  return mac;
}

void digest_into(HashAlgorithm algorithm, std::span<const std::byte> data, std::byte* out) {
  unsigned size = 0;
  require(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out), &size,
                     evp_md(algorithm), nullptr) == 1,
          "EVP_Digest");
}

}  // namespace

std::optional<HashAlgorithm> hash_algorithm_from(std::string_view name) noexcept {
  for (HashAlgorithm a :
       {HashAlgorithm::sha256, HashAlgorithm::sha384, HashAlgorithm::sha512, HashAlgorithm::sm3}) {
    if (name == to_string(a)) return a;
  }
  return std::nullopt;
}

std::string_view to_string(HashAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case HashAlgorithm::sha256:
      return "sha256";
    case HashAlgorithm::sha384:
      return "sha384";
    case HashAlgorithm::sha512:
      return "sha512";
    case HashAlgorithm::sm3:
      return "sm3";
  }
  return "unknown";
}

Bytes digest(HashAlgorithm algorithm, std::span<const std::byte> data) {
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(evp_md(algorithm))));
  digest_into(algorithm, data, out.data());
  return out;
}

Sha256 sha256(std::span<const std::byte> data) {
  Sha256 out;
  digest_into(HashAlgorithm::sha256, data, out.data());
  return out;
}

Sha256 hmac_sha256(const Secret& key, std::span<const std::byte> data) {
  Handle<EVP_MAC_CTX, EVP_MAC_CTX_free> ctx(EVP_MAC_CTX_new(hmac()));
  require(ctx != nullptr, "EVP_MAC_CTX_new");
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  // A null key would mean "keep the previous one": an empty key still needs an address.
  static constexpr unsigned char kEmpty = 0;
  const unsigned char* bytes = in(key.expose());
  require(EVP_MAC_init(ctx.get(), key.empty() ? &kEmpty : bytes, key.size(), params) == 1,
          "EVP_MAC_init");
  Sha256 mac;
  std::size_t size = 0;
  require(EVP_MAC_update(ctx.get(), in(data), data.size()) == 1 &&
              EVP_MAC_final(ctx.get(), crypto::out(mac), &size, mac.size()) == 1,
          "EVP_MAC");
  return mac;
}

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace kbs::crypto
