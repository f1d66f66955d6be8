#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <array>
#include <optional>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

std::optional<KeyType> ec_type(EVP_PKEY* key) {
  // Explicit parameters could name a curve of the sender's own making (CVE-2020-0601).
  int is_explicit = 1;
  if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) !=
          1 ||
      is_explicit != 0) {
    return std::nullopt;
  }
  std::array<char, 64> name{};
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) return std::nullopt;
  for (KeyType type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521}) {
    if (std::string_view(name.data()) == evp_group_name(type)) return type;
  }
  return std::nullopt;
}

Bn bn_param(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  require(EVP_PKEY_get_bn_param(key, name, &value) == 1, "EVP_PKEY_get_bn_param");
  return Bn(value);
}

/// What kind of key OpenSSL decoded, if it is one of ours and within its bounds.
Result<KeyType> classify(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    Bn n = bn_param(key, OSSL_PKEY_PARAM_RSA_N);
    Bn e = bn_param(key, OSSL_PKEY_PARAM_RSA_E);
    KBS_OK(check_rsa(n.get(), e.get(), kMaxRsaBits));
    return KeyType::rsa;
  }
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyType::ed25519;
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    if (auto type = ec_type(key)) return *type;
  }
  return openssl_failure(ErrorKind::unsupported,
                         "unsupported key: use RSA, EC on P-256, P-384 or P-521, or Ed25519");
}

EvpPkey generate_rsa(int bits) {
  return EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits)));
}

}  // namespace

PublicKey PublicKey::adopt(EvpPkey key, KeyType type) {
  PublicKey made;
  made.key_ = std::shared_ptr<EVP_PKEY>(std::move(key));
  made.type_ = type;
  return made;
}

Result<PublicKey> PublicKey::from_evp(EvpPkey key) {
  KBS_TRY(KeyType type, classify(key.get()));
  return adopt(std::move(key), type);
}

int PublicKey::bits() const noexcept { return EVP_PKEY_get_bits(key_.get()); }

bool operator==(const PublicKey& a, const PublicKey& b) noexcept {
  if (a.type_ != b.type_) return false;
  const bool equal = a.key_ == b.key_ || EVP_PKEY_eq(a.get(), b.get()) == 1;
  ERR_clear_error();
  return equal;
}

PrivateKey PrivateKey::adopt(EvpPkey key, KeyType type) {
  PrivateKey made;
  made.key_ = std::shared_ptr<EVP_PKEY>(std::move(key));
  made.type_ = type;
  return made;
}

Result<PrivateKey> PrivateKey::from_evp(EvpPkey key) {
  KBS_TRY(KeyType type, classify(key.get()));
  return adopt(std::move(key), type);
}

Result<PrivateKey> PrivateKey::generate(KeyType type, int rsa_bits) {
  EvpPkey key;
  switch (type) {
    case KeyType::rsa:
      if (rsa_bits < kMinRsaBits || rsa_bits > kMaxRsaBits) {
        return fail(ErrorKind::invalid_request, "RSA keys have 2048 to 8192 bits");
      }
      key = generate_rsa(rsa_bits);
      break;
    case KeyType::ed25519:
      key = EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
    case KeyType::ec_p256:
    case KeyType::ec_p384:
    case KeyType::ec_p521:
      key = EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", evp_group_name(type)));
      break;
  }
  if (!key) return openssl_failure(ErrorKind::internal, "cannot generate a key");
  return adopt(std::move(key), type);
}

Result<PrivateKey> PrivateKey::generate_like(const PublicKey& like) {
  if (coordinate_size(like.type()) == 0) {
    return fail(ErrorKind::invalid_request, "only EC keys have a curve to share");
  }
  // The peer's key as template saves naming, finding and building the group.
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, like.get(), nullptr));
  EVP_PKEY* key = nullptr;
  if (!ctx || EVP_PKEY_keygen_init(ctx.get()) != 1 || EVP_PKEY_generate(ctx.get(), &key) != 1) {
    return openssl_failure(ErrorKind::internal, "cannot generate an ephemeral key");
  }
  return adopt(EvpPkey(key), like.type());
}

PublicKey PrivateKey::public_key() const {
  // A key of its own without the private half, so that no public handle can sign.
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  require(size > 0, "i2d_PUBKEY");
  const unsigned char* next = der;
  EvpPkey key(d2i_PUBKEY(nullptr, &next, size));
  OPENSSL_free(der);
  require(key != nullptr, "d2i_PUBKEY");
  return PublicKey::adopt(std::move(key), type_);
}

}  // namespace kbs::crypto
