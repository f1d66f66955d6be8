#include "crypto/evp.h"

#include <openssl/err.h>

#include <stdexcept>

namespace kbs::crypto {
namespace {

EVP_MD* fetch_md(HashAlgorithm algorithm) {
  EVP_MD* md = EVP_MD_fetch(nullptr, evp_md_name(algorithm), nullptr);
  require(md != nullptr, "EVP_MD_fetch");
  return md;
}

EVP_CIPHER* fetch_cipher(const char* name) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  require(cipher != nullptr, "EVP_CIPHER_fetch");
  return cipher;
}

}  // namespace

const EVP_MD* evp_md(HashAlgorithm algorithm) {
  // One static each, so that a provider without SM3 still serves the others.
  switch (algorithm) {
    case HashAlgorithm::sha256: {
      static const EVP_MD* const md = fetch_md(algorithm);
      return md;
    }
    case HashAlgorithm::sha384: {
      static const EVP_MD* const md = fetch_md(algorithm);
      return md;
    }
    case HashAlgorithm::sha512: {
      static const EVP_MD* const md = fetch_md(algorithm);
      return md;
    }
    case HashAlgorithm::sm3: {
      static const EVP_MD* const md = fetch_md(algorithm);
      return md;
    }
  }
  throw std::logic_error("unknown hash algorithm");
}

const EVP_CIPHER* evp_aes_256_gcm() {
  static const EVP_CIPHER* const cipher = fetch_cipher("AES-256-GCM");
  return cipher;
}

const EVP_CIPHER* evp_aes_256_wrap() {
  static const EVP_CIPHER* const cipher = fetch_cipher("AES-256-WRAP");
  return cipher;
}

const char* evp_md_name(HashAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case HashAlgorithm::sha256:
      return "SHA256";
    case HashAlgorithm::sha384:
      return "SHA384";
    case HashAlgorithm::sha512:
      return "SHA512";
    case HashAlgorithm::sm3:
      return "SM3";
  }
  return "";
}

const char* evp_group_name(KeyType type) noexcept {
  switch (type) {
    case KeyType::ec_p256:
      return "prime256v1";
    case KeyType::ec_p384:
      return "secp384r1";
    case KeyType::ec_p521:
      return "secp521r1";
    case KeyType::rsa:
    case KeyType::ed25519:
      return nullptr;
  }
  return nullptr;
}

std::size_t coordinate_size(KeyType type) noexcept {
  switch (type) {
    case KeyType::ec_p256:
      return 32;
    case KeyType::ec_p384:
      return 48;
    case KeyType::ec_p521:
      return 66;
    case KeyType::rsa:
    case KeyType::ed25519:
      return 0;
  }
  return 0;
}

std::string take_openssl_errors() {
  std::string text;
  while (unsigned long error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    if (!text.empty()) text += "; ";
    text += reason != nullptr ? reason : "unknown OpenSSL error";
  }
  return text;
}

tl::unexpected<Error> openssl_failure(ErrorKind kind, std::string message,
                                      boost::source_location where) {
  return fail(kind, std::move(message), take_openssl_errors(), where);
}

void require(bool ok, std::string_view call) {
  if (ok) return;
  throw std::runtime_error(std::string(call) + " failed: " + take_openssl_errors());
}

Result<> check_rsa(const BIGNUM* n, const BIGNUM* e, int max_bits) {
  if (BN_num_bits(n) < kMinRsaBits) {
    return fail(ErrorKind::invalid_request, "RSA keys need at least 2048 bits");
  }
  if (BN_num_bits(n) > max_bits) {
    return fail(ErrorKind::invalid_request,
                "RSA keys may have at most " + std::to_string(max_bits) + " bits here");
  }
  if (!BN_is_odd(n)) return fail(ErrorKind::invalid_request, "the RSA modulus is even");
  // A long exponent makes every verification slow at the sender's choice; 64 bits is OpenSSL's own
  // bound.
  if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64) {
    return fail(ErrorKind::invalid_request,
                "the RSA exponent must be odd, 3 or more, at most 64 bits");
  }
  return {};
}

}  // namespace kbs::crypto
