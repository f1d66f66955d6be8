#include "crypto/jwe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "crypto/jwe_keys.h"
#include "crypto/random.h"
#include "crypto/testing/vectors.h"

namespace kbs::crypto {
namespace {

using testing::with;

json::array rows() { return testing::vectors("jose/jwe.json"); }

JweRandomness randomness_of(const json::value& row) {
  JweRandomness r{Secret(from_hex(row.at("cek").as_string()).value()),
                  from_hex(row.at("iv").as_string()).value(), std::nullopt};
  if (const auto* d = row.as_object().if_contains("ephemeral")) {
    r.ephemeral = PrivateKey::from_jwk(d->as_object()).value();
  }
  return r;
}

json::object tee_jwk(const PublicKey& key, std::string_view alg) {
  return with(key.to_jwk(), "alg", alg);
}

struct Guest {
  PrivateKey key;
  TeePublicKey tee;
};

Guest guest(KeyType type, std::string_view alg, int bits = 2048) {
  PrivateKey key = PrivateKey::generate(type, bits).value();
  TeePublicKey tee = TeePublicKey::from_jwk(tee_jwk(key.public_key(), alg)).value();
  return {std::move(key), std::move(tee)};
}

std::vector<Guest> guests() {
  std::vector<Guest> all;
  all.push_back(guest(KeyType::ec_p256, "ECDH-ES+A256KW"));
  all.push_back(guest(KeyType::ec_p521, "ECDH-ES+A256KW"));
  all.push_back(guest(KeyType::rsa, "RSA-OAEP-256"));
  all.push_back(guest(KeyType::rsa, "RSA1_5"));
  return all;
}

TEST(Jwe, WorkedExamplesToTheByte) {
  for (const json::value& row : rows()) {
    SCOPED_TRACE(row.at("source").as_string());
    const PrivateKey key = PrivateKey::from_jwk(row.at("private").as_object()).value();
    const auto tee = TeePublicKey::from_jwk(row.at("jwk"));
    ASSERT_TRUE(tee) << describe(tee.error());
    const std::string_view plaintext = row.at("plaintext").as_string();
    const std::string_view recorded = row.at("jwe").as_string();

    const auto opened = decrypt_jwe(key, recorded);
    ASSERT_TRUE(opened) << describe(opened.error());
    EXPECT_EQ(opened->expose_text(), plaintext);

    const auto made = encrypt_jwe_with(*tee, as_bytes(plaintext), randomness_of(row));
    ASSERT_TRUE(made) << describe(made.error());
    if (row.as_object().contains("ephemeral")) {
      EXPECT_EQ(*made, recorded);
    } else {  // RSA padding is random: all but encrypted_key is the same
      const auto ours = parse_json_object(*made).value();
      const auto theirs = parse_json_object(recorded).value();
      for (std::string_view name : {"protected", "iv", "ciphertext", "tag"}) {
        EXPECT_EQ(ours.at(name), theirs.at(name)) << name;
      }
    }
    EXPECT_EQ(decrypt_jwe(key, *made)->expose_text(), plaintext);
  }
}

TEST(Jwe, KeyAgreementGivesTheRecordedWrappingKey) {
  for (const json::value& row : rows()) {
    const auto* kwk = row.as_object().if_contains("kwk");
    if (kwk == nullptr) continue;
    const PrivateKey own = PrivateKey::from_jwk(row.at("private").as_object()).value();
    const PublicKey peer = PublicKey::from_jwk(row.at("ephemeral").as_object()).value();
    EXPECT_EQ(hex(derive_wrapping_key(own, peer)->expose()), kwk->as_string());
  }
}

TEST(Jwe, ConcatKdfOfRfc7518AppendixC) {
  const Bytes z =
      from_hex("9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4").value();
  const Secret key = concat_kdf(Secret(z), "A128GCM", as_bytes("Alice"), as_bytes("Bob"), 16);
  EXPECT_EQ(base64url(key.expose()), "VqqN6vgjbSBcIijNcacQGg");
}

TEST(Jwe, KeyWrapOfRfc3394) {
  const Secret kek(
      from_hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F").value());
  const Secret key(
      from_hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F").value());
  const Bytes wrapped = wrap_key(kek, key).value();
  EXPECT_EQ(hex(wrapped),
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  EXPECT_EQ(unwrap_key(kek, wrapped).value(), key);
  Bytes altered = wrapped;
  altered[0] ^= std::byte{1};
  EXPECT_FALSE(unwrap_key(kek, altered));
  EXPECT_FALSE(unwrap_key(kek, std::span(wrapped).first(32)));
  EXPECT_FALSE(unwrap_key(key, wrapped));
}

TEST(Jwe, HeadersAreWrittenByteExactly) {
  struct Case {
    KeyType type;
    const char* alg;
    const char* header;
  };
  const Case cases[] = {
      {KeyType::ec_p256, "ECDH-ES+A256KW",
       R"(\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-256","kty":"EC","x":"[A-Za-z0-9_-]{43}","y":"[A-Za-z0-9_-]{43}"\}\})"},
      {KeyType::ec_p521, "ECDH-ES+A256KW",
       R"(\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-521","kty":"EC","x":"[A-Za-z0-9_-]{88}","y":"[A-Za-z0-9_-]{88}"\}\})"},
      {KeyType::rsa, "RSA-OAEP-256", R"(\{"alg":"RSA-OAEP-256","enc":"A256GCM"\})"},
      {KeyType::rsa, "RSA1_5", R"(\{"alg":"RSA1_5","enc":"A256GCM"\})"},
  };
  const std::regex container(
      R"re(\{"protected":"([\w-]+)","encrypted_key":"[\w-]+","iv":"[\w-]{16}","ciphertext":"[\w-]*","tag":"[\w-]{22}"\})re");
  for (const Case& c : cases) {
    SCOPED_TRACE(c.header);
    const Guest g = guest(c.type, c.alg);
    const std::string jwe = encrypt_jwe(g.tee, as_bytes("x")).value();
    std::smatch match;
    ASSERT_TRUE(std::regex_match(jwe, match, container)) << jwe;
    const std::string header(as_text(from_base64url(match[1].str()).value()));
    EXPECT_TRUE(std::regex_match(header, std::regex(c.header))) << header;
  }
}

TEST(Jwe, EverySizeComesBack) {
  // Around the pieces of three and of the streaming buffer, empty, and megabytes.
  const std::size_t sizes[] = {0,    1,     2,     3,     4,     15,      16,
                               1024, 12287, 12288, 12289, 24576, 1 << 16, (2 << 20) + 1};
  for (const Guest& g : guests()) {
    for (std::size_t size : sizes) {
      Bytes plaintext(size);
      random_bytes(plaintext);
      const auto jwe = encrypt_jwe(g.tee, plaintext);
      ASSERT_TRUE(jwe) << describe(jwe.error());
      const auto opened = decrypt_jwe(g.key, *jwe);
      ASSERT_TRUE(opened) << size << describe(opened.error());
      EXPECT_TRUE(std::ranges::equal(opened->expose(), plaintext)) << size;
    }
  }
}

TEST(Jwe, NothingIsUsedTwice) {
  for (const Guest& g : guests()) {
    std::set<std::string> seen;
    for (int i = 0; i < 5; ++i) {
      const auto jwe = parse_json_object(encrypt_jwe(g.tee, as_bytes("same")).value()).value();
      for (std::string_view name : {"encrypted_key", "iv", "ciphertext", "tag"}) {
        EXPECT_TRUE(seen.insert(std::string(jwe.at(name).as_string())).second) << name;
      }
    }
  }
}

TEST(Jwe, GivenRandomnessMustFit) {
  const Guest ec = guest(KeyType::ec_p256, "ECDH-ES+A256KW");
  const PrivateKey p256 = PrivateKey::generate(KeyType::ec_p256).value();
  const PrivateKey p521 = PrivateKey::generate(KeyType::ec_p521).value();
  const auto attempt = [&](std::size_t cek, std::size_t iv, std::optional<PrivateKey> ephemeral) {
    return encrypt_jwe_with(ec.tee, {}, {random_secret(cek), Bytes(iv), std::move(ephemeral)})
        .has_value();
  };
  EXPECT_TRUE(attempt(32, 12, p256));
  EXPECT_FALSE(attempt(16, 12, p256));
  EXPECT_FALSE(attempt(32, 16, p256));
  EXPECT_FALSE(attempt(32, 12, p521));
  EXPECT_FALSE(attempt(32, 12, std::nullopt));
}

// The wire tells two failures apart: no key (TokenVerifierError), and a key we do not encrypt to
// (JweError).
TEST(TeePublicKey, ClassifiesWhatItRefuses) {
  const json::object ec = rows()[0].at("jwk").as_object();
  const json::object p521 = rows()[1].at("jwk").as_object();
  const json::object rsa = rows()[2].at("jwk").as_object();
  const json::object akp = {{"kty", "AKP"}, {"alg", "ML-KEM-768+A192KW"}, {"pub", "AAAA"}};
  const json::object p384 =
      tee_jwk(PrivateKey::generate(KeyType::ec_p384)->public_key(), "ECDH-ES+A256KW");
  const json::object ed = tee_jwk(PrivateKey::generate(KeyType::ed25519)->public_key(), "EdDSA");
  const json::object rsa_4096 =
      tee_jwk(PrivateKey::generate(KeyType::rsa, 4096)->public_key(), "RSA-OAEP-256");
  const std::string over_4096 = base64url(Bytes(513, std::byte{0xff}));  // 4104 bits, odd

  struct Case {
    json::value jwk;
    std::optional<ErrorKind> error;
    const char* why;
  };
  const auto none = ErrorKind::unauthenticated;   // no key
  const auto unfit = ErrorKind::invalid_request;  // not to this one
  const Case cases[] = {
      {ec, std::nullopt, "P-256"},
      {p521, std::nullopt, "P-521"},
      {rsa, std::nullopt, "RSA-OAEP-256"},
      {with(rsa, "alg", "RSA1_5"), std::nullopt, "RSA1_5 when it asks for it"},
      {rsa_4096, std::nullopt, "4096 bits"},
      {with(ec, "kid", "x"), std::nullopt, "unknown members are ignored"},
      {nullptr, none, "null"},
      {"text", none, "a string"},
      {json::array{ec}, none, "an array"},
      {json::object{}, none, "an empty object"},
      {with(ec, "kty", nullptr), none, "no kty"},
      {with(ec, "kty", 1), none, "kty not a string"},
      {with(ec, "kty", "oct"), none, "a kty that is no TEE key at all"},
      {ed, none, "OKP is no TEE key at all"},
      {with(ec, "alg", nullptr), none, "no alg"},
      {with(ec, "crv", nullptr), none, "no crv"},
      {with(ec, "x", nullptr), none, "no x"},
      {with(ec, "y", true), none, "y not a string"},
      {with(rsa, "alg", nullptr), none, "RSA without alg"},
      {with(rsa, "n", nullptr), none, "no n"},
      {with(rsa, "e", 65537), none, "e a number"},
      {with(akp, "pub", nullptr), none, "AKP without pub"},
      {akp, unfit, "post-quantum keys are not built in"},
      {p384, unfit, "P-384"},
      {with(ec, "alg", "ECDH-ES"), unfit, "direct agreement"},
      {with(ec, "alg", "ECDH-ES+A128KW"), unfit, "a smaller wrap"},
      {with(ec, "alg", "RSA-OAEP-256"), unfit, "an RSA algorithm on an EC key"},
      {with(rsa, "alg", "RSA-OAEP"), unfit, "OAEP with SHA-1"},
      {with(rsa, "alg", "RSA-OAEP-512"), unfit, "OAEP with SHA-512"},
      {with(rsa, "alg", "ECDH-ES+A256KW"), unfit, "an EC algorithm on an RSA key"},
      {with(rsa, "alg", "rsa1_5"), unfit, "names are exact"},
      {with(ec, "x", "AAAA"), unfit, "a short coordinate"},
      {with(ec, "x", std::string(43, 'A')), unfit, "off the curve"},
      {with(ec, "x", "!"), unfit, "not base64url"},
      {with(ec, "crv", "P-521"), unfit, "coordinates of another curve"},
      {with(rsa, "n", std::string(171, '_')), unfit, "RSA of 1026 bits"},
      {with(rsa_4096, "n", over_4096), unfit, "RSA over 4096 bits"},
      {with(rsa, "e", "AQ"), unfit, "exponent 1"},
      {with(rsa, "e", "AgAAAAE"), unfit, "an exponent of 34 bits"},
      {with(rsa, "n", "="), unfit, "not base64url"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = TeePublicKey::from_jwk(c.jwk);
    ASSERT_EQ(got.has_value(), !c.error.has_value()) << (got ? "" : describe(got.error()));
    if (!c.error) continue;
    EXPECT_EQ(got.error().kind, *c.error) << describe(got.error());
    if (*c.error == none) EXPECT_EQ(got.error().message, "malformed TEE public key");
  }
}

TEST(TeePublicKey, NeverNegotiatesDown) {
  const Guest oaep = guest(KeyType::rsa, "RSA-OAEP-256");
  EXPECT_EQ(oaep.tee.algorithm(), TeePublicKey::Algorithm::rsa_oaep_256);
  const auto jwe = parse_json_object(encrypt_jwe(oaep.tee, as_bytes("x")).value()).value();
  EXPECT_EQ(as_text(from_base64url(jwe.at("protected").as_string()).value()),
            R"({"alg":"RSA-OAEP-256","enc":"A256GCM"})");
}

}  // namespace
}  // namespace kbs::crypto
