// JSON Web Keys: RFC 7517, the key types of RFC 7518 §6 and RFC 8037.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <array>

#include "crypto/digest.h"
#include "crypto/evp.h"
#include "crypto/key.h"

namespace kbs::crypto {
namespace {

using ParamBld = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Handle<OSSL_PARAM, OSSL_PARAM_free>;

constexpr std::size_t kMaxCoordinate = 66;
constexpr std::size_t kEd25519Size = 32;
// RFC 7518 §6.3.1.1 allows no leading zero octet; some writers put one, as in DER.
constexpr std::size_t kMaxInteger = kMaxRsaBits / 8 + 1;

struct Curve {
  std::string_view name;
  KeyType type;
};
constexpr Curve kCurves[] = {
    {"P-256", KeyType::ec_p256}, {"P-384", KeyType::ec_p384}, {"P-521", KeyType::ec_p521}};

std::string_view curve_name(KeyType type) {
  for (const Curve& c : kCurves) {
    if (c.type == type) return c.name;
  }
  return type == KeyType::ed25519 ? "Ed25519" : "";
}

auto missing(std::string_view name) {
  return fail(ErrorKind::invalid_request,
              "JWK: member \"" + std::string(name) + "\" is missing or not a string");
}

auto malformed(std::string_view name) {
  return fail(ErrorKind::invalid_request,
              "JWK: member \"" + std::string(name) + "\" is malformed or of the wrong length");
}

Result<std::string_view> text_of(const json::object& jwk, std::string_view name) {
  if (auto text = string_member(jwk, name)) return *text;
  return missing(name);
}

/// Decodes a member of exactly `out.size()` bytes (RFC 7518 §6.2.1.2: leading zeros are kept).
Result<> fixed_member(const json::object& jwk, std::string_view name, std::span<std::byte> out) {
  KBS_TRY(std::string_view text, text_of(jwk, name));
  if (!from_base64url_into(text, out)) return malformed(name);
  return {};
}

/// Decodes a big-endian integer. In wiping memory, and marked so that OpenSSL wipes its copies too.
Result<Bn> integer_member(const json::object& jwk, std::string_view name) {
  KBS_TRY(std::string_view text, text_of(jwk, name));
  SecretBytes bytes(base64url_decoded_size(text));
  if (bytes.empty() || bytes.size() > kMaxInteger || !from_base64url_into(text, bytes)) {
    return malformed(name);
  }
  Bn value(BN_secure_new());
  require(value && BN_bin2bn(in(bytes), static_cast<int>(bytes.size()), value.get()) != nullptr,
          "BN_bin2bn");
  return value;
}

EvpPkey from_params(const char* algorithm, int selection, OSSL_PARAM* params) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* key = nullptr;
  require(ctx && EVP_PKEY_fromdata_init(ctx.get()) == 1, "EVP_PKEY_fromdata_init");
  const bool ok = EVP_PKEY_fromdata(ctx.get(), &key, selection, params) == 1;
  EvpPkey owned(key);
  if (!ok) owned.reset();
  return owned;
}

EvpPkey from_builder(const char* algorithm, int selection, OSSL_PARAM_BLD* builder) {
  Params params(OSSL_PARAM_BLD_to_param(builder));
  require(params != nullptr, "OSSL_PARAM_BLD_to_param");
  return from_params(algorithm, selection, params.get());
}

bool pair_matches(EVP_PKEY* key) {
  EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return ctx && EVP_PKEY_pairwise_check(ctx.get()) == 1;
}

/// An uncompressed point (SEC 1 §2.3.3): 04, x, y.
struct Point {
  KeyType type;
  std::array<std::byte, 1 + 2 * kMaxCoordinate> bytes;
  std::size_t size() const { return 1 + 2 * coordinate_size(type); }
};

Result<Point> point_of(const json::object& jwk) {
  KBS_TRY(std::string_view name, text_of(jwk, "crv"));
  for (const Curve& c : kCurves) {
    if (name != c.name) continue;
    Point point{c.type, {std::byte{4}}};
    const std::size_t n = coordinate_size(c.type);
    KBS_OK(fixed_member(jwk, "x", std::span(point.bytes).subspan(1, n)));
    KBS_OK(fixed_member(jwk, "y", std::span(point.bytes).subspan(1 + n, n)));
    return point;
  }
  return fail(ErrorKind::unsupported, "JWK: unsupported curve");
}

/// Some key on the curve, for its parameters: building a group from its name takes four times as
/// long as copying one.
EVP_PKEY* on_curve(KeyType type) {
  static const auto make = [](KeyType t) {
    EvpPkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", evp_group_name(t)));
    require(key != nullptr, "EVP_PKEY_Q_keygen");
    return key;
  };
  static const EvpPkey p256 = make(KeyType::ec_p256);
  static const EvpPkey p384 = make(KeyType::ec_p384);
  static const EvpPkey p521 = make(KeyType::ec_p521);
  return (type == KeyType::ec_p256 ? p256 : type == KeyType::ec_p384 ? p384 : p521).get();
}

Result<PublicKey> ec_public(const json::object& jwk) {
  KBS_TRY(Point point, point_of(jwk));
  EvpPkey key(EVP_PKEY_new());
  // Decoding the point includes the curve equation; with cofactor 1 and no way to write infinity in
  // this form, that is the whole of public key validation (SP 800-56A §5.6.2.3.3).
  if (!key || EVP_PKEY_copy_parameters(key.get(), on_curve(point.type)) != 1 ||
      EVP_PKEY_set1_encoded_public_key(key.get(), in(point.bytes), point.size()) != 1) {
    return openssl_failure(ErrorKind::invalid_request, "JWK: the point is not on the curve");
  }
  return PublicKey::adopt(std::move(key), point.type);
}

Result<PublicKey> rsa_public(const json::object& jwk) {
  KBS_TRY(Bn n, integer_member(jwk, "n"));
  KBS_TRY(Bn e, integer_member(jwk, "e"));
  KBS_OK(check_rsa(n.get(), e.get(), kMaxRsaBits));
  ParamBld builder(OSSL_PARAM_BLD_new());
  require(builder && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1,
          "OSSL_PARAM_BLD_push_BN");
  EvpPkey key = from_builder("RSA", EVP_PKEY_PUBLIC_KEY, builder.get());
  if (!key) return openssl_failure(ErrorKind::invalid_request, "JWK: RSA key refused");
  return PublicKey::adopt(std::move(key), KeyType::rsa);
}

Result<> require_ed25519(const json::object& jwk) {
  KBS_TRY(std::string_view name, text_of(jwk, "crv"));
  if (name != "Ed25519") return fail(ErrorKind::unsupported, "JWK: unsupported curve");
  return {};
}

Result<PublicKey> okp_public(const json::object& jwk) {
  KBS_OK(require_ed25519(jwk));
  std::array<std::byte, kEd25519Size> x;
  KBS_OK(fixed_member(jwk, "x", x));
  EvpPkey key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, in(x), x.size()));
  if (!key) return openssl_failure(ErrorKind::invalid_request, "JWK: Ed25519 key refused");
  return PublicKey::adopt(std::move(key), KeyType::ed25519);
}

