/// The cases D-01 to D-44 of the conformance list that need no server.

#include "kbs/admin/admin.h"

#include <gmock/gmock.h>

#include <thread>

#include "kbs/admin/testing/tokens.h"

namespace kbs::admin::testing {
namespace {

using crypto::KeyType;
using crypto::PrivateKey;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kNoHeader = "unauthenticated: Failed to parse HTTP Auth Bearer header";
constexpr const char* kNoIssuer =
    "unauthenticated: Admin access denied: Cannot verify token with any of the issuers";
constexpr const char* kNoRole =
    "unauthenticated: Admin access denied: Failed to parse claims from token: AdminAccessDenied { "
    "reason: \"Missing "
    "required `role` claim in JWT\" }";

/// The fixture JWT of the conformance list, with a key of our own and the reference's.
class Gate : public AdminTest {
 protected:
  Gate() {
    config::IdentityProvider ours = pem_provider(write("ours.pem", key_.public_key().to_pem()));
    ours.issuer = "TrusteeInDocker";
    ours.audience = "KBS";
    config::IdentityProvider reference = ours;
    reference.public_key_uri = write("reference.pem", kReferencePem);
    config_ =
        authenticated(ours, {{"admin", "^/kbs/.+$", {}}, {"storage", "^/kbs/v0/resource/.+$", {}}});
    config_.providers.push_back(reference);
    gate_ = gate(config_);
  }

  std::string ask(const std::string& header,
                  const std::string& path = "/kbs/v0/resource-policy") const {
    return outcome(gate_->authorize(header, "POST", path));
  }
  std::string ask_claims(const std::string& text) const {
    return ask("Bearer " + sign(key_, text));
  }
  static std::string exp(std::int64_t from_now) {
    return "\"exp\":" + std::to_string(kNow + from_now);
  }

  /// A gate of an older form over the reference key.
  std::unique_ptr<AdminGate> older(std::int64_t leeway, const std::string& role) const {
    config::IdentityProvider provider = pem_provider(dir_ + "/reference.pem");
    provider.fixed_role = role;
    provider.leeway_seconds = leeway;
    config::Admin admin = authenticated(provider, {});
    admin.acls_grant_all = true;
    return gate(admin);
  }

