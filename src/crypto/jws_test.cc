#include "crypto/jws.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "crypto/evp.h"
#include "crypto/testing/vectors.h"

namespace kbs::crypto {
namespace {

constexpr JwsAlgorithm kAll[] = {JwsAlgorithm::es256, JwsAlgorithm::es384, JwsAlgorithm::rs256,
                                 JwsAlgorithm::rs384, JwsAlgorithm::rs512, JwsAlgorithm::ps256,
                                 JwsAlgorithm::ps384, JwsAlgorithm::ps512, JwsAlgorithm::eddsa};
constexpr KeyType kTypes[] = {KeyType::rsa, KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521,
                              KeyType::ed25519};

const PrivateKey& key_of(KeyType type) {
  static const auto keys = [] {
    std::vector<PrivateKey> made;
    for (KeyType t : kTypes) made.push_back(PrivateKey::generate(t).value());
    return made;
  }();
  return keys[static_cast<std::size_t>(type)];
}

const PrivateKey& key_for(JwsAlgorithm algorithm) {
  for (KeyType type : kTypes) {
    if (fits(algorithm, type)) return key_of(type);
  }
  throw std::logic_error("no key fits");
}

JwsAlgorithm known(std::string_view name) {
  for (JwsAlgorithm a : kAll) {
    if (to_string(a) == name) return a;
  }
  throw std::logic_error("a vector with an unknown algorithm");
}

std::string header_of(JwsAlgorithm algorithm) {
  return R"({"alg":")" + std::string(to_string(algorithm)) + R"(","typ":"JWT"})";
}

Result<> verify(std::string_view token, const PublicKey& key, JwsAlgorithm algorithm) {
  KBS_TRY(const ParsedJws jws, parse_jws(token));
  return verify_jws(jws, key, algorithm);
}

TEST(Jws, RfcExamplesAndReferenceTokens) {
  for (const json::value& row : testing::vectors("jose/jws.json")) {
    SCOPED_TRACE(row.at("source").as_string());
    const auto key = PrivateKey::from_jwk(row.at("jwk").as_object());
    ASSERT_TRUE(key) << describe(key.error());
    const std::string_view token = row.at("token").as_string();
    const auto algorithm = known(row.at("alg").as_string());
    const auto verdict = verify(token, key->public_key(), algorithm);
    EXPECT_TRUE(verdict) << describe(verdict.error());

    const ParsedJws jws = parse_jws(token).value();
    const std::string header(as_text(from_base64url(token.substr(0, token.find('.'))).value()));
    const Bytes payload = jws.payload().value();
    const auto again = sign_jws(header, as_text(payload), *key, algorithm).value();
    if (row.at("exact").as_bool()) EXPECT_EQ(again, token);
    EXPECT_TRUE(verify(again, key->public_key(), algorithm));
  }
}

TEST(Jws, EveryAlgorithmVerifiesWhatItSigns) {
  for (JwsAlgorithm a : kAll) {
    SCOPED_TRACE(to_string(a));
    const std::string token = sign_jws(header_of(a), R"({"role":"admin"})", key_for(a), a).value();
    EXPECT_TRUE(verify(token, key_for(a).public_key(), a));
    EXPECT_EQ(as_text(parse_jws(token)->payload().value()), R"({"role":"admin"})");
  }
}

TEST(Jws, SignaturesHaveTheirFixedLength) {
  // r and s are short now and then (one signature in 128): many rounds would show a lost zero.
  for (int i = 0; i < 300; ++i) {
    const auto token = sign_jws(header_of(JwsAlgorithm::es256), std::to_string(i),
                                key_of(KeyType::ec_p256), JwsAlgorithm::es256);
    ASSERT_EQ(parse_jws(*token)->signature.size(), 64u);
    ASSERT_TRUE(verify(*token, key_of(KeyType::ec_p256).public_key(), JwsAlgorithm::es256));
  }
}

TEST(Jws, OneChangedBitAnywhereIsNoticed) {
  for (JwsAlgorithm a : kAll) {
    SCOPED_TRACE(to_string(a));
    const PublicKey key = key_for(a).public_key();
    const std::string token = sign_jws(header_of(a), R"({"a":1})", key_for(a), a).value();
    ASSERT_TRUE(verify(token, key, a));
    ParsedJws jws = parse_jws(token).value();
    for (std::size_t i = 0; i < jws.signature.size(); ++i) {
      jws.signature[i] ^= static_cast<std::byte>(1u << (i % 8));
      EXPECT_FALSE(verify_jws(jws, key, a)) << "signature byte " << i;
      jws.signature[i] ^= static_cast<std::byte>(1u << (i % 8));
    }
    std::string input(jws.signing_input);
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = static_cast<char>(input[i] ^ (1 << (i % 7)));
      jws.signing_input = input;
      EXPECT_FALSE(verify_jws(jws, key, a)) << "input byte " << i;
      input[i] = static_cast<char>(input[i] ^ (1 << (i % 7)));
    }
    jws.signing_input = input;
    EXPECT_TRUE(verify_jws(jws, key, a));
  }
}

TEST(Jws, RefusesSignaturesOfOtherLengths) {
  for (JwsAlgorithm a : kAll) {
    SCOPED_TRACE(to_string(a));
    const PublicKey key = key_for(a).public_key();
    const std::string token = sign_jws(header_of(a), "{}", key_for(a), a).value();
    const ParsedJws good = parse_jws(token).value();
    ParsedJws jws = good;
    jws.signature.clear();
    EXPECT_FALSE(verify_jws(jws, key, a)) << "empty";
    jws.signature = good.signature;
    jws.signature.push_back(std::byte{0});
    EXPECT_FALSE(verify_jws(jws, key, a)) << "one byte more";
    jws.signature = good.signature;
    jws.signature.pop_back();
    EXPECT_FALSE(verify_jws(jws, key, a)) << "one byte less";
    jws.signature = good.signature;
    jws.signature.insert(jws.signature.begin(), std::byte{0});
    EXPECT_FALSE(verify_jws(jws, key, a)) << "a zero before";
    jws.signature.assign(good.signature.size(), std::byte{0});
    EXPECT_FALSE(verify_jws(jws, key, a)) << "all zero (CVE-2022-21449)";
  }
}

TEST(Jws, DerIsNotAnEcdsaSignatureHere) {
  // What OpenSSL makes by itself: RFC 7518 §3.4 wants r || s.
  const std::string token =
      sign_jws(header_of(JwsAlgorithm::es256), "{}", key_of(KeyType::ec_p256), JwsAlgorithm::es256)
          .value();
  ParsedJws jws = parse_jws(token).value();
  const auto n = jws.signature.size();
  Bytes der{std::byte{0x30}, std::byte{0x46}, std::byte{2}, std::byte{33}, std::byte{0}};
  der.insert(der.end(), jws.signature.begin(), jws.signature.begin() + 32);
  for (auto b : {2, 33, 0}) der.push_back(static_cast<std::byte>(b));
  der.insert(der.end(), jws.signature.begin() + 32, jws.signature.end());
  ASSERT_EQ(n, 64u);
  jws.signature = der;
  EXPECT_FALSE(verify_jws(jws, key_of(KeyType::ec_p256).public_key(), JwsAlgorithm::es256));
}

TEST(Jws, PssSaltIsAsLongAsTheDigest) {
  // RFC 7518 §3.5; other lengths are what OpenSSL would choose by itself.
  const PrivateKey& key = key_of(KeyType::rsa);
  const std::string input = base64url(as_bytes(header_of(JwsAlgorithm::ps256))) + ".e30";
  struct Case {
    const char* salt;
    bool accepted;
  };
  for (const Case& c : {Case{"digest", true}, {"max", false}, {"20", false}, {"0", false}}) {
    SCOPED_TRACE(c.salt);
    EvpMdCtx ctx(EVP_MD_CTX_new());
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                         const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PSS), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
                                         const_cast<char*>(c.salt), 0),
        OSSL_PARAM_construct_end()};
    Bytes signature(256);
    std::size_t size = signature.size();
    ASSERT_EQ(
        EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), params),
        1);
    ASSERT_EQ(EVP_DigestSign(ctx.get(), out(signature), &size, in(as_bytes(input)), input.size()),
              1);
    EXPECT_EQ(verify(input + "." + base64url(signature), key.public_key(), JwsAlgorithm::ps256)
                  .has_value(),
              c.accepted);
  }
}