Result<PrivateKey> ec_private(const json::object& jwk) {
  KBS_TRY(Point point, point_of(jwk));
  const std::size_t n = coordinate_size(point.type);
  SecretBytes d(n);
  KBS_OK(fixed_member(jwk, "d", d));
  Bn scalar(BN_secure_new());
  require(scalar && BN_bin2bn(in(d), static_cast<int>(n), scalar.get()) != nullptr, "BN_bin2bn");
  ParamBld builder(OSSL_PARAM_BLD_new());
  require(
      builder &&
          OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                          evp_group_name(point.type), 0) == 1 &&
          OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                           point.bytes.data(), point.size()) == 1 &&
          OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get(), n) == 1,
      "OSSL_PARAM_BLD_push");
  EvpPkey key = from_builder("EC", EVP_PKEY_KEYPAIR, builder.get());
  if (!key || !pair_matches(key.get())) {
    return openssl_failure(ErrorKind::invalid_request, "JWK: not an EC key pair");
  }
  return PrivateKey::adopt(std::move(key), point.type);
}

struct RsaMember {
  std::string_view jwk;
  const char* param;
};
// `oth` (more than two primes) is read by nobody who writes these files.
constexpr RsaMember kRsaPrimes[] = {{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                    {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};

Result<PrivateKey> rsa_private(const json::object& jwk) {
  if (jwk.contains("oth"))
    return fail(ErrorKind::unsupported, "JWK: RSA with more than two primes");
  // The builder keeps pointers to the numbers until the key is made.
  KBS_TRY(Bn n, integer_member(jwk, "n"));
  KBS_TRY(Bn e, integer_member(jwk, "e"));
  KBS_TRY(Bn d, integer_member(jwk, "d"));
  KBS_OK(check_rsa(n.get(), e.get(), kMaxRsaBits));
  ParamBld builder(OSSL_PARAM_BLD_new());
  require(builder && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get()) == 1,
          "OSSL_PARAM_BLD_push_BN");
  // RFC 7518 §6.3.2: a producer of `p` gives all five.
  const bool with_primes = jwk.contains("p");
  std::array<Bn, std::size(kRsaPrimes)> primes;
  for (std::size_t i = 0; with_primes && i < primes.size(); ++i) {
    KBS_TRY(primes[i], integer_member(jwk, kRsaPrimes[i].jwk));
    require(OSSL_PARAM_BLD_push_BN(builder.get(), kRsaPrimes[i].param, primes[i].get()) == 1,
            "OSSL_PARAM_BLD_push_BN");
  }
  EvpPkey key = from_builder("RSA", EVP_PKEY_KEYPAIR, builder.get());
  if (!key || (with_primes && !pair_matches(key.get()))) {
    return openssl_failure(ErrorKind::invalid_request, "JWK: not an RSA key pair");
  }
  return PrivateKey::adopt(std::move(key), KeyType::rsa);
}

Result<PrivateKey> okp_private(const json::object& jwk) {
  KBS_TRY(PublicKey declared, okp_public(jwk));
  SecretBytes seed(kEd25519Size);
  KBS_OK(fixed_member(jwk, "d", seed));
  EvpPkey key(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, in(seed), seed.size()));
  if (!key) return openssl_failure(ErrorKind::invalid_request, "JWK: Ed25519 key refused");
  PrivateKey made = PrivateKey::adopt(std::move(key), KeyType::ed25519);
  // A signature made with another public half than its own gives the private one away.
  if (!(made.public_key() == declared)) {
    return fail(ErrorKind::invalid_request, "JWK: not an Ed25519 key pair");
  }
  return made;
}