  const PrivateKey key_ = PrivateKey::generate(KeyType::ed25519).value();
  config::Admin config_;
  std::unique_ptr<AdminGate> gate_;
};

TEST_F(Gate, DenyAllSaysSoInTheReferencesWords) {  // D-01 to D-03, D-44
  const auto deny = gate(config::Admin{});
  EXPECT_EQ(
      outcome(deny->authorize("Bearer " + std::string(kReferenceToken), "POST",
                              "/kbs/v0/resource-policy")),
      "denied: Admin access denied: Admin access denied as DenyAll authorization_mode is enabled");
}

TEST_F(Gate, AllowAllDoesNotEvenLook) {  // D-05, D-43
  config::Admin admin;
  admin.mode = config::Admin::Mode::allow_all;
  const auto allow = gate(admin);
  EXPECT_EQ(outcome(allow->authorize("Bearer junk", "POST", "/kbs/v0/resource-policy")),
            "granted as Anonymous");
  EXPECT_EQ(outcome(allow->authorize({}, "GET", "/kbs/v0/admin/mounts")), "granted as Anonymous");
}

TEST_F(Gate, TheHeaderIsBearerExactly) {  // D-07
  const std::string token = sign(key_, claims("admin"));
  EXPECT_EQ(outcome(gate_->authorize({}, "POST", "/kbs/v0/resource-policy")), kNoHeader);
  const std::string headers[] = {"",
                                 "bearer " + token,
                                 "BEARER " + token,
                                 "Bearer",
                                 "Bearer ",
                                 "Bearer" + token,
                                 "Basic " + token,
                                 token,
                                 " Bearer " + token};
  for (const std::string& header : headers) {
    EXPECT_EQ(ask(header), kNoHeader) << header.substr(0, 12);
  }
  EXPECT_EQ(ask("Bearer " + token), "granted as admin");  // D-06
  const std::string tokens[] = {"junk", "a.b.c", "..", "  " + token, token + " ", token + ".x"};
  for (const std::string& bad : tokens) {
    EXPECT_EQ(ask("Bearer " + bad), kNoIssuer) << bad.substr(0, 12);
  }
}

TEST_F(Gate, ClaimsDecideAsTheReferenceHasIt) {
  struct Case {
    std::string claims;
    const char* want;
    const char* why;
  };
  const std::string role = R"("role":"admin",)", iss = R"("iss":"TrusteeInDocker",)",
                    aud = R"("aud":["KBS"],)";
  const Case cases[] = {
      {"{" + role + iss + aud + exp(10) + "}", "granted as admin", "all as wanted"},
      {"{" + role + R"("iss":"Other",)" + aud + exp(10) + "}", kNoIssuer, "D-09: wrong iss"},
      {"{" + role + R"("iss":"trusteeindocker",)" + aud + exp(10) + "}", kNoIssuer,
       "iss in other case"},
      {"{" + role + R"("iss":["TrusteeInDocker"],)" + aud + exp(10) + "}", kNoIssuer,
       "iss is a text"},
      {"{" + role + aud + exp(10) + "}", kNoIssuer, "D-09: no iss"},
      {"{" + role + iss + R"("aud":"KBS",)" + exp(10) + "}", "granted as admin",
       "D-10: aud as a text"},
      {"{" + role + iss + R"("aud":["x","KBS"],)" + exp(10) + "}", "granted as admin",
       "D-11: one of many"},
      {"{" + role + iss + R"("aud":["x"],)" + exp(10) + "}", kNoIssuer, "another aud"},
      {"{" + role + iss + R"("aud":[],)" + exp(10) + "}", kNoIssuer, "an empty aud"},
      {"{" + role + iss + R"("aud":{"KBS":1},)" + exp(10) + "}", kNoIssuer, "aud of another shape"},
      {"{" + role + iss + exp(10) + "}", kNoIssuer, "no aud"},
      {"{" + iss + aud + exp(10) + "}", kNoRole, "D-13: no role"},
      {R"({"role":["admin"],)" + iss + aud + exp(10) + "}", kNoRole, "a list of roles"},
      {R"({"role":null,)" + iss + aud + exp(10) + "}", kNoRole, "a null role"},
      {"{" + role + iss + R"("aud":["KBS"]})", kNoIssuer, "D-15: no exp"},
      {"{" + role + iss + aud + exp(-30) + "}", "granted as admin", "D-16: within the leeway"},
      {"{" + role + iss + aud + exp(-60) + "}", "granted as admin", "the last second of it"},
      {"{" + role + iss + aud + exp(-61) + "}", kNoIssuer, "one second later"},
      {"{" + role + iss + aud + R"("exp":")" + std::to_string(kNow + 10) + "\"}", kNoIssuer,
       "exp as a text"},
      {"{" + role + iss + aud + R"("exp":-5})", kNoIssuer, "exp before the epoch"},
      {"{" + role + iss + aud + R"("exp":18446744073709551615})", "granted as admin",
       "exp in the far future"},
      {"{" + role + iss + aud + R"("exp":1e300})", "granted as admin", "exp in the farther future"},
      {"{" + role + iss + aud + R"("exp":1e999})", kNoIssuer, "exp that is no number"},
      {"{" + role + iss + aud + exp(10) + ",\"nbf\":" + std::to_string(kNow + 999) + "}",
       "granted as admin", "D-18: nbf is ignored"},
      {"{" + role + R"("role":"storage",)" + iss + aud + exp(10) + "}", kNoIssuer,
       "a member twice"},
      {"[]", kNoIssuer, "claims are an object"},
      {"", kNoIssuer, "no claims at all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(ask_claims(c.claims), c.want);
  }
}

TEST_F(Gate, RulesDecideOverThePathThatIsServed) {  // D-19 to D-21, D-30, D-32
  const auto with = [this](const std::string& role, const std::string& path) {
    return ask("Bearer " + sign(key_, claims(role)), path);
  };
  EXPECT_EQ(with("storage", "/kbs/v0/resource/a/b/c"), "granted as storage");
  EXPECT_EQ(
      with("storage", "/kbs/v0/resource-policy"),
      "denied: Admin access denied: Role storage not allowed for path /kbs/v0/resource-policy");
  EXPECT_EQ(with("nobody", "/kbs/v0/resource/a/b/c"),
            "denied: Admin access denied: Role nobody not allowed for path /kbs/v0/resource/a/b/c");
}

TEST_F(Gate, ASignedTokenWithoutRoleEndsTheSearch) {
  // The same key twice, the second with a role of its own: the first has the last word, as in the
  // reference.
  config::Admin admin = config_;
  admin.providers[1] = admin.providers[0];
  admin.providers[1].fixed_role = "admin";
  const auto g = gate(admin);
  EXPECT_EQ(outcome(g->authorize("Bearer " + sign(key_, "{" + exp(10) + "}"), "POST", "/kbs/v0/x")),
            kNoRole);
}

TEST_F(Gate, AnEmptyIssuerDemandsNone) {
  config::Admin admin = authenticated(pem_provider(dir_ + "/ours.pem"));
  admin.providers[0].issuer = "";
  const auto g = gate(admin);
  const auto asked = [&](const std::string& text) {
    return outcome(g->authorize("Bearer " + sign(key_, text), "POST", "/kbs/v0/x"));
  };
  EXPECT_EQ(asked(R"({"role":"admin",)" + exp(10) + "}"), "granted as admin");
  EXPECT_EQ(asked(R"({"role":"admin","iss":"",)" + exp(10) + "}"), "granted as admin");
  EXPECT_EQ(asked(R"({"role":"admin","iss":"x",)" + exp(10) + "}"), kNoIssuer);
}

TEST_F(Gate, ReferenceTokens) {  // D-28, D-29
  EXPECT_EQ(ask(std::string("Bearer ") + kReferenceToken), "granted as admin");
  EXPECT_EQ(ask(std::string("Bearer ") + kTokenOfV018), kNoRole);
  EXPECT_EQ(ask(std::string("Bearer ") + kTokenOfV017), kNoRole);
  const auto persona = older(60, "admin");
  const auto single = older(900, "admin");
  for (const char* const token : {kReferenceToken, kTokenOfV018, kTokenOfV017}) {
    for (const auto& g : {persona.get(), single.get()}) {
      EXPECT_EQ(outcome(g->authorize("Bearer " + std::string(token), "POST", "/kbs/v0/x")),
                "granted as admin");
    }
  }
  clock_.advance(std::chrono::hours{24 * 366 * 11});
  EXPECT_EQ(ask(std::string("Bearer ") + kReferenceToken), kNoIssuer) << "until 2036";
  EXPECT_EQ(outcome(single->authorize("Bearer " + std::string(kTokenOfV018), "POST", "/kbs/v0/x")),
            kNoIssuer);
}

TEST_F(Gate, OlderFormsCheckTheirTimes) {
  struct Case {
    std::int64_t leeway;
    std::string claims;
    bool good;
    const char* why;
  };
  const auto at = [](const char* name, std::int64_t from_now) {
    return ",\"" + std::string(name) + "\":" + std::to_string(kNow + from_now);
  };
  const Case cases[] = {
      {900, "{" + exp(-899) + "}", true, "a quarter of an hour's patience"},
      {900, "{" + exp(-901) + "}", false, "no more"},
      {900, "{\"iat\":1}", false, "no exp"},
      {900, "{" + exp(7200) + at("nbf", 899) + "}", true, "a clock that goes fast"},
      {900, "{" + exp(7200) + at("nbf", 901) + "}", false, "not yet"},
      {900, "{" + exp(7200) + at("iat", 901) + "}", false, "from the future"},
      {900, "{" + exp(7200) + ",\"nbf\":\"x\"}", false, "no number"},
      {60, "{" + exp(-59) + "}", true, "personas: a minute"},
      {60, "{" + exp(-61) + "}", false, "no more"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    config::IdentityProvider provider = pem_provider(dir_ + "/ours.pem");
    provider.fixed_role = "admin";
    provider.leeway_seconds = c.leeway;
    config::Admin admin = authenticated(provider, {});
    admin.acls_grant_all = true;
    const auto g = gate(admin);
    EXPECT_EQ(outcome(g->authorize("Bearer " + sign(key_, c.claims), "POST", "/kbs/v0/x")),
              c.good ? "granted as admin" : kNoIssuer);
  }
}

TEST_F(Gate, APersonaHasTheRoleOfItsKeyWhateverTheTokenSays) {
  config::IdentityProvider provider = pem_provider(dir_ + "/ours.pem");
  provider.fixed_role = "storage";
  const auto g = gate(authenticated(
      provider, {{"admin", "^/kbs/.+$", {}}, {"storage", "^/kbs/v0/resource/.+$", {}}}));
  const std::string token = "Bearer " + sign(key_, claims("admin"));
  EXPECT_EQ(outcome(g->authorize(token, "POST", "/kbs/v0/resource/a/b/c")), "granted as storage");
  EXPECT_THAT(outcome(g->authorize(token, "POST", "/kbs/v0/resource-policy")),
              HasSubstr("Role storage not allowed"));
}

TEST_F(Gate, ItSaysWhoAndKeepsTheTokenOutOfEverything) {
  const std::string token = sign(key_, claims("admin"));
  const auto who = gate_->authorize("Bearer " + token, "POST", "/kbs/v0/x");
  ASSERT_TRUE(who);
  EXPECT_EQ(who->subject, "somebody");
  const std::string foreign = sign(PrivateKey::generate(KeyType::ed25519).value(), claims("admin"));
  const auto refused = gate_->authorize("Bearer " + foreign, "POST", "/kbs/v0/x");
  ASSERT_FALSE(refused);
  const std::string said = refused.error().message + refused.error().detail;
  EXPECT_THAT(said, HasSubstr("identity provider 2: "))
      << "the operator learns what each had against it";
  EXPECT_THAT(said, Not(HasSubstr(foreign.substr(foreign.rfind('.') + 1))));
  EXPECT_THAT(said, Not(HasSubstr("somebody")));
}

TEST_F(Gate, APathThatIsNoTextIsShownAsOne) {
  const auto refused =
      gate_->authorize("Bearer " + sign(key_, claims("storage")), "POST", "/kbs/v0/\xff\xfe");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_utf8(refused.error().message));
}

TEST_F(Gate, WithoutProvidersThereIsNoGate) {  // D-37
  config::Admin admin = config_;
  admin.providers.clear();
  EXPECT_THAT(why_not(admin), HasSubstr("identity_providers"));
}

TEST_F(Gate, ServesManyThreadsAtOnce) {
  const std::string token = "Bearer " + sign(key_, claims("admin"));
  std::vector<std::thread> threads;
  std::atomic<int> granted = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        granted += gate_->authorize(token, "POST", "/kbs/v0/x").has_value();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(granted, 200);
}

}  // namespace
}  // namespace kbs::admin::testing
