#include <gtest/gtest.h>

#include <functional>

#include "crypto/jwe.h"
#include "crypto/jwe_keys.h"
#include "crypto/random.h"
#include "crypto/testing/vectors.h"

namespace kbs::crypto {
namespace {

using testing::with;

struct Recorded {
  PrivateKey key;
  json::object jwe;
};

std::vector<Recorded> recorded() {
  std::vector<Recorded> all;
  for (const json::value& row : testing::vectors("jose/jwe.json")) {
    all.push_back({PrivateKey::from_jwk(row.at("private").as_object()).value(),
                   parse_json_object(row.at("jwe").as_string()).value()});
  }
  return all;
}

std::string header_of(const json::object& jwe) {
  return std::string(as_text(from_base64url(jwe.at("protected").as_string()).value()));
}

json::object with_header(const json::object& jwe, std::string_view header) {
  return with(jwe, "protected", base64url(as_bytes(header)));
}

TEST(JweDecrypt, ToleratesWhatTheFormatAllows) {
  for (const Recorded& r : recorded()) {
    json::object reordered;
    for (std::string_view name : {"tag", "iv", "protected", "ciphertext", "encrypted_key"}) {
      reordered[name] = r.jwe.at(name);
    }
    EXPECT_TRUE(decrypt_jwe(r.key, to_json(reordered))) << "members in another order";
    EXPECT_TRUE(decrypt_jwe(r.key, to_json(with(r.jwe, "aad", "AAAA")))) << "aad is ignored";
    EXPECT_TRUE(decrypt_jwe(r.key, to_json(with(r.jwe, "x", 1)))) << "unknown members";
    EXPECT_TRUE(decrypt_jwe(r.key, " " + to_json(r.jwe) + "\n")) << "white space around";
  }
}

TEST(JweDecrypt, OneChangedBitAnywhereIsNoticed) {
  for (const Recorded& r : recorded()) {
    for (std::string_view name : {"encrypted_key", "iv", "ciphertext", "tag"}) {
      const Bytes good = from_base64url(r.jwe.at(name).as_string()).value();
      // RSA operations are slow under sanitizers: every eighth byte of encrypted_key is enough
      // there.
      const std::size_t step = good.size() > 100 ? 8 : 1;
      for (std::size_t i = 0; i < good.size(); i += step) {
        Bytes bad = good;
        bad[i] ^= static_cast<std::byte>(1u << (i % 8));
        const auto got = decrypt_jwe(r.key, to_json(with(r.jwe, name, base64url(bad))));
        ASSERT_FALSE(got) << name << " byte " << i;
        EXPECT_EQ(got.error().kind, ErrorKind::unauthenticated);
      }
    }
    std::string text(r.jwe.at("protected").as_string());
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string bad = text;
      bad[i] = bad[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(decrypt_jwe(r.key, to_json(with(r.jwe, "protected", bad)))) << "protected " << i;
    }
  }
}

TEST(JweDecrypt, ProtectedIsAuthenticatedVerbatim) {
  // The same header in other words is another header.
  for (const Recorded& r : recorded()) {
    EXPECT_FALSE(decrypt_jwe(r.key, to_json(with_header(r.jwe, header_of(r.jwe) + " "))));
  }
}

TEST(JweDecrypt, EveryFailureOfDecryptionIsTheSameError) {
  for (const Recorded& r : recorded()) {
    const Bytes key = from_base64url(r.jwe.at("encrypted_key").as_string()).value();
    Bytes flipped = key;
    flipped.back() ^= std::byte{1};
    const json::object cases[] = {
        with(r.jwe, "encrypted_key", ""),
        with(r.jwe, "encrypted_key", base64url(std::span(key).first(key.size() - 1))),
        with(r.jwe, "encrypted_key", base64url(Bytes(key.size()))),
        with(r.jwe, "encrypted_key", base64url(Bytes(key.size(), std::byte{0xff}))),
        with(r.jwe, "encrypted_key", base64url(Bytes(key.size() + 1, std::byte{1}))),
        with(r.jwe, "encrypted_key", base64url(flipped)),
        with(r.jwe, "tag", std::string(22, 'A')),
        with(r.jwe, "ciphertext", ""),
    };
    std::optional<std::string> first;
    for (const json::object& c : cases) {
      const auto got = decrypt_jwe(r.key, to_json(c));
      ASSERT_FALSE(got);
      const std::string text = got.error().message + got.error().detail;
      EXPECT_EQ(text, first.value_or(text));
      first = text;
    }
    const PrivateKey other = PrivateKey::generate(r.key.type()).value();
    const auto got = decrypt_jwe(other, to_json(r.jwe));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().message + got.error().detail, first);
  }
}

TEST(JweDecrypt, RsaFailureGivesARandomKeyEachTime) {
  // Implicit rejection: a bad padding and a good one with a wrong length go on alike.
  const PrivateKey key = PrivateKey::generate(KeyType::rsa).value();
  for (auto algorithm : {TeePublicKey::Algorithm::rsa1_5, TeePublicKey::Algorithm::rsa_oaep_256}) {
    const Secret cek = random_secret(32);
    const Bytes good = rsa_encrypt_key(key.public_key(), algorithm, cek).value();
    EXPECT_EQ(rsa_decrypt_key(key, algorithm, good), cek);
    const Bytes short_key = rsa_encrypt_key(key.public_key(), algorithm, random_secret(31)).value();
    const Bytes long_key = rsa_encrypt_key(key.public_key(), algorithm, random_secret(48)).value();
    Bytes bad = good;
    bad[100] ^= std::byte{4};
    for (const Bytes& encrypted : {short_key, long_key, bad, Bytes(256), Bytes{}}) {
      const Secret one = rsa_decrypt_key(key, algorithm, encrypted);
      const Secret two = rsa_decrypt_key(key, algorithm, encrypted);
      EXPECT_EQ(one.size(), 32u);
      EXPECT_FALSE(one == two);
      EXPECT_FALSE(one == cek);
    }
  }
}

TEST(JweDecrypt, MalformedInputIsRefused) {
  const Recorded ec = std::move(recorded()[0]);
  const std::string good = to_json(ec.jwe);
  ASSERT_TRUE(decrypt_jwe(ec.key, good));
  struct Case {
    std::string text;
    const char* why;
  };
  const auto epk = [&](std::string_view member) {
    return to_json(with_header(
        ec.jwe, R"({"alg":"ECDH-ES+A256KW","enc":"A256GCM")" + std::string(member) + "}"));
  };
  const std::string own_epk = header_of(ec.jwe).substr(header_of(ec.jwe).find(R"("epk")"));
  const Case cases[] = {
      {"", "nothing"},
      {"[]", "an array"},
      {"{}", "no members"},
      {good + "x", "bytes after it"},
      {good.substr(0, good.size() - 1), "cut"},
      {to_json(with(ec.jwe, "protected", nullptr)), "no protected"},
      {to_json(with(ec.jwe, "encrypted_key", nullptr)), "no encrypted_key"},
      {to_json(with(ec.jwe, "iv", nullptr)), "no iv"},
      {to_json(with(ec.jwe, "ciphertext", nullptr)), "no ciphertext"},
      {to_json(with(ec.jwe, "tag", nullptr)), "no tag"},
      {to_json(with(ec.jwe, "tag", 1)), "tag a number"},
      {to_json(with(ec.jwe, "tag", "GjVRQrWC2c_H_9D1CDtW3Q==")), "padding"},
      {to_json(with(ec.jwe, "tag", "GjVRQrWC2c_H_9D1CDtW")), "a tag of 15 bytes"},
      {to_json(with(ec.jwe, "tag", "GjVRQg")), "a tag of 4 bytes is easily guessed"},
      {to_json(with(ec.jwe, "tag", "")), "no tag at all"},
      {to_json(with(ec.jwe, "iv", "QEFCQ0RFRkdISUpLTA")), "an iv of 13 bytes"},
      {to_json(with(ec.jwe, "iv", "")), "an empty iv"},
      {to_json(with(ec.jwe, "ciphertext", "+/")), "the other alphabet"},
      {to_json(with_header(ec.jwe, "[]")), "header an array"},
      {to_json(with_header(ec.jwe, "{}")), "empty header"},
      {to_json(with_header(ec.jwe, R"({"alg":"dir","enc":"A256GCM"})")), "direct use of a key"},
      {to_json(with_header(ec.jwe, R"({"alg":"RSA1_5","enc":"A256GCM"})")), "alg of another type"},
      {to_json(with_header(ec.jwe, R"({"alg":"RSA-OAEP-256","enc":"A256GCM"})")),
       "alg of another type"},
      {to_json(with_header(ec.jwe, R"({"alg":"ECDH-ES+A256KW","enc":"A128GCM",)" + own_epk)),
       "another enc"},
      {to_json(with_header(ec.jwe,
                           R"({"alg":"ECDH-ES+A256KW","enc":"A256GCM","zip":"DEF",)" + own_epk)),
       "compression"},
      {to_json(with_header(ec.jwe,
                           R"({"alg":"ECDH-ES+A256KW","enc":"A256GCM","crit":["x"],)" + own_epk)),
       "critical extension"},
      {to_json(with_header(
           ec.jwe, R"({"alg":"ECDH-ES+A256KW","alg":"ECDH-ES+A256KW","enc":"A256GCM",)" + own_epk)),
       "a member twice"},
      {epk(""), "no epk"},
      {epk(R"(,"epk":1)"), "epk a number"},
      {epk(R"(,"epk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})"), "short coordinates"},
      {epk(R"(,"epk":{"kty":"EC","crv":"P-256","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c"})"),
       "off the curve: invalid curve attack"},
      {epk(R"(,"epk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"),
       "not an EC key"},
      {epk("," + header_of(recorded()[1].jwe)
                     .substr(header_of(recorded()[1].jwe).find(R"("epk")"),
                             header_of(recorded()[1].jwe).size() - 1 -
                                 header_of(recorded()[1].jwe).find(R"("epk")"))),
       "a key on another curve"},
      {epk("," + own_epk.substr(0, own_epk.size() - 1) + R"(,"apu":1)"), "apu not a string"},
      {epk("," + own_epk.substr(0, own_epk.size() - 1) + R"(,"apv":"!")"), "apv not base64url"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = decrypt_jwe(ec.key, c.text);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_request) << describe(got.error());
  }
}

TEST(JweDecrypt, KeysThatDoNotDecrypt) {
  const Recorded ec = std::move(recorded()[0]);
  const Recorded rsa = std::move(recorded()[2]);
  for (KeyType type : {KeyType::ec_p384, KeyType::ed25519, KeyType::rsa}) {
    EXPECT_FALSE(decrypt_jwe(PrivateKey::generate(type).value(), to_json(ec.jwe)));
  }
  EXPECT_FALSE(decrypt_jwe(ec.key, to_json(rsa.jwe)));
}

}  // namespace
}  // namespace kbs::crypto
