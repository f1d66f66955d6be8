#include "crypto/jwe_keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include <array>
#include <cstdint>

#include "crypto/evp.h"
#include "crypto/random.h"

namespace kbs::crypto {
namespace {

using Algorithm = TeePublicKey::Algorithm;
using KdfCtx = Handle<EVP_KDF_CTX, EVP_KDF_CTX_free>;

EVP_KDF* sskdf() {
  static EVP_KDF* const kdf = [] {
    EVP_KDF* fetched = EVP_KDF_fetch(nullptr, "SSKDF", nullptr);
    require(fetched != nullptr, "EVP_KDF_fetch");
    return fetched;
  }();
  return kdf;
}

OSSL_PARAM text_param(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}
OSSL_PARAM bytes_param(const char* name, std::span<const std::byte> value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(value.data()),
                                           value.size());
}

void append_u32(Bytes& to, std::size_t value) {
  for (int shift : {24, 16, 8, 0}) to.push_back(static_cast<std::byte>((value >> shift) & 0xff));
}
void append_sized(Bytes& to, std::span<const std::byte> value) {
  append_u32(to, value.size());
  to.insert(to.end(), value.begin(), value.end());
}

std::array<OSSL_PARAM, 4> padding_params(Algorithm algorithm) {
  if (algorithm == Algorithm::rsa1_5) {
    return {text_param(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15),
            OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  }
  return {text_param(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_OAEP),
          text_param(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, "SHA256"),
          text_param(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, "SHA256"), OSSL_PARAM_construct_end()};
}

/// All ones if equal, else zero, without a branch; the empty assembly keeps the compiler from
/// seeing that only two values are possible and making a branch of it.
std::size_t equal_mask(std::size_t a, std::size_t b) {
  const std::size_t difference = a ^ b;
  std::size_t mask = ((difference | (0 - difference)) >> (8 * sizeof(std::size_t) - 1)) - 1;
  __asm__("" : "+r"(mask));
  return mask;
}

}  // namespace

std::string_view to_string(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::ecdh_es_a256kw:
      return "ECDH-ES+A256KW";
    case Algorithm::rsa_oaep_256:
      return "RSA-OAEP-256";
    case Algorithm::rsa1_5:
      return "RSA1_5";
  }
  return "unknown";
}

Secret concat_kdf(const Secret& z, std::string_view algorithm, std::span<const std::byte> apu,
                  std::span<const std::byte> apv, std::size_t key_size) {
  Bytes info;
  info.reserve(16 + algorithm.size() + apu.size() + apv.size());
  append_sized(info, as_bytes(algorithm));
  append_sized(info, apu);
  append_sized(info, apv);
  append_u32(info, key_size * 8);

  const OSSL_PARAM params[] = {text_param(OSSL_KDF_PARAM_DIGEST, "SHA256"),
                               bytes_param(OSSL_KDF_PARAM_SECRET, z.expose()),
                               bytes_param(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  KdfCtx ctx(EVP_KDF_CTX_new(sskdf()));
  SecretBytes key(key_size);
  require(ctx && EVP_KDF_derive(ctx.get(), out(key), key.size(), params) == 1, "EVP_KDF_derive");
  return Secret(std::move(key));
}

Result<Secret> derive_wrapping_key(const PrivateKey& own, const PublicKey& peer,
                                   std::span<const std::byte> apu, std::span<const std::byte> apv) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  SecretBytes z(coordinate_size(own.type()));
  std::size_t size = z.size();
  // No second validation of the peer: it multiplies by the group order, as dear as the exchange
  // itself, and `PublicKey::from_jwk` has already put the point on the curve.
  if (!ctx || own.type() != peer.type() || EVP_PKEY_derive_init(ctx.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(ctx.get(), peer.get(), 0) != 1 ||
      EVP_PKEY_derive(ctx.get(), out(z), &size) != 1 || size != z.size()) {
    return openssl_failure(ErrorKind::invalid_request, "key agreement failed");
  }
  const Secret secret(std::move(z));
  return concat_kdf(secret, to_string(Algorithm::ecdh_es_a256kw), apu, apv, kCekSize);
}

Result<Bytes> wrap_key(const Secret& wrapping_key, const Secret& cek) {
  EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  Bytes wrapped(cek.size() + 8);
  int size = 0;
  if (!ctx || wrapping_key.size() != kCekSize ||
      EVP_EncryptInit_ex2(ctx.get(), evp_aes_256_wrap(), in(wrapping_key.expose()), nullptr,
                          nullptr) != 1 ||
      EVP_EncryptUpdate(ctx.get(), out(wrapped), &size, in(cek.expose()),
                        static_cast<int>(cek.size())) != 1 ||
      static_cast<std::size_t>(size) != wrapped.size()) {
    return openssl_failure(ErrorKind::internal, "cannot wrap the content key");
  }
  return wrapped;
}

Result<Secret> unwrap_key(const Secret& wrapping_key, std::span<const std::byte> wrapped) {
  EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  SecretBytes cek(kCekSize + 8);
  int size = 0;
  if (!ctx || wrapping_key.size() != kCekSize || wrapped.size() != cek.size() ||
      EVP_DecryptInit_ex2(ctx.get(), evp_aes_256_wrap(), in(wrapping_key.expose()), nullptr,
                          nullptr) != 1 ||
      EVP_DecryptUpdate(ctx.get(), out(cek), &size, in(wrapped),
                        static_cast<int>(wrapped.size())) != 1 ||
      static_cast<std::size_t>(size) != kCekSize) {
    return openssl_failure(ErrorKind::unauthenticated, "cannot unwrap the content key");
  }
  cek.resize(kCekSize);
  return Secret(std::move(cek));
}

Result<Bytes> rsa_encrypt_key(const PublicKey& to, Algorithm algorithm, const Secret& cek) {
  const auto params = padding_params(algorithm);
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, to.get(), nullptr));
  Bytes encrypted(static_cast<std::size_t>(EVP_PKEY_get_size(to.get())));
  std::size_t size = encrypted.size();
  if (!ctx || EVP_PKEY_encrypt_init_ex(ctx.get(), params.data()) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), out(encrypted), &size, in(cek.expose()), cek.size()) != 1 ||
      size != encrypted.size()) {
    return openssl_failure(ErrorKind::internal, "cannot encrypt to the RSA key");
  }
  return encrypted;
}

Secret rsa_decrypt_key(const PrivateKey& key, Algorithm algorithm,
                       std::span<const std::byte> encrypted) {
  Secret substitute = random_secret(kCekSize);
  const auto params = padding_params(algorithm);
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  require(ctx && EVP_PKEY_decrypt_init_ex(ctx.get(), params.data()) == 1,
          "EVP_PKEY_decrypt_init_ex");
  SecretBytes message(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())));
  std::size_t size = message.size();
  const int done =
      EVP_PKEY_decrypt(ctx.get(), out(message), &size, in(encrypted), encrypted.size());
  const std::size_t good =
      equal_mask(static_cast<std::size_t>(done), 1) & equal_mask(size, kCekSize);
  SecretBytes cek(kCekSize);
  for (std::size_t i = 0; i < kCekSize; ++i) {
    cek[i] = (message[i] & static_cast<std::byte>(good)) |
             (substitute.expose()[i] & static_cast<std::byte>(~good));
  }
  ERR_clear_error();
  return Secret(std::move(cek));
}

}  // namespace kbs::crypto
