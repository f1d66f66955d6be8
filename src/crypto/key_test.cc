#include "crypto/key.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include "crypto/evp.h"
#include "crypto/testing/test_ca.h"

namespace kbs::crypto {
namespace {

constexpr KeyType kAllTypes[] = {KeyType::rsa, KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521,
                                 KeyType::ed25519};

std::string traditional_pem(const PrivateKey& key, const EVP_CIPHER* cipher = nullptr) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  char password[] = "password";
  require(PEM_write_bio_PrivateKey_traditional(bio.get(), key.get(), cipher, nullptr, 0, nullptr,
                                               cipher != nullptr ? password : nullptr) == 1,
          "PEM_write_bio_PrivateKey_traditional");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

TEST(Key, RoundTripsThroughPem) {
  for (KeyType type : kAllTypes) {
    SCOPED_TRACE(static_cast<int>(type));
    const PrivateKey key = PrivateKey::generate(type).value();
    const Secret pem = key.to_pkcs8_pem();
    EXPECT_TRUE(pem.expose_text().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const PrivateKey again = PrivateKey::from_pem(pem.expose_text()).value();
    EXPECT_EQ(again.type(), type);
    EXPECT_EQ(again.public_key(), key.public_key());
    EXPECT_EQ(again.to_pkcs8_pem(), pem);

    const PublicKey read = PublicKey::from_pem(key.public_key().to_pem()).value();
    EXPECT_EQ(read.type(), type);
    EXPECT_EQ(read, key.public_key());
  }
}

TEST(Key, GeneratesWhatWasAskedFor) {
  EXPECT_EQ(PrivateKey::generate(KeyType::rsa, 3072).value().public_key().bits(), 3072);
  EXPECT_EQ(PrivateKey::generate(KeyType::ec_p521).value().public_key().bits(), 521);
  EXPECT_FALSE(PrivateKey::generate(KeyType::rsa, 1024));
  EXPECT_FALSE(PrivateKey::generate(KeyType::rsa, 16384));
  for (KeyType type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521}) {
    const PublicKey like = PrivateKey::generate(type).value().public_key();
    const PrivateKey fresh = PrivateKey::generate_like(like).value();
    EXPECT_EQ(fresh.type(), type);
    EXPECT_FALSE(fresh.public_key() == like);
    EXPECT_FALSE(fresh.public_key() == PrivateKey::generate_like(like).value().public_key());
  }
  EXPECT_FALSE(PrivateKey::generate_like(PrivateKey::generate(KeyType::ed25519)->public_key()));
}

TEST(Key, EqualityLooksAtTypeAndValue) {
  const PublicKey a = PrivateKey::generate(KeyType::ec_p256)->public_key();
  const PublicKey b = PrivateKey::generate(KeyType::ec_p256)->public_key();
  const PublicKey c = PrivateKey::generate(KeyType::ed25519)->public_key();
  EXPECT_TRUE(a == a);
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(a == c);
}

TEST(Key, ReadsTraditionalPem) {
  for (KeyType type : {KeyType::rsa, KeyType::ec_p256, KeyType::ec_p384}) {
    const PrivateKey key = PrivateKey::generate(type).value();
    const std::string pem = traditional_pem(key);
    EXPECT_NE(pem.find(type == KeyType::rsa ? "BEGIN RSA PRIVATE KEY" : "BEGIN EC PRIVATE KEY"),
              pem.npos);
    const auto read = PrivateKey::from_pem(pem);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->public_key(), key.public_key());
  }
  // What `openssl ecparam -name prime256v1 -genkey` writes: the curve first, then the key.
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  const auto read = PrivateKey::from_pem(
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
      traditional_pem(key));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->public_key(), key.public_key());
}

TEST(Key, RefusesPemThatIsNotAPublicKey) {
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  const std::string good = key.public_key().to_pem();
  struct Case {
    std::string pem;
    ErrorKind kind;
    const char* why;
  };
  const Case cases[] = {
      {"", ErrorKind::invalid_request, "nothing at all"},
      {"not a pem", ErrorKind::invalid_request, "no block"},
      {good.substr(0, good.size() / 2), ErrorKind::invalid_request, "cut in the middle"},
      {std::string(key.to_pkcs8_pem().expose_text()), ErrorKind::invalid_request,
       "a private key where a public one belongs: it should not lie there"},
      {testing::issue({}).pem, ErrorKind::invalid_request, "a certificate"},
      {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", ErrorKind::invalid_request,
       "not a key inside"},
      {"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", ErrorKind::invalid_request,
       "not base64 inside"},
      {"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
       "-----END PUBLIC KEY-----\n",
       ErrorKind::unsupported, "X25519"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = PublicKey::from_pem(c.pem);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, c.kind) << describe(got.error());
  }
}

TEST(Key, RefusesEncryptedPrivateKeysWithoutAsking) {
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  const std::string traditional = traditional_pem(key, EVP_aes_128_cbc());
  ASSERT_NE(traditional.find("ENCRYPTED"), traditional.npos);
  const std::string pkcs8 =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  for (const std::string& pem : {traditional, pkcs8}) {
    const auto got = PrivateKey::from_pem(pem);
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().message.find("encrypted"), std::string::npos) << got.error().message;
  }
}

TEST(Key, RefusesPemThatIsNotAPrivateKey) {
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  for (const std::string& pem :
       {std::string(), std::string("junk"), key.public_key().to_pem(), testing::issue({}).pem,
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        std::string(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")}) {
    const auto got = PrivateKey::from_pem(pem);
    ASSERT_FALSE(got) << pem;
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_request) << describe(got.error());
  }
}

TEST(Key, RefusesCurvesWrittenOut) {
  // A curve by its numbers may have a generator of the sender's choice (CVE-2020-0601).
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  EvpPkey spelled(EVP_PKEY_dup(key.get()));
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(spelled.get(), OSSL_PKEY_PARAM_EC_ENCODING, "explicit"),
            1);
  const PublicKey half = PublicKey::adopt(std::move(spelled), KeyType::ec_p256);
  ASSERT_GT(half.to_pem().size(), key.public_key().to_pem().size());
  const auto got = PublicKey::from_pem(half.to_pem());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unsupported);
}

TEST(Key, RefusesWeakRsaFromPem) {
  // Below 2048 bits; made with the library directly, since `generate` refuses too.
  EvpPkey weak(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  EXPECT_FALSE(PrivateKey::from_evp(EvpPkey(EVP_PKEY_dup(weak.get()))));
  const PublicKey half = PublicKey::adopt(std::move(weak), KeyType::rsa);
  const auto got = PublicKey::from_pem(half.to_pem());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
  EXPECT_NE(got.error().message.find("2048"), std::string::npos);
}

TEST(Key, PublicHalfCannotSign) {
  for (KeyType type : kAllTypes) {
    const PublicKey half = PrivateKey::generate(type)->public_key();
    EvpMdCtx ctx(EVP_MD_CTX_new());
    std::size_t size = 1024;
    unsigned char out[1024];
    const bool signs =
        EVP_DigestSignInit_ex(ctx.get(), nullptr, type == KeyType::ed25519 ? nullptr : "SHA256",
                              nullptr, nullptr, half.get(), nullptr) == 1 &&
        EVP_DigestSign(ctx.get(), out, &size, out, 1) == 1;
    EXPECT_FALSE(signs);
    take_openssl_errors();
  }
}

}  // namespace
}  // namespace kbs::crypto
