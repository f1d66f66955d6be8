// The client's half: opening a response with the guest's private key.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>

#include "crypto/evp.h"
#include "crypto/jwe.h"
#include "crypto/jwe_keys.h"

namespace kbs::crypto {
namespace {

using Algorithm = TeePublicKey::Algorithm;

constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;
// Responses have no limit of their own; this one only keeps a hostile server from exhausting us.
constexpr std::size_t kMaxJwe = std::size_t{256} << 20;
constexpr std::size_t kMaxPiece = std::size_t{1} << 20;

auto malformed(std::string what) {
  return fail(ErrorKind::invalid_request, "malformed JWE: " + std::move(what));
}

/// The one answer to whatever fails once the key is involved.
auto cannot_open() {
  ERR_clear_error();
  return fail(ErrorKind::unauthenticated,
              "cannot decrypt the response: it is not for this key, or was altered");
}

struct Envelope {
  std::string aad;  ///< `protected` as received
  json::object header;
  Bytes encrypted_key, iv, ciphertext, tag;
};

Result<Bytes> bytes_member(const json::object& jwe, std::string_view name) {
  const auto text = string_member(jwe, name);
  if (!text) return malformed(std::string(name) + " is missing or not a string");
  auto bytes = from_base64url(*text);
  if (!bytes) return malformed(std::string(name) + " is not base64url");
  return bytes;
}

Result<Envelope> parse_envelope(std::string_view text) {
  auto jwe = parse_json_object(text, {.max_bytes = kMaxJwe});
  if (!jwe) return malformed("not a JSON object");
  Envelope envelope;
  KBS_TRY(Bytes header, bytes_member(*jwe, "protected"));
  auto parsed = parse_json_object(as_text(header));
  if (!parsed) return malformed("the protected header is not a JSON object");
  envelope.header = std::move(*parsed);
  envelope.aad = jwe->at("protected").get_string();
  KBS_TRY(envelope.encrypted_key, bytes_member(*jwe, "encrypted_key"));
  KBS_TRY(envelope.iv, bytes_member(*jwe, "iv"));
  KBS_TRY(envelope.ciphertext, bytes_member(*jwe, "ciphertext"));
  KBS_TRY(envelope.tag, bytes_member(*jwe, "tag"));
  if (envelope.iv.size() != kIvSize) return malformed("iv is not 12 bytes");
  // OpenSSL would take a shorter tag, and with it a forgery that is easier by as many bits.
  if (envelope.tag.size() != kTagSize) return malformed("tag is not 16 bytes");
  return envelope;
}

/// The algorithm the header names, if a key of this type opens it.
Result<Algorithm> algorithm_of(const json::object& header, KeyType type) {
  if (header.contains("crit") || header.contains("zip")) {
    return malformed("critical extensions and compression are not supported");
  }
  if (string_member(header, "enc") != "A256GCM") return malformed("enc is not A256GCM");
  const auto alg = string_member(header, "alg");
  for (Algorithm a : {Algorithm::ecdh_es_a256kw, Algorithm::rsa_oaep_256, Algorithm::rsa1_5}) {
    if (alg != to_string(a)) continue;
    const bool ecdh = a == Algorithm::ecdh_es_a256kw;
    const bool fits =
        ecdh ? type == KeyType::ec_p256 || type == KeyType::ec_p521 : type == KeyType::rsa;
    if (!fits) return malformed("alg does not fit the private key");
    return a;
  }
  return malformed("unsupported alg");
}

/// `apu` and `apv` are never sent by a KBS, but a sender may (RFC 7518 §4.6.1.2).
Result<Bytes> party_info(const json::object& header, std::string_view name) {
  if (!header.contains(name)) return Bytes{};
  return bytes_member(header, name);
}

Result<Secret> content_key_by_ecdh(const PrivateKey& key, const Envelope& envelope) {
  const json::value* epk = envelope.header.if_contains("epk");
  if (epk == nullptr || !epk->is_object()) return malformed("epk is missing");
  auto peer = PublicKey::from_jwk(epk->get_object());
  // A point off the curve would make the shared secret tell about our key (invalid curve attack).
  if (!peer || peer->type() != key.type()) return malformed("epk is not a key on our curve");
  KBS_TRY(Bytes apu, party_info(envelope.header, "apu"));
  KBS_TRY(Bytes apv, party_info(envelope.header, "apv"));
  auto wrapping_key = derive_wrapping_key(key, *peer, apu, apv);
  if (!wrapping_key) return cannot_open();
  auto cek = unwrap_key(*wrapping_key, envelope.encrypted_key);
  if (!cek) return cannot_open();
  return cek;
}

Result<Secret> open_content(const Envelope& envelope, const Secret& cek) {
  OSSL_PARAM tag[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                        const_cast<std::byte*>(envelope.tag.data()),
                                                        envelope.tag.size()),
                      OSSL_PARAM_construct_end()};
  EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  int size = 0;
  require(ctx && EVP_DecryptInit_ex2(ctx.get(), evp_aes_256_gcm(), in(cek.expose()),
                                     in(envelope.iv), tag) == 1,
          "EVP_DecryptInit_ex2");
  require(EVP_DecryptUpdate(ctx.get(), nullptr, &size, in(as_bytes(envelope.aad)),
                            static_cast<int>(envelope.aad.size())) == 1,
          "EVP_DecryptUpdate");
  SecretBytes plaintext(envelope.ciphertext.size());
  for (std::size_t at = 0; at < plaintext.size(); at += kMaxPiece) {
    const auto from = std::span(envelope.ciphertext).subspan(at);
    const int n = static_cast<int>(std::min(from.size(), kMaxPiece));
    require(EVP_DecryptUpdate(ctx.get(), out(std::span(plaintext).subspan(at)), &size, in(from),
                              n) == 1,
            "EVP_DecryptUpdate");
  }
  // Nothing of the plaintext leaves before the tag has been found right.
  std::byte none{};
  if (EVP_DecryptFinal_ex(ctx.get(), out(std::span(&none, 1)), &size) != 1) return cannot_open();
  return Secret(std::move(plaintext));
}

}  // namespace

Result<Secret> decrypt_jwe(const PrivateKey& key, std::string_view jwe_json) {
  KBS_TRY(const Envelope envelope, parse_envelope(jwe_json));
  KBS_TRY(const Algorithm algorithm, algorithm_of(envelope.header, key.type()));
  if (algorithm != Algorithm::ecdh_es_a256kw) {
    return open_content(envelope, rsa_decrypt_key(key, algorithm, envelope.encrypted_key));
  }
  KBS_TRY(Secret cek, content_key_by_ecdh(key, envelope));
  return open_content(envelope, cek);
}

}  // namespace kbs::crypto
