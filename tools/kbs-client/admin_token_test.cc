#include "kbs-client/admin_token.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/jws.h"
#include "kbs-client/testing/temporary_directory.h"

namespace kbs::client {
namespace {

using testing::TemporaryDirectory;

constexpr SysTime kThen{std::chrono::seconds{1785700000}};

/// Ed25519 with the seed 00 01 … 1f: the reference key of spec/admin.md §2.3.
crypto::PrivateKey reference_key() {
  json::object jwk =
      parse_json_object(
          R"({"kty":"OKP","crv":"Ed25519","d":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",)"
          R"("x":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"})")
          .value();
  return crypto::PrivateKey::from_jwk(jwk).value();
}

TEST(AdminToken, IsTheReferenceToken) {
  const AdminClaims claims{.role = "admin",
                           .issuer = "TrusteeInDocker",
                           .audience = "KBS",
                           .lifetime = std::chrono::seconds{315360000}};
  auto token = sign_admin_token(reference_key(), claims, kThen);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(
      token->expose_text(),
      "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9."
      "eyJpc3MiOiJUcnVzdGVlSW5Eb2NrZXIiLCJzdWIiOiJhZG1pbiIsImF1ZCI6WyJLQlMiXSwicm9sZSI6ImFkbWluIiwi"
      "aWF0IjoxNzg1NzAw"
      "MDAwLCJleHAiOjIxMDEwNjAwMDB9.ZShQTr3hxTopUQlygl8ta-M5ZqG4ZySGvuCnMSKklTNFh8nSAEIXZyLFw3_Mv-"
      "PDVobYf6IfdHwgFzVqiZHiBQ");
}

TEST(AdminToken, ClaimsAreTheDocumentedOnes) {
  struct Case {
    AdminClaims claims;
    std::string_view want;
    const char* why;
  };
  const Case cases[] = {
      {{},
       R"({"sub":"admin","aud":["KBS"],"role":"admin","iat":1785700000,"exp":1785707200})",
       "defaults: two hours"},
      {{.role = "storage", .issuer = "me", .audience = "X", .lifetime = std::chrono::seconds{60}},
       R"({"iss":"me","sub":"storage","aud":["X"],"role":"storage","iat":1785700000,"exp":1785700060})",
       "all given"},
      {{.role = "", .issuer = "", .audience = ""},
       R"({"iat":1785700000,"exp":1785707200})",
       "empty leaves out: what old clients signed"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(admin_claims_json(c.claims, kThen), c.want);
  }
}

TEST(AdminToken, AlgorithmFollowsTheKey) {
  struct Case {
    crypto::KeyType type;
    std::optional<crypto::JwsAlgorithm> want;
  };
  const Case cases[] = {{crypto::KeyType::ed25519, crypto::JwsAlgorithm::eddsa},
                        {crypto::KeyType::ec_p256, crypto::JwsAlgorithm::es256},
                        {crypto::KeyType::ec_p384, crypto::JwsAlgorithm::es384},
                        {crypto::KeyType::rsa, crypto::JwsAlgorithm::rs256},
                        {crypto::KeyType::ec_p521, std::nullopt}};
  for (const Case& c : cases) {
    auto key = crypto::PrivateKey::generate(c.type).value();
    auto token = sign_admin_token(key, {}, kThen);
    ASSERT_EQ(bool(token), c.want.has_value());
    if (!token) continue;
    auto jws = crypto::parse_jws(token->expose_text());
    ASSERT_TRUE(jws);
    EXPECT_EQ(string_member(jws->header, "alg"), to_string(*c.want));
    EXPECT_TRUE(crypto::verify_jws(*jws, key.public_key(), *c.want));
  }
}

/// What a search finds: the token's text, "none" or "error".
std::string found(const TokenSearch& search, std::vector<std::string>* said = nullptr) {
  auto token = find_admin_token(search, [&](std::string_view line) {
    if (said) said->emplace_back(line);
  });
  if (!token) return "error";
  return *token ? std::string((*token)->expose_text()) : "none";
}

TEST(TokenSearch, LooksInTheDocumentedOrder) {
  const TemporaryDirectory home;
  const TemporaryDirectory cwd;
  TokenSearch search{.named = {}, .home = home.path(), .directory = cwd.path()};
  std::vector<std::string> said;
  EXPECT_EQ(found(search, &said), "none");
  EXPECT_EQ(said,
            std::vector<std::string>{"Failed to read: kbs/config/docker-compose/admin-token"});

  home.write(".trustee/admin-token", "of-home\n");
  EXPECT_EQ(found(search), "of-home");
  cwd.write("kbs/config/docker-compose/admin-token", " of-compose \n");
  said.clear();
  EXPECT_EQ(found(search, &said), "of-compose");
  EXPECT_TRUE(said.empty());
  search.named = cwd.write("named", "\t named\r\n");
  EXPECT_EQ(found(search), "named");
}

TEST(TokenSearch, ANamedFileThatCannotBeReadIsAnErrorAndSaysSoFirst) {
  const TemporaryDirectory home;
  home.write(".trustee/admin-token", "of-home");
  std::vector<std::string> said;
  EXPECT_EQ(
      found({.named = home.path("absent"), .home = home.path(), .directory = home.path()}, &said),
      "error");
  EXPECT_EQ(said, std::vector<std::string>{"Failed to read: " + home.path("absent")});
}

TEST(TokenSearch, ATokenThatWouldBreakTheHeaderIsRefused) {
  const TemporaryDirectory dir;
  EXPECT_EQ(
      found({.named = dir.write("t", "a.b.c\r\nX-Evil: 1"), .home = "", .directory = dir.path()}),
      "error");
  EXPECT_EQ(found({.named = dir.write("t", " \n"), .home = "", .directory = dir.path()}), "error")
      << "empty";
  EXPECT_EQ(found({.named = dir.path(), .home = "", .directory = dir.path()}), "error")
      << "a directory";
}

TEST(Lifetime, ReadsTheUsualUnits) {
  struct Case {
    std::string_view text;
    long want;  // 0: refused
  };
  const Case cases[] = {{"90", 90},
                        {"90s", 90},
                        {"15m", 900},
                        {"2h", 7200},
                        {"30d", 2592000},
                        {"0", 0},
                        {"-1h", 0},
                        {"", 0},
                        {"h", 0},
                        {"2 h", 0},
                        {"2hours", 0},
                        {"1.5h", 0},
                        {"9223372036854775807d", 0},
                        {"99999999999999999999", 0}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    auto got = parse_lifetime(c.text);
    EXPECT_EQ(got ? got->count() : 0, c.want);
  }
}

}  // namespace
}  // namespace kbs::client
