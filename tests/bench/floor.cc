#include "bench/floor.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <vector>

#include "bench/cores.h"
#include "crypto/openssl_ptr.h"

namespace kbs::bench {
namespace {

using crypto::EvpCipherCtx;
using crypto::EvpPkeyCtx;
using crypto::KeyType;
using Bytes = std::vector<unsigned char>;
using Digest = std::array<unsigned char, 32>;

constexpr std::size_t kHeaderSize = 250;
constexpr std::size_t kPiece = std::size_t{3} * 4096;
constexpr std::size_t kTlsRecord = std::size_t{16} << 10;
constexpr int kTag = 16;

/// A floor that did not do its work would be a lie.
void must(bool ok) {
  if (!ok) throw std::runtime_error("an operation of the floor failed");
}

const EVP_CIPHER* fetched(const char* name) {
  const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  must(cipher != nullptr);
  return cipher;
}

Bytes sign(EVP_PKEY* key, const Digest& digest) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key));
  Bytes signature(size);
  must(EVP_PKEY_sign_init(ctx.get()) == 1 &&
       EVP_PKEY_sign(ctx.get(), signature.data(), &size, digest.data(), digest.size()) == 1);
  signature.resize(size);
  return signature;
}

void verify(EVP_PKEY* key, const Digest& digest, const Bytes& signature) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  must(EVP_PKEY_verify_init(ctx.get()) == 1 &&
       EVP_PKEY_verify(ctx.get(), signature.data(), signature.size(), digest.data(),
                       digest.size()) == 1);
}

/// A fresh key on the peer's curve with its public point in the affine form that goes out: the last
/// step, an inversion, is a good part of the work on P-521.
crypto::EvpPkey make_ephemeral(EVP_PKEY* peer) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, peer, nullptr));
  EVP_PKEY* made = nullptr;
  must(EVP_PKEY_keygen_init(ctx.get()) == 1 && EVP_PKEY_generate(ctx.get(), &made) == 1);
  crypto::EvpPkey ephemeral(made);
  std::array<unsigned char, 1 + 2 * 66> point;
  std::size_t size = 0;
  must(EVP_PKEY_get_octet_string_param(made, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                       &size) == 1);
  return ephemeral;
}

void derive(EVP_PKEY* own, EVP_PKEY* peer) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
  std::array<unsigned char, 66> z;
  std::size_t size = z.size();
  must(EVP_PKEY_derive_init(ctx.get()) == 1 &&
       EVP_PKEY_derive_set_peer_ex(ctx.get(), peer, 0) == 1 &&
       EVP_PKEY_derive(ctx.get(), z.data(), &size) == 1);
}

void wrap_key() {
  static const EVP_CIPHER* const cipher = fetched("AES-256-WRAP");
  const std::array<unsigned char, 32> key{}, cek{};
  std::array<unsigned char, 40> wrapped;
  int size = 0;
  EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  must(EVP_EncryptInit_ex2(ctx.get(), cipher, key.data(), nullptr, nullptr) == 1 &&
       EVP_EncryptUpdate(ctx.get(), wrapped.data(), &size, cek.data(), cek.size()) == 1);
}

void encrypt_rsa_oaep(EVP_PKEY* key) {
  char digest[] = "SHA256";
  char oaep[] = OSSL_PKEY_RSA_PAD_MODE_OAEP;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, oaep, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  const std::array<unsigned char, 32> cek{};
  std::array<unsigned char, 256> encrypted;
  std::size_t size = encrypted.size();
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  must(EVP_PKEY_encrypt_init_ex(ctx.get(), params) == 1 &&
       EVP_PKEY_encrypt(ctx.get(), encrypted.data(), &size, cek.data(), cek.size()) == 1);
}

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = fetched("AES-256-GCM");
  return cipher;
}

void encrypt_content(const Bytes& plaintext, std::size_t plaintext_size) {
  const std::array<unsigned char, 32> key{};
  const std::array<unsigned char, 12> iv{};
  std::array<unsigned char, kPiece> piece;
  int size = 0;
  EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  must(EVP_EncryptInit_ex2(ctx.get(), aes_256_gcm(), key.data(), iv.data(), nullptr) == 1 &&
       EVP_EncryptUpdate(ctx.get(), nullptr, &size, plaintext.data(), kHeaderSize) == 1);
  for (std::size_t done = 0; done < plaintext_size; done += kPiece) {
    const int now = static_cast<int>(std::min(kPiece, plaintext_size - done));
    must(EVP_EncryptUpdate(ctx.get(), piece.data(), &size, plaintext.data() + done, now) == 1);
  }
  must(EVP_EncryptFinal_ex(ctx.get(), piece.data(), &size) == 1 &&
       EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTag, piece.data()) == 1);
}