std::string integer_text(EVP_PKEY* key, const char* param, std::size_t size) {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key, param, &raw) == 1, "EVP_PKEY_get_bn_param");
  Bn value(raw);
  Bytes bytes(size != 0 ? size : static_cast<std::size_t>(BN_num_bytes(value.get())));
  require(BN_bn2binpad(value.get(), out(bytes), static_cast<int>(bytes.size())) >= 0,
          "BN_bn2binpad");
  return base64url(bytes);
}

}  // namespace

Result<PublicKey> PublicKey::from_jwk(const json::object& jwk) {
  KBS_TRY(std::string_view kty, text_of(jwk, "kty"));
  if (kty == "EC") return ec_public(jwk);
  if (kty == "RSA") return rsa_public(jwk);
  if (kty == "OKP") return okp_public(jwk);
  return fail(ErrorKind::unsupported, "JWK: unsupported key type");
}

Result<PrivateKey> PrivateKey::from_jwk(const json::object& jwk) {
  KBS_TRY(std::string_view kty, text_of(jwk, "kty"));
  if (kty == "EC") return ec_private(jwk);
  if (kty == "RSA") return rsa_private(jwk);
  if (kty == "OKP") return okp_private(jwk);
  return fail(ErrorKind::unsupported, "JWK: unsupported key type");
}

json::object PublicKey::to_jwk() const {
  if (type_ == KeyType::rsa) {
    return {{"kty", "RSA"},
            {"n", integer_text(get(), OSSL_PKEY_PARAM_RSA_N, 0)},
            {"e", integer_text(get(), OSSL_PKEY_PARAM_RSA_E, 0)}};
  }
  if (type_ == KeyType::ed25519) {
    std::array<std::byte, kEd25519Size> x;
    std::size_t size = x.size();
    require(EVP_PKEY_get_raw_public_key(get(), out(x), &size) == 1, "EVP_PKEY_get_raw_public_key");
    return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(x)}};
  }
  const std::size_t n = coordinate_size(type_);
  return {{"kty", "EC"},
          {"crv", curve_name(type_)},
          {"x", integer_text(get(), OSSL_PKEY_PARAM_EC_PUB_X, n)},
          {"y", integer_text(get(), OSSL_PKEY_PARAM_EC_PUB_Y, n)}};
}

std::string PublicKey::thumbprint() const {
  // The required members and no others, sorted (RFC 7638 §3): canonical JSON of what we export.
  const Sha256 hash = sha256(as_bytes(canonical_json(to_jwk())));
  return base64url(hash);
}

}  // namespace kbs::crypto