TEST(Jws, OnlyTheFittingKeyAndAlgorithm) {
  for (JwsAlgorithm a : kAll) {
    const std::string token = sign_jws(header_of(a), "{}", key_for(a), a).value();
    for (JwsAlgorithm other : kAll) {
      for (KeyType type : kTypes) {
        SCOPED_TRACE(std::string(to_string(a)) + " as " + std::string(to_string(other)));
        const auto verdict = verify(token, key_of(type).public_key(), other);
        EXPECT_EQ(verdict.has_value(), a == other && fits(a, type));
        if (!verdict) EXPECT_EQ(verdict.error().kind, ErrorKind::unauthenticated);
        if (!fits(other, type)) EXPECT_FALSE(sign_jws(header_of(other), "{}", key_of(type), other));
      }
    }
  }
  EXPECT_FALSE(std::any_of(std::begin(kAll), std::end(kAll), [](JwsAlgorithm a) {
    return fits(a, KeyType::ec_p521);
  })) << "ES512 is not supported";
}

TEST(Jws, AnotherKeyOfTheSameTypeDoesNotVerify) {
  for (JwsAlgorithm a : kAll) {
    SCOPED_TRACE(to_string(a));
    const std::string token = sign_jws(header_of(a), "{}", key_for(a), a).value();
    const PublicKey other = PrivateKey::generate(key_for(a).type())->public_key();
    EXPECT_FALSE(verify(token, other, a));
  }
}

