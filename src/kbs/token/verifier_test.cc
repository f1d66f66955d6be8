#include "kbs/token/verifier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/encoding.h"

namespace kbs::token {
namespace {

using crypto::JwsAlgorithm;
using crypto::KeyType;
using crypto::PrivateKey;

constexpr SysTime kNow{std::chrono::seconds{1785700000}};
constexpr std::string_view kTeeKey =
    R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"})";

// The worked example of spec/attestation-token.md §6.4: expires at 1785700300.
constexpr std::string_view kWorkedExample =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiIsImp3ayI6eyJhbGciOiJFUzI1NiIsImt0eSI6IkVDIiwiY3J2IjoiUC0yNT"
    "YiLCJ4IjoiQWx2YjRM"
    "cHlKb19RLWp5a3lvQ2twQ3hiRzJvYUJURUZaRkcxS2VlUnBFWSIsInkiOiJVbjMySTdod1dZa3NsaVdIc0pDTWhJZFVZSy"
    "13WkZxSEN3QUFEaFNM"
    "UHVnIn19."
    "eyJlYXRfcHJvZmlsZSI6InRhZzpnaXRodWIuY29tLDIwMjQ6Y29uZmlkZW50aWFsLWNvbnRhaW5lcnMvVHJ1c3RlZSIsIm"
    "lhdCI6MTc"
    "4NTcwMDAwMCwiZWFyLnZlcmlmaWVyLWlkIjp7ImRldmVsb3BlciI6Imh0dHBzOi8vY29uZmlkZW50aWFsY29udGFpbmVyc"
    "y5vcmciLCJidWlsZCI"
    "6ImF0dGVzdGF0aW9uLXNlcnZpY2UgMC4xLjAifSwic3VibW9kcyI6eyJjcHUwIjp7ImVhci5zdGF0dXMiOiJjb250cmFpb"
    "mRpY2F0ZWQiLCJlYXI"
    "udHJ1c3R3b3J0aGluZXNzLXZlY3RvciI6eyJpbnN0YW5jZS1pZGVudGl0eSI6MCwiY29uZmlndXJhdGlvbiI6MiwiZXhlY"
    "3V0YWJsZXMiOjMzLCJ"
    "maWxlLXN5c3RlbSI6MCwiaGFyZHdhcmUiOjk3LCJydW50aW1lLW9wYXF1ZSI6MCwic3RvcmFnZS1vcGFxdWUiOjAsInNvd"
    "XJjZWQtZGF0YSI6MH0"
    "sImVhci5hcHByYWlzYWwtcG9saWN5LWlkIjoiZGVmYXVsdCIsImVhci52ZXJhaXNvbi5hbm5vdGF0ZWQtZXZpZGVuY2UiO"
    "nsicmVwb3J0X2RhdGE"
    "iOiJoa2Y4MFhhYWJjeXZPWDIxdWo1YmpnNTE0SlpBcTc3RDBXTmlDNEpjRWRWRWQ4TlI5WXRITlRWQTJXdzFLQmR0Iiwic"
    "nVudGltZV9kYXRhX2N"
    "sYWltcyI6eyJhZGRpdGlvbmFsLWV2aWRlbmNlIjoiIiwibm9uY2UiOiJBQUVDQXdRRkJnY0lDUW9MREEwT0R4QVJFaE1VR"
    "lJZWEdCa2FHeHdkSGg"
    "4PSIsInRlZS1wdWJrZXkiOnsiYWxnIjoiRUNESC1FUytBMjU2S1ciLCJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6I"
    "kFiZDhsX1ozVElWVWF"
    "3aHpPWk1YTnlCWlR4Y09JRDFTTGlsQTFjbEZBMWMiLCJ5IjoiaDZ4QWtSZS1mN0lwbmppRUJHVzNoWTMwUTJBZTZkZTVzb"
    "Ut5TW03Nm05VSJ9fSw"
    "ic2FtcGxlIjp7ImRlYnVnIjpmYWxzZSwibGF1bmNoX2RpZ2VzdCI6ImFiY2RlIiwicGxhdGZvcm1fdmVyc2lvbiI6eyJtY"
    "WpvciI6MSwibWlub3I"
    "iOjR9LCJzdm4iOiIxIn19LCJlYXIudHJ1c3RlZS5pZGVudGlmaWVycyI6eyJ2YWxpZGF0ZWQiOnt9fX19LCJleHAiOjE3O"
    "DU3MDAzMDAsImlzcyI"
    "6IkNvQ28tQXR0ZXN0YXRpb24tU2VydmljZSJ9.Hb46mf-pW-k8LNwVZOOs15X2tfkdyFcoUimcoTNazwhLqD5X8NFq_"
    "MBIhULQ42uf99jlWdowwyHY"
    "UZS_Qz0kYQ";

std::string jwk_text(const PrivateKey& key, std::string_view alg) {
  json::object jwk = key.public_key().to_jwk();
  if (!alg.empty()) jwk["alg"] = alg;
  return to_json(jwk);
}

std::string claims(std::string_view exp = "1785700300", std::string_view more = "") {
  return R"({"exp":)" + std::string(exp) + R"(,"tee-pubkey":)" + std::string(kTeeKey) +
         std::string(more) + "}";
}

class VerifierTest : public ::testing::Test {
 protected:
  VerifierTest()
      : dir_(std::filesystem::temp_directory_path() / ("kbs-token-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(dir_);
  }
  ~VerifierTest() override { std::filesystem::remove_all(dir_); }

  std::string write(const std::string& name, std::string_view text) {
    const auto path = dir_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  std::string token(std::string_view payload, std::string_view key_alg = "ES256",
                    std::string_view header_alg = "ES256") {
    const std::string header =
        R"({"alg":")" + std::string(header_alg) + R"(","jwk":)" + jwk_text(key_, key_alg) + "}";
    return *crypto::sign_jws(header, payload, key_, JwsAlgorithm::es256);
  }
  static std::shared_ptr<const TokenVerifier> insecure() {
    TrustOptions options;
    options.insecure_header_jwk = true;
    return *TokenVerifier::make(std::move(options));
  }

  PrivateKey key_ = *PrivateKey::generate(KeyType::ec_p256);
  std::filesystem::path dir_;
};

TEST_F(VerifierTest, ReadsTheWorkedExample) {
  auto verified = insecure()->verify(kWorkedExample, kNow);
  ASSERT_TRUE(verified) << describe(verified.error());
  EXPECT_EQ((*verified)->tee, "sample");
  EXPECT_EQ((*verified)->issued_at, 1785700000);
  EXPECT_TRUE((*verified)->tee_key);
  EXPECT_EQ((*verified)->expires, SysTime{std::chrono::seconds{1785700360}});
  EXPECT_FALSE(insecure()->verify(kWorkedExample, kNow + std::chrono::hours{1}))
      << "it is expired an hour later";
}

TEST_F(VerifierTest, Expiry) {
  struct Case {
    std::string_view exp;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {"1785700300", true, "in the future"},
      {"1785699970", true, "30 s ago: within the leeway"},
      {"1785699940", true, "60 s ago: the last second of it"},
      {"1785699939", false, "61 s ago"},
      {"1785699940.4", true, "a fraction, rounded down"},
      {"0", false, "long ago"},
      {"-1", false, "negative"},
      {R"("1785700300")", false, "a string is no time"},
      {"null", false, "neither is null"},
      {"1e300", false, "out of any calendar"},
      {"18446744073709551615", false, "out of range"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(insecure()->verify(token(claims(c.exp)), kNow).has_value(), c.good) << c.why;
  }
  EXPECT_FALSE(insecure()->verify(token(R"({"iat":1})"), kNow)) << "exp is required";
  EXPECT_TRUE(insecure()->verify(token(claims("1785700300", R"(,"nbf":1785709999)")), kNow))
      << "nbf is not looked at";
}

TEST_F(VerifierTest, TheKeyDecidesTheAlgorithm) {
  EXPECT_FALSE(insecure()->verify(token(claims(), ""), kNow))
      << "a key without alg verifies nothing";
  EXPECT_FALSE(insecure()->verify(token(claims(), "ES384"), kNow))
      << "alg of key and header differ";
  EXPECT_FALSE(insecure()->verify(token(claims(), "ES256", "ES384"), kNow))
      << "the other way round";
  EXPECT_FALSE(insecure()->verify(token(claims(), "RS256", "RS256"), kNow))
      << "RSA algorithm, EC key";
  EXPECT_FALSE(insecure()->verify(token(claims(), "HS256", "HS256"), kNow))
      << "a shared secret signs nothing here";
  EXPECT_FALSE(insecure()->verify(token(claims(), "none", "none"), kNow)) << "none is no algorithm";
}

TEST_F(VerifierTest, RefusesForgeries) {
  const std::string good = token(claims());
  const auto first_dot = good.find('.');
  const auto last_dot = good.rfind('.');
  struct Case {
    std::string token;
    const char* why;
  };
  std::string flipped = good;
  flipped[last_dot + 5] = flipped[last_dot + 5] == 'A' ? 'B' : 'A';
  const std::string none =
      base64url(as_bytes(R"({"alg":"none"})")) + good.substr(first_dot, last_dot - first_dot) + ".";
  const Case cases[] = {
      {flipped, "a changed signature"},
      {good.substr(0, last_dot + 1), "no signature"},
      {none, "alg none"},
      {good.substr(0, first_dot + 1) + base64url(as_bytes(claims("9999999999"))) +
           good.substr(last_dot),
       "other claims"},
      {"abc", "no token"},
      {"", "nothing"},
      {good + ".x", "four parts"},
      {std::string(2u << 20, 'a'), "two mebibytes of nothing"},
  };
  ASSERT_TRUE(insecure()->verify(good, kNow));
  for (const Case& c : cases) {
    auto verified = insecure()->verify(c.token, kNow);
    ASSERT_FALSE(verified) << c.why;
    EXPECT_EQ(verified.error().kind, ErrorKind::unauthenticated) << c.why;
    EXPECT_EQ(verified.error().message.find("alg"), std::string::npos)
        << "the client is not told which check failed";
  }
}

TEST_F(VerifierTest, TrustsHeaderKeysOnlyWhenEndorsed) {
  TrustOptions none;
  EXPECT_FALSE((*TokenVerifier::make(none))->verify(token(claims()), kNow))
      << "nobody vouches for this key";
  TrustOptions own;
  own.own_key = key_.public_key();
  EXPECT_TRUE((*TokenVerifier::make(own))->verify(token(claims()), kNow))
      << "our own service's key";
  TrustOptions other;
  other.own_key = PrivateKey::generate(KeyType::ec_p256)->public_key();
  EXPECT_FALSE((*TokenVerifier::make(other))->verify(token(claims()), kNow)) << "somebody else's";
}

TEST_F(VerifierTest, TheOwnKeyIsRecognisedWholeOrNotAtAll) {
  // The header's key is compared as text and not imported: nothing of it may be left out, and the
  // signature is checked with our key, not with what the header says.
  TrustOptions own;
  own.own_key = key_.public_key();
  const auto verifier = TokenVerifier::make(own).value();
  const PrivateKey forger = PrivateKey::generate(KeyType::ec_p256).value();
  const json::object ours = key_.public_key().to_jwk();
  const auto signed_by = [&](const PrivateKey& signer, json::object jwk) {
    jwk["alg"] = "ES256";
    return crypto::sign_jws(R"({"alg":"ES256","jwk":)" + to_json(jwk) + "}", claims(), signer,
                            JwsAlgorithm::es256)
        .value();
  };
  EXPECT_TRUE(verifier->verify(signed_by(key_, ours), kNow));
  EXPECT_FALSE(verifier->verify(signed_by(forger, ours), kNow)) << "our name, another's signature";
  const json::object theirs = forger.public_key().to_jwk();
  for (std::string_view name : {"kty", "crv", "x", "y"}) {
    json::object changed = ours;
    changed[name] = name == "x" || name == "y" ? theirs.at(name) : json::value("P-384");
    EXPECT_FALSE(verifier->verify(signed_by(key_, changed), kNow)) << name;
    changed.erase(name);
    EXPECT_FALSE(verifier->verify(signed_by(key_, changed), kNow)) << name << " missing";
  }
}

TEST_F(VerifierTest, FindsKeysByKidInSets) {
  json::object named = key_.public_key().to_jwk();
  named["kid"] = "one";
  named["alg"] = "ES256";
  json::object without_alg = PrivateKey::generate(KeyType::ec_p256)->public_key().to_jwk();
  without_alg["kid"] = "two";
  const std::string path =
      write("set.json", R"({"keys":[)" + to_json(named) + "," + to_json(without_alg) + "]}");
  for (const std::string& source : {path, "file://" + path}) {
    TrustOptions options;
    options.jwk_set_files = {source};
    auto verifier = TokenVerifier::make(std::move(options));
    ASSERT_TRUE(verifier) << describe(verifier.error());
    const auto with_kid = [&](std::string_view kid) {
      const std::string header =
          R"({"alg":"ES256")" + (kid.empty() ? "" : R"(,"kid":")" + std::string(kid) + "\"") + "}";
      return (*verifier)
          ->verify(*crypto::sign_jws(header, claims(), key_, JwsAlgorithm::es256), kNow)
          .has_value();
    };
    EXPECT_TRUE(with_kid("one"));
    EXPECT_FALSE(with_kid("three")) << "unknown kid";
    EXPECT_FALSE(with_kid("two")) << "that key names no algorithm, and did not sign";
    EXPECT_FALSE(with_kid("")) << "neither jwk nor kid";
    EXPECT_FALSE((*verifier)->verify(token(claims()), kNow))
        << "a header key is no way round the set";
  }
}

TEST_F(VerifierTest, FilesAtFaultAreNamed) {
  struct Case {
    std::string name, text;
    const char* why;
  };
  const Case cases[] = {
      {"empty.json", "", "empty"},
      {"list.json", "[]", "no object"},
      {"nokeys.json", "{}", "no keys"},
      {"zero.json", R"({"keys":[]})", "no key in it"},
      {"oct.json", R"({"keys":[{"kty":"oct","k":"AAAA","kid":"a","alg":"HS256"}]})",
       "only a shared secret"},
  };
  for (const Case& c : cases) {
    TrustOptions options;
    options.jwk_set_files = {write(c.name, c.text)};
    auto made = TokenVerifier::make(std::move(options));
    ASSERT_FALSE(made) << c.why;
    EXPECT_NE(made.error().message.find(c.name), std::string::npos) << c.why;
  }
  TrustOptions certs;
  certs.certificate_files = {write("none.pem", "no certificate here")};
  auto made = TokenVerifier::make(std::move(certs));
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("none.pem"), std::string::npos);
}

TEST(Claims, TheFirstPlaceThatExistsDecides) {
  const auto parse = [](const std::string& text) { return *parse_json(text); };
  const std::string key(kTeeKey);
  const std::string rsa1 = R"({"kty":"RSA"})";
  EXPECT_TRUE(read_claims(parse(R"({"tee-pubkey":)" + key + "}"), {}).tee_key);
  EXPECT_TRUE(
      read_claims(parse(R"({"tdx":{"attester_runtime_data":{"tee-pubkey":)" + key + "}}}"), {})
          .tee_key);
  EXPECT_TRUE(read_claims(parse(R"({"tdx":{"attester_user_data":{"tee-pubkey":)" + key + "}}}"), {})
                  .tee_key);
  EXPECT_TRUE(
      read_claims(parse(R"({"customized_claims":{"runtime_data":{"tee-pubkey":)" + key + "}}}"), {})
          .tee_key);
  EXPECT_FALSE(read_claims(parse(R"({"submods":{}})"), {}).tee_key) << "there is none";
  const json::value two = parse(R"({"x":{"k":)" + key + R"(},"tee-pubkey":)" + rsa1 + "}");
  EXPECT_TRUE(read_claims(two, {"/x/k"}).tee_key) << "the extra path comes first";
  EXPECT_FALSE(read_claims(two, {}).tee_key)
      << "without it the unusable one is found, and that is that";
  const json::value shadowed = parse(R"({"x":1,"tee-pubkey":)" + key + "}");
  EXPECT_FALSE(read_claims(shadowed, {"/x"}).tee_key) << "a place that exists ends the search";
}

}  // namespace
}  // namespace kbs::token