/// TLS 1.3 records: one context for the connection, an IV and a tag for each.
void encrypt_records(EVP_CIPHER_CTX* ctx, const Bytes& data, std::size_t data_size) {
  const std::array<unsigned char, 12> iv{};
  std::array<unsigned char, kTlsRecord> record;
  int size = 0;
  for (std::size_t done = 0; done < data_size; done += kTlsRecord) {
    const int now = static_cast<int>(std::min(kTlsRecord, data_size - done));
    must(EVP_EncryptInit_ex2(ctx, nullptr, nullptr, iv.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(ctx, nullptr, &size, data.data(), 5) == 1 &&
         EVP_EncryptUpdate(ctx, record.data(), &size, data.data() + done, now) == 1 &&
         EVP_EncryptFinal_ex(ctx, record.data(), &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kTag, record.data()) == 1);
  }
}

/// Mean CPU time of `work` over at least `milliseconds`, after a short warm-up.
double mean_us(const std::function<void()>& work, double milliseconds) {
  for (int i = 0; i < 20; ++i) work();
  const double begin = thread_cpu_us();
  double now = begin;
  std::size_t count = 0;
  while (now - begin < milliseconds * 1e3) {
    for (int i = 0; i < 10; ++i) work();
    count += 10;
    now = thread_cpu_us();
  }
  return (now - begin) / static_cast<double>(count);
}

}  // namespace

struct Floor::Parts {
  crypto::PrivateKey signer, p256, p521, rsa;
  Digest digest{};
  Bytes data = Bytes(std::size_t{1} << 20, 'd');
  Bytes signature = {};
  EvpCipherCtx tls{EVP_CIPHER_CTX_new()};

  void encrypt_to(KeyType type, std::size_t plaintext) const {
    if (type == KeyType::rsa) {
      encrypt_rsa_oaep(rsa.get());
    } else {
      EVP_PKEY* peer = type == KeyType::ec_p256 ? p256.get() : p521.get();
      const crypto::EvpPkey ephemeral = make_ephemeral(peer);
      derive(ephemeral.get(), peer);
      wrap_key();
    }
    encrypt_content(data, plaintext);
  }
  void run(const FloorRecipe& recipe) const {
    if (recipe.sign_token) sign(signer.get(), digest);
    if (recipe.verify_token) verify(signer.get(), digest, signature);
    if (recipe.tee_key) encrypt_to(*recipe.tee_key, recipe.plaintext);
    if (recipe.tls > 0) encrypt_records(tls.get(), data, recipe.tls);
  }
};

Floor::Floor(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Floor::~Floor() = default;

Result<std::unique_ptr<Floor>> Floor::make() {
  KBS_TRY(auto signer, crypto::PrivateKey::generate(KeyType::ec_p256));
  KBS_TRY(auto p256, crypto::PrivateKey::generate(KeyType::ec_p256));
  KBS_TRY(auto p521, crypto::PrivateKey::generate(KeyType::ec_p521));
  KBS_TRY(auto rsa, crypto::PrivateKey::generate(KeyType::rsa));
  auto parts = std::make_unique<Parts>(
      Parts{std::move(signer), std::move(p256), std::move(p521), std::move(rsa)});
  parts->signature = sign(parts->signer.get(), parts->digest);
  const std::array<unsigned char, 32> key{};
  must(EVP_EncryptInit_ex2(parts->tls.get(), aes_256_gcm(), key.data(), nullptr, nullptr) == 1);
  return std::unique_ptr<Floor>(new Floor(std::move(parts)));
}

double Floor::measure_us(const FloorRecipe& recipe, double milliseconds) const {
  return mean_us([&] { parts_->run(recipe); }, milliseconds);
}

double Floor::measure_us(Operation operation, double milliseconds) const {
  const Parts& parts = *parts_;
  switch (operation) {
    case Operation::ecdh_p256:
      return mean_us([&] { derive(parts.signer.get(), parts.p256.get()); }, milliseconds);
    case Operation::ecdsa_p256_verify:
      return mean_us([&] { verify(parts.signer.get(), parts.digest, parts.signature); },
                     milliseconds);
    case Operation::rsa_2048_verify: {
      // With one context for all, as `openssl speed` has it: making one takes a tenth of so short
      // an operation.
      const Bytes signature = sign(parts.rsa.get(), parts.digest);
      EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, parts.rsa.get(), nullptr));
      must(EVP_PKEY_verify_init(ctx.get()) == 1);
      const auto verify_again = [&] {
        must(EVP_PKEY_verify(ctx.get(), signature.data(), signature.size(), parts.digest.data(),
                             parts.digest.size()) == 1);
      };
      return mean_us(verify_again, milliseconds);
    }
  }
  return 0;
}

}  // namespace kbs::bench