TEST(Jws, HeaderMustNameTheAlgorithmOfTheTrustMaterial) {
  const PrivateKey& rsa = key_of(KeyType::rsa);
  // Signed as RS256 by the right key, but the header claims something else or nothing.
  for (std::string header : {R"({"alg":"PS256"})", R"({"alg":"none"})", R"({"alg":"HS256"})",
                             R"({"alg":"rs256"})", R"({"alg":256})", R"({})"}) {
    const std::string token = sign_jws(header, "{}", rsa, JwsAlgorithm::rs256).value();
    const auto verdict = verify(token, rsa.public_key(), JwsAlgorithm::rs256);
    ASSERT_FALSE(verdict) << header;
    EXPECT_EQ(verdict.error().kind, ErrorKind::unauthenticated);
  }
}

TEST(Jws, NamesAreExactAndDangerousOnesUnknown) {
  for (JwsAlgorithm a : kAll) EXPECT_EQ(jws_algorithm_from(to_string(a)), a);
  for (std::string_view name : {"none", "None", "nOnE", "HS256", "HS384", "HS512", "ES512",
                                "ES256K", "Ed25519", "eddsa", "es256", "RSA1_5", "", "ES256 "}) {
    EXPECT_FALSE(jws_algorithm_from(name)) << name;
  }
}

TEST(Jws, MalformedTokensAreRefused) {
  const auto b64 = [](std::string_view text) { return base64url(as_bytes(text)); };
  const std::string h = b64(R"({"alg":"ES256"})");
  struct Case {
    std::string token;
    const char* why;
  };
  const Case cases[] = {
      {"", "nothing"},
      {".", "two empty parts"},
      {"..", "an empty header"},
      {"a.b", "two parts"},
      {h + "." + h, "no signature part"},
      {h + ".e30.AA.AA", "four parts"},
      {h + ".e30.AA.AA.AA", "five parts: a JWE"},
      {"!!.e30.AA", "header not base64url"},
      {h + "=.e30.AA", "padding"},
      {b64("[]") + ".e30.AA", "header an array"},
      {b64("\"x\"") + ".e30.AA", "header a string"},
      {b64("{") + ".e30.AA", "header cut"},
      {b64("{}x") + ".e30.AA", "bytes after the header"},
      {b64(R"({"alg":"none","alg":"ES256"})") + ".e30.AA", "a member twice: readers would differ"},
      {b64("{\"alg\":\"\xff\"}") + ".e30.AA", "not UTF-8"},
      {b64(R"({"alg":"ES256","crit":["exp"],"exp":1})") + ".e30.AA", "critical extension"},
      {b64(R"({"alg":"ES256","crit":[]})") + ".e30.AA", "empty crit"},
      {b64(R"({"alg":"ES256","b64":false,"crit":["b64"]})") + ".e30.AA", "RFC 7797"},
      {h + ".e30.A", "signature of impossible length"},
      {h + ".e30.A+", "signature in the other alphabet"},
      {h + ".e30.AB", "trailing bits"},
      {h + ".e30.AA\n", "a line feed at the end"},
      {" " + h + ".e30.AA", "a space at the start"},
      {b64(std::string(200, '[') + std::string(200, ']')) + ".e30.AA", "deep nesting"},
      {h + "." + std::string((1u << 20) + 1, 'A') + ".AA", "over 1 MiB"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = parse_jws(c.token);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
  }
}

TEST(Jws, PayloadMayBeAnythingButMustDecode) {
  const std::string h = base64url(as_bytes(R"({"alg":"ES256"})"));
  EXPECT_TRUE(parse_jws(h + "..AA")->payload().value().empty());
  EXPECT_FALSE(parse_jws(h + ".!.AA")->payload());
}

TEST(Jws, ReadsAndVerifiesFromManyThreads) {
  // One key object serves every worker.
  const PublicKey key = key_of(KeyType::ec_p256).public_key();
  const std::string token =
      sign_jws(header_of(JwsAlgorithm::es256), "{}", key_of(KeyType::ec_p256), JwsAlgorithm::es256)
          .value();
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) good += verify(token, key, JwsAlgorithm::es256) ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace kbs::crypto
