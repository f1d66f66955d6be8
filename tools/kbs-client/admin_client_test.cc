#include "kbs-client/admin_client.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/manual_clock.h"
#include "crypto/jws.h"
#include "kbs-client/http_client.h"
#include "kbs-client/testing/scripted_transport.h"
#include "kbs-client/testing/temporary_directory.h"

namespace kbs::client {
namespace {

using testing::answer;
using testing::kbs_error;
using testing::ScriptedTransport;
using testing::Seen;
using testing::TemporaryDirectory;

const auto kQuiet = [](std::string_view) {};

TEST(AdminClient, SignsAnewForEveryRequest) {
  const TemporaryDirectory dir;
  auto key = crypto::PrivateKey::generate(crypto::KeyType::ed25519).value();
  AdminAccess access;
  access.private_key = dir.write("key", key.to_pkcs8_pem().expose_text());
  auto credential = AdminCredential::open(access, {}, kQuiet);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->kind(), Credential::signed_without_issuer);

  ScriptedTransport transport([](const Seen&) { return answer(200); });
  AdminClient admin(transport, *credential, system_clock());
  ASSERT_TRUE(admin.get("/kbs/v0/resource"));
  auto jws = crypto::parse_jws(transport.seen.at(0).bearer);
  ASSERT_TRUE(jws);
  ASSERT_TRUE(crypto::verify_jws(*jws, key.public_key(), crypto::JwsAlgorithm::eddsa));
  auto claims = parse_json_object(as_text(jws->payload().value())).value();
  EXPECT_EQ(string_member(claims, "role"), "admin");
  EXPECT_EQ(to_json(claims.at("aud")), R"(["KBS"])");
  EXPECT_EQ(claims.at("exp").as_int64() - claims.at("iat").as_int64(), 7200);
  EXPECT_FALSE(claims.contains("iss"));
}

TEST(AdminClient, WithoutATokenSendsNone) {  // C-18
  const TemporaryDirectory empty;
  auto credential = AdminCredential::open(
      {}, {.named = {}, .home = empty.path(), .directory = empty.path()}, kQuiet);
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->kind(), Credential::none);
  ScriptedTransport transport([](const Seen&) { return answer(200); });
  AdminClient admin(transport, *credential, system_clock());
  ASSERT_TRUE(admin.get("/kbs/v0/resource"));
  EXPECT_EQ(transport.seen.at(0).bearer, "");
}

TEST(AdminClient, OnlyTwoHundredIsSuccess) {  // C-17
  const TemporaryDirectory empty;
  auto credential =
      AdminCredential::open({}, {.named = {}, .home = "", .directory = empty.path()}, kQuiet)
          .value();
  struct Case {
    int status;
    ErrorKind kind;
  };
  const Case cases[] = {{201, ErrorKind::internal},     {204, ErrorKind::internal},
                        {302, ErrorKind::internal},     {400, ErrorKind::invalid_request},
                        {403, ErrorKind::denied},       {401, ErrorKind::unauthenticated},
                        {404, ErrorKind::not_found},    {405, ErrorKind::unsupported},
                        {409, ErrorKind::conflict},     {413, ErrorKind::too_large},
                        {429, ErrorKind::rate_limited}, {503, ErrorKind::unavailable}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.status);
    ScriptedTransport transport([&](const Seen&) { return answer(c.status, "say \"no\"\n"); });
    AdminClient admin(transport, credential, system_clock());
    auto got = admin.remove("/kbs/v0/resource/a/b/c");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().message, R"(Request Failed, Response: "say \"no\"\n")");
    EXPECT_EQ(got.error().kind, c.kind);
  }
}

TEST(AdminCredential, AKeyThatCannotSignIsToldBeforeAnyRequest) {
  const TemporaryDirectory dir;
  AdminAccess access;
  access.private_key = dir.write("key", "no PEM at all");
  std::vector<std::string> said;
  EXPECT_FALSE(
      AdminCredential::open(access, {}, [&](std::string_view line) { said.emplace_back(line); }));
  EXPECT_EQ(said, std::vector<std::string>{"Failed to read: " + access.private_key});
  auto p521 = crypto::PrivateKey::generate(crypto::KeyType::ec_p521).value();
  access.private_key = dir.write("key", p521.to_pkcs8_pem().expose_text());
  EXPECT_FALSE(AdminCredential::open(access, {}, kQuiet));
}

TEST(BaseUrl, IsNormalisedOrRefused) {
  struct Case {
    std::string_view url;
    std::string_view want;  // empty: refused
    const char* why;
  };
  const Case cases[] = {
      {"http://127.0.0.1:8080", "http://127.0.0.1:8080", "the default"},
      {"http://h:1///", "http://h:1", "trailing slashes go"},
      {"https://h/prefix/", "https://h/prefix", "a prefix stays"},
      {"http://[::1]:8080", "http://[::1]:8080", "IPv6"},
      {"h:8080", "", "no scheme"},
      {"ftp://h", "", "another scheme"},
      {"file:///etc/passwd", "", "no files"},
      {"http://", "", "no host"},
      {"http:///x", "", "no host"},
      {"http://h?x=", "", "a query would swallow the path"},
      {"http://h#x", "", "so would a fragment"},
      {"http://h/ x", "", "space"},
      {"http://h\r\nX: y", "", "line end"},
      {"", "", "empty"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(normal_base_url(c.url).value_or(""), c.want);
  }
}

TEST(SessionCookie, IsPickedByName) {
  EXPECT_EQ(session_cookie_from("kbs-session-id=0123abc; Expires=x; HttpOnly"), "0123abc");
  EXPECT_EQ(session_cookie_from("kbs-session-id=0123abc"), "0123abc");
  EXPECT_EQ(session_cookie_from("other=1; kbs-session-id=2"), "");
}

}  // namespace
}  // namespace kbs::client
