#include "crypto/aead.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <stdexcept>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

/// OpenSSL takes an int: longer messages go in pieces.
constexpr std::size_t kMaxPiece = std::size_t{1} << 30;

/// One for each thread: making a context costs as much as sealing a kilobyte. Keyless between uses,
/// so that no key outlives its message.
class Context {
 public:
  Context() {
    thread_local const EvpCipherCtx mine(EVP_CIPHER_CTX_new());
    require(mine != nullptr, "EVP_CIPHER_CTX_new");
    ctx_ = mine.get();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_CIPHER_CTX_reset(ctx_); }
  EVP_CIPHER_CTX* get() const noexcept { return ctx_; }

 private:
  EVP_CIPHER_CTX* ctx_;
};

void check_sizes(std::span<const std::byte> key, std::size_t in_size, std::size_t out_size) {
  if (key.size() != kAeadKeySize) throw std::logic_error("AES-256-GCM takes a key of 32 bytes");
  if (in_size != out_size) throw std::logic_error("the buffer does not fit the message");
}

}  // namespace

void aead_seal(std::span<const std::byte> key, const AeadNonce& nonce,
               std::span<const std::byte> associated, std::span<const std::byte> plaintext,
               std::span<std::byte> sealed) {
  check_sizes(key, plaintext.size() + kAeadTagSize, sealed.size());
  const Context ctx;
  int size = 0;
  require(EVP_EncryptInit_ex2(ctx.get(), evp_aes_256_gcm(), in(key), in(nonce), nullptr) == 1,
          "EVP_EncryptInit_ex2");
  if (!associated.empty()) {
    require(EVP_EncryptUpdate(ctx.get(), nullptr, &size, in(associated),
                              static_cast<int>(associated.size())) == 1,
            "EVP_EncryptUpdate");
  }
  std::span<std::byte> to = sealed;
  while (!plaintext.empty()) {
    const std::size_t now = std::min(plaintext.size(), kMaxPiece);
    require(EVP_EncryptUpdate(ctx.get(), out(to), &size, in(plaintext), static_cast<int>(now)) == 1,
            "EVP_EncryptUpdate");
    plaintext = plaintext.subspan(now);
    to = to.subspan(now);
  }
  require(EVP_EncryptFinal_ex(ctx.get(), out(to), &size) == 1, "EVP_EncryptFinal_ex");
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, to.data(), kAeadTagSize),
      OSSL_PARAM_construct_end()};
  require(EVP_CIPHER_CTX_get_params(ctx.get(), params) == 1, "EVP_CIPHER_CTX_get_params");
}

bool aead_open(std::span<const std::byte> key, const AeadNonce& nonce,
               std::span<const std::byte> associated, std::span<const std::byte> sealed,
               std::span<std::byte> opened) {
  if (sealed.size() < kAeadTagSize) return false;
  check_sizes(key, sealed.size() - kAeadTagSize, opened.size());
  const Context ctx;
  int size = 0;
  require(EVP_DecryptInit_ex2(ctx.get(), evp_aes_256_gcm(), in(key), in(nonce), nullptr) == 1,
          "EVP_DecryptInit_ex2");
  if (!associated.empty()) {
    require(EVP_DecryptUpdate(ctx.get(), nullptr, &size, in(associated),
                              static_cast<int>(associated.size())) == 1,
            "EVP_DecryptUpdate");
  }
  std::span<const std::byte> from = sealed.first(opened.size());
  std::span<std::byte> to = opened;
  while (!from.empty()) {
    const std::size_t now = std::min(from.size(), kMaxPiece);
    require(EVP_DecryptUpdate(ctx.get(), out(to), &size, in(from), static_cast<int>(now)) == 1,
            "EVP_DecryptUpdate");
    from = from.subspan(now);
    to = to.subspan(now);
  }
  std::array<std::byte, kAeadTagSize> tag;
  std::copy_n(sealed.last(kAeadTagSize).begin(), kAeadTagSize, tag.begin());
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
      OSSL_PARAM_construct_end()};
  require(EVP_CIPHER_CTX_set_params(ctx.get(), params) == 1, "EVP_CIPHER_CTX_set_params");
  std::byte none{};  // GCM is a stream: the end brings no bytes, but the call wants an address
  const bool genuine =
      EVP_DecryptFinal_ex(ctx.get(), reinterpret_cast<unsigned char*>(&none), &size) == 1;
  if (!genuine) {
    if (!opened.empty()) wipe(opened.data(), opened.size());
    (void)take_openssl_errors();
  }
  return genuine;
}

}  // namespace kbs::crypto
