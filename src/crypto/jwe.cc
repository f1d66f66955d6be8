#include "crypto/jwe.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <span>

#include "crypto/evp.h"
#include "crypto/jwe_keys.h"
#include "crypto/random.h"

namespace kbs::crypto {
namespace {

using Algorithm = TeePublicKey::Algorithm;

constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr int kMaxTeeRsaBits = 4096;
constexpr int kMaxTeeExponentBits = 33;

auto malformed_key() { return fail(ErrorKind::unauthenticated, "malformed TEE public key"); }

auto unusable_key(std::string why) {
  return fail(ErrorKind::invalid_request, "cannot encrypt to this TEE public key", std::move(why));
}

bool has_strings(const json::object& jwk, std::initializer_list<std::string_view> names) {
  return std::all_of(names.begin(), names.end(),
                     [&](std::string_view name) { return string_member(jwk, name).has_value(); });
}

/// All members that its type demands are there, as strings (rcar-protocol.md §4).
bool is_tee_key(const json::object& jwk) {
  const auto kty = string_member(jwk, "kty");
  if (kty == "RSA") return has_strings(jwk, {"alg", "n", "e"});
  if (kty == "EC") return has_strings(jwk, {"alg", "crv", "x", "y"});
  if (kty == "AKP") return has_strings(jwk, {"alg", "pub"});
  return false;
}

std::optional<Algorithm> algorithm_for(const json::object& jwk) {
  const auto kty = string_member(jwk, "kty");
  const auto alg = string_member(jwk, "alg");
  if (kty == "RSA") {
    for (Algorithm a : {Algorithm::rsa_oaep_256, Algorithm::rsa1_5}) {
      if (alg == to_string(a)) return a;
    }
  }
  if (kty == "EC" && alg == to_string(Algorithm::ecdh_es_a256kw)) {
    const auto crv = string_member(jwk, "crv");
    if (crv == "P-256" || crv == "P-521") return Algorithm::ecdh_es_a256kw;
  }
  return std::nullopt;
}

/// Guests make 2048-bit keys; the upper bounds are the reference's, and keep the cost of a response
/// ours.
Result<> check_tee_rsa(const PublicKey& key) {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &raw) == 1,
          "EVP_PKEY_get_bn_param");
  const Bn exponent(raw);
  if (key.bits() > kMaxTeeRsaBits || BN_num_bits(exponent.get()) > kMaxTeeExponentBits) {
    return unusable_key("RSA modulus over 4096 bits or exponent over 33 bits");
  }
  return {};
}

// The exact texts: guests serialise what they parsed again and authenticate that (jwe-response.md
// §2). `alg` and `enc` first, the rest sorted at every depth, no white space.
constexpr std::string_view kHeaderStart = R"({"alg":")";
constexpr std::string_view kHeaderEnc = R"(","enc":"A256GCM")";
constexpr std::string_view kHeaderEpk = R"(,"epk":{"crv":")";
constexpr std::string_view kHeaderX = R"(","kty":"EC","x":")";
constexpr std::string_view kHeaderY = R"(","y":")";

/// How the content key goes to the guest: the protected header's JSON and `encrypted_key`.
struct KeyTransport {
  std::string header;
  Bytes encrypted_key;
};

std::string start_header(Algorithm algorithm) {
  std::string header;
  header.reserve(320);
  header.append(kHeaderStart).append(to_string(algorithm)).append(kHeaderEnc);
  return header;
}

Result<> append_epk(std::string& header, const PrivateKey& ephemeral) {
  std::array<std::byte, 1 + 2 * 66> point;
  std::size_t size = 0;
  const std::size_t n = coordinate_size(ephemeral.type());
  if (EVP_PKEY_get_octet_string_param(ephemeral.get(), OSSL_PKEY_PARAM_PUB_KEY, out(point),
                                      point.size(), &size) != 1 ||
      size != 1 + 2 * n || point[0] != std::byte{4}) {
    return openssl_failure(ErrorKind::internal, "ephemeral key without an uncompressed point");
  }
  const std::span<const std::byte> xy(point);
  header.append(kHeaderEpk).append(ephemeral.type() == KeyType::ec_p256 ? "P-256" : "P-521");
  header.append(kHeaderX);
  append_base64url(header, xy.subspan(1, n));
  header.append(kHeaderY);
  append_base64url(header, xy.subspan(1 + n, n));
  header.append(R"("})");
  return {};
}

Result<KeyTransport> transport_by_ecdh(const TeePublicKey& to, const PrivateKey& ephemeral,
                                       const Secret& cek) {
  KeyTransport transport{start_header(to.algorithm()), {}};
  KBS_OK(append_epk(transport.header, ephemeral));
  transport.header += '}';
  KBS_TRY(Secret wrapping_key, derive_wrapping_key(ephemeral, to.key()));
  KBS_TRY(transport.encrypted_key, wrap_key(wrapping_key, cek));
  return transport;
}

Result<KeyTransport> transport_by_rsa(const TeePublicKey& to, const Secret& cek) {
  KeyTransport transport{start_header(to.algorithm()), {}};
  transport.header += '}';
  KBS_TRY(transport.encrypted_key, rsa_encrypt_key(to.key(), to.algorithm(), cek));
  return transport;
}

constexpr std::size_t base64url_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }

/// Encrypts piece by piece straight into base64url at the end of `out_text`: a resource of
/// megabytes is never held a second time. Pieces are whole groups of three, so that their texts
/// join seamlessly.
class GcmText {
 public:
  GcmText(const Secret& cek, std::span<const std::byte> iv, std::string_view aad)
      : ctx_(EVP_CIPHER_CTX_new()) {
    int size = 0;
    require(ctx_ && EVP_EncryptInit_ex2(ctx_.get(), evp_aes_256_gcm(), in(cek.expose()), in(iv),
                                        nullptr) == 1,
            "EVP_EncryptInit_ex2");
    require(EVP_EncryptUpdate(ctx_.get(), nullptr, &size, in(as_bytes(aad)),
                              static_cast<int>(aad.size())) == 1,
            "EVP_EncryptUpdate");
  }

  void append_ciphertext(std::string& out_text, std::span<const std::byte> plaintext) {
    std::array<std::byte, std::size_t{3} * 4096> piece;
    while (!plaintext.empty()) {
      const auto now = plaintext.first(std::min(plaintext.size(), piece.size()));
      int size = 0;
      require(EVP_EncryptUpdate(ctx_.get(), out(piece), &size, in(now),
                                static_cast<int>(now.size())) == 1,
              "EVP_EncryptUpdate");
      append_base64url(out_text, std::span<const std::byte>(piece).first(now.size()));
      plaintext = plaintext.subspan(now.size());
    }
  }

  void append_tag(std::string& out_text) {
    std::array<std::byte, kTagSize> tag;
    int size = 0;
    require(EVP_EncryptFinal_ex(ctx_.get(), out(tag), &size) == 1, "EVP_EncryptFinal_ex");
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
        OSSL_PARAM_construct_end()};
    require(EVP_CIPHER_CTX_get_params(ctx_.get(), params) == 1, "EVP_CIPHER_CTX_get_params");
    append_base64url(out_text, tag);
  }

 private:
  EvpCipherCtx ctx_;
};

std::string write_jwe(const KeyTransport& transport, const Secret& cek,
                      std::span<const std::byte> iv, std::span<const std::byte> plaintext) {
  std::string aad;
  aad.reserve(base64url_size(transport.header.size()));
  append_base64url(aad, as_bytes(transport.header));

  std::string text;
  text.reserve(aad.size() + base64url_size(transport.encrypted_key.size()) +
               base64url_size(plaintext.size()) + 128);
  text.append(R"({"protected":")").append(aad).append(R"(","encrypted_key":")");
  append_base64url(text, transport.encrypted_key);
  text.append(R"(","iv":")");
  append_base64url(text, iv);
  text.append(R"(","ciphertext":")");
  GcmText gcm(cek, iv, aad);
  gcm.append_ciphertext(text, plaintext);
  text.append(R"(","tag":")");
  gcm.append_tag(text);
  text.append(R"("})");
  return text;
}

}  // namespace

Result<TeePublicKey> TeePublicKey::from_jwk(const json::value& value) {
  const json::object* jwk = value.if_object();
  if (jwk == nullptr || !is_tee_key(*jwk)) return malformed_key();
  const auto algorithm = algorithm_for(*jwk);
  if (!algorithm) return unusable_key("unsupported combination of kty, crv and alg");
  auto key = PublicKey::from_jwk(*jwk);
  if (!key) return unusable_key(key.error().message);
  if (key->type() == KeyType::rsa) KBS_OK(check_tee_rsa(*key));
  return TeePublicKey(std::move(*key), *algorithm);
}

Result<std::string> encrypt_jwe_with(const TeePublicKey& to, std::span<const std::byte> plaintext,
                                     const JweRandomness& randomness) {
  if (randomness.cek.size() != kCekSize || randomness.iv.size() != kIvSize) {
    return fail(ErrorKind::invalid_request, "A256GCM takes a key of 32 bytes and an IV of 12");
  }
  const bool ecdh = to.algorithm() == Algorithm::ecdh_es_a256kw;
  if (ecdh && (!randomness.ephemeral || randomness.ephemeral->type() != to.key().type())) {
    return fail(ErrorKind::invalid_request, "ECDH-ES needs an ephemeral key on the same curve");
  }
  KBS_TRY(KeyTransport transport, ecdh
                                      ? transport_by_ecdh(to, *randomness.ephemeral, randomness.cek)
                                      : transport_by_rsa(to, randomness.cek));
  return write_jwe(transport, randomness.cek, randomness.iv, plaintext);
}

Result<std::string> encrypt_jwe(const TeePublicKey& to, std::span<const std::byte> plaintext) {
  JweRandomness randomness{random_secret(kCekSize), Bytes(kIvSize), std::nullopt};
  random_bytes(randomness.iv);
  if (to.algorithm() == Algorithm::ecdh_es_a256kw) {
    KBS_TRY(randomness.ephemeral, PrivateKey::generate_like(to.key()));
  }
  return encrypt_jwe_with(to, plaintext, randomness);
}

}  // namespace kbs::crypto
