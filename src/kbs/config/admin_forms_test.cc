/// Every form `[admin]` has had since v0.11.

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::HasSubstr;
using Mode = Admin::Mode;

Config with_admin(const std::string& text) { return loaded(kServer + kToken + text); }
std::string refused_admin(const std::string& text) { return refused(kServer + kToken + text); }

const std::string kProviders =
    "[admin]\nauthorization_mode = "
    "\"AuthenticatedAuthorization\"\n[admin.authentication.bearer_jwt]\n"
    "identity_providers = ";
const std::string kAcls = "[admin.authorization.regex_acl]\nacls = ";
const std::string kGoodProvider = "[{ public_key_uri = \"/k\" }]\n";
const std::string kGoodAcl = "[{ role = \"admin\", allowed_endpoints = \"^/kbs/.+$\" }]\n";

TEST(AdminForms, V21) {
  const Config c =
      with_admin(kProviders +
                 "[{ issuer = \"TrusteeInDocker\", audience = \"KBS\", public_key_uri = \"/k\" }, "
                 "{ issuer = \"\", jwk_set_uri = \"file:///set\" }]\n" +
                 kAcls +
                 "[{ role = \"admin\", allowed_endpoints = \"^/kbs/.+$\" }, { role = \"reader\", "
                 "allowed_endpoints = \"^/kbs/v0/reference-value/.+$\", methods = [\"GET\"] }]\n");
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  ASSERT_EQ(c.admin.providers.size(), 2u);
  EXPECT_EQ(c.admin.providers[0].issuer, "TrusteeInDocker");
  EXPECT_EQ(c.admin.providers[0].audience, "KBS");
  EXPECT_EQ(c.admin.providers[0].public_key_uri, "/k");
  EXPECT_EQ(c.admin.providers[0].fixed_role, std::nullopt);
  EXPECT_EQ(c.admin.providers[0].leeway_seconds, 60);
  EXPECT_EQ(c.admin.providers[1].issuer, "") << "an empty issuer demands one";
  EXPECT_THAT(warnings(c), HasSubstr("issuer = \"\""));
  EXPECT_FALSE(c.admin.acls_grant_all);
  ASSERT_EQ(c.admin.acls.size(), 2u);
  EXPECT_THAT(c.admin.acls[1].methods, ::testing::ElementsAre("GET"));
  EXPECT_THAT(c.dialect, HasSubstr("v0.21"));
}

TEST(AdminForms, ModesInEverySpelling) {
  struct Case {
    const char* text;
    Mode mode;
    const char* why;
  };
  const Case cases[] = {
      {"[admin]\nauthorization_mode = \"InsecureAllowAll\"\n", Mode::allow_all, "v0.21"},
      {"[admin]\nauthorization_mode = \"DenyAll\"\n", Mode::deny_all, "v0.21"},
      {"[admin]\ntype = \"InsecureAllowAll\"\n", Mode::allow_all, "v0.16"},
      {"[admin]\ntype = \"DenyAll\"\n", Mode::deny_all, "v0.16"},
      {"[admin]\ntype = \"DenyAll\"\ninsecure_api = true\nauth_public_key = \"/k\"\n",
       Mode::deny_all, "the operator of v0.17 writes both; type counts"},
      {"[admin]\ntype = \"Simple\"\n", Mode::deny_all, "no persona, no administrator"},
      {"[admin]\ntype = \"Simple\"\n[[admin.personas]]\nid = \"a\"\npublic_key_path = \"/k\"\n",
       Mode::authenticated, "v0.16"},
      {"[[admin.personas]]\nid = \"a\"\npublic_key_path = \"/k\"\n", Mode::authenticated,
       "type is Simple"},
      {"[admin]\ninsecure_api = true\n", Mode::allow_all, "v0.11"},
      {"[admin]\ninsecure_api = true\nauth_public_key = \"/k\"\n", Mode::allow_all,
       "even with a key"},
      {"[admin]\nauth_public_key = \"/k\"\n", Mode::authenticated, "v0.11"},
      {"[admin]\nauth_public_key = \"/k\"\ninsecure_api = false\n", Mode::authenticated,
       "said outright"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    SCOPED_TRACE(c.why);
    EXPECT_EQ(with_admin(c.text).admin.mode, c.mode);
  }
}

TEST(AdminForms, ASingleKeyMayDoEverything) {
  const Admin admin = with_admin("[admin]\nauth_public_key = \"/k.pub\"\n").admin;
  ASSERT_EQ(admin.providers.size(), 1u);
  EXPECT_EQ(admin.providers[0].public_key_uri, "/k.pub");
  EXPECT_EQ(admin.providers[0].fixed_role, "admin");
  EXPECT_EQ(admin.providers[0].leeway_seconds, 900);
  EXPECT_TRUE(admin.acls_grant_all);
}

TEST(AdminForms, PersonasAndRoles) {
  const std::string personas =
      "[admin]\ntype = \"Simple\"\n[[admin.personas]]\nid = \"a\"\npublic_key_path = \"/a\"\n"
      "[[admin.personas]]\nid = \"b\"\npublic_key_path = \"/b\"\n";
  const Admin without = with_admin(personas).admin;
  ASSERT_EQ(without.providers.size(), 2u);
  EXPECT_EQ(without.providers[1].fixed_role, "b");
  EXPECT_EQ(without.providers[1].public_key_uri, "/b");
  EXPECT_EQ(without.providers[1].leeway_seconds, 60);
  EXPECT_TRUE(without.acls_grant_all);

  const Admin with =
      with_admin(personas +
                 "[[admin.roles]]\nid = \"a\"\nallowed_endpoints = \"^/kbs/v0/resource/.+$\"\n")
          .admin;
  EXPECT_FALSE(with.acls_grant_all) << "whoever is not listed may do nothing";
  ASSERT_EQ(with.acls.size(), 1u);
  EXPECT_EQ(with.acls[0].role, "a");
}

TEST(AdminForms, Refused) {
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const std::string simple = "[admin]\ntype = \"Simple\"\n";
  const Case cases[] = {
      {"[admin]\n", "missing configuration field \"authorization_mode\"", "nothing said"},
      {"[admin]\nauthorization_mode = \"AllowAll\"\n", "must be one of \"InsecureAllowAll\"",
       "D-35"},
      {"[admin]\nauthorization_mode = \"DenyAll\"\ntype = \"DenyAll\"\n", "one form only",
       "two forms"},
      {"[admin]\nauthorization_mode = \"DenyAll\"\ninsecure_api = true\n", "one form only",
       "two forms"},
      {"[admin]\nauthorization_mode = \"DenyAll\"\n[admin.authentication]\n",
       "AuthenticatedAuthorization", "members of another mode"},
      {"[admin]\nauthorization_mode = \"AuthenticatedAuthorization\"\n", "\"authentication\"",
       "no keys"},
      {kProviders + kGoodProvider, "\"authorization\"", "no rules section"},
      {kProviders + "[]\n" + kAcls + kGoodAcl, "at least one", "D-37"},
      {kProviders + "[{ issuer = \"a\" }]\n" + kAcls + kGoodAcl, "needs public_key_uri", "D-38"},
      {kProviders + "[{ public_key_uri = \"http://a/k\" }]\n" + kAcls + kGoodAcl,
       "http:// is refused", "clear"},
      {kProviders + "[{ jwk_set_uri = \"https://a/k\" }]\n" + kAcls + kGoodAcl,
       "not in this build yet", "later"},
      {kProviders + "[{ jwk_set_uri = \"ftp://a/k\" }]\n" + kAcls + kGoodAcl, "file://",
       "a foreign scheme"},
      {kProviders + "[{ public_key_uri = \"\" }]\n" + kAcls + kGoodAcl, "must name a file",
       "empty"},
      {kProviders + "[{ public_key_uri = \"/k\", isuer = \"a\" }]\n" + kAcls + kGoodAcl,
       "did you mean \"issuer\"", "a slip that would skip a check"},
      {kProviders + kGoodProvider + kAcls + "[{ role = \"a\" }]\n", "\"allowed_endpoints\"",
       "no pattern"},
      {kProviders + kGoodProvider + kAcls + "[{ allowed_endpoints = \"^/kbs/.+$\" }]\n", "\"role\"",
       "no role"},
      {kProviders + kGoodProvider + kAcls + "[{ role = \"a\", allowed_endpoints = \"/kbs/.+\" }]\n",
       "^/kbs", "D-33"},
      {kProviders + kGoodProvider + kAcls +
           "[{ role = \"a\", allowed_endpoints = \"^/kbs/.+$\", methods = [\"get\"] }]\n",
       "methods", "methods are upper case"},
      {kProviders + kGoodProvider + kAcls +
           "[{ role = \"a\", allowed_endpoints = \"^/kbs/.+$\", methods = [] }]\n",
       "methods", "none at all"},
      {simple + "[[admin.personas]]\nid = \"a\"\n", "\"public_key_path\"", "no key"},
      {simple + "[[admin.personas]]\npublic_key_path = \"/k\"\n", "\"id\"", "no name"},
      {simple + "[[admin.roles]]\nid = \"a\"\nallowed_endpoints = \"^/kbs/a$\"\n"
                "[[admin.roles]]\nid = \"a\"\nallowed_endpoints = \"^/kbs/b$\"\n",
       "is used twice", "one role, two rules"},
      {simple + "[[admin.roles]]\nid = \"a\"\nallowed_endpoints = \".*\"\n", "^/kbs",
       "not anchored"},
      {"[admin]\ntype = \"simple\"\n", "did you mean \"Simple\"", "letter case"},
      {"[admin]\ninsecure_api = false\n", "auth_public_key", "neither"},
      {"[admin]\nauth_public_key = \"https://a/k\"\n", "not in this build yet", "over the network"},
      {"unknown_keys = \"warn\"\n[admin]\nauth_public_key = \"/k\"\nlifetime = 3\n",
       "unknown key \"lifetime\"", "strict for ever"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    // The last row has a top-level key, so the sections come after.
    EXPECT_THAT(refused(c.text + kServer + kToken), HasSubstr(c.say));
  }
  EXPECT_THAT(refused_admin(""), HasSubstr("missing configuration field \"admin\"")) << "D-40";
}

TEST(AdminForms, NoRulesStartsAndSaysThatNobodyMay) {
  const Config c = with_admin(kProviders + kGoodProvider + kAcls + "[]\n");
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  EXPECT_FALSE(c.admin.acls_grant_all);
  EXPECT_THAT(warnings(c), HasSubstr("every administrator is refused"));
}

TEST(AclPattern, IsAnchoredInEveryAlternative) {
  struct Case {
    const char* pattern;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {"^/kbs/.+$", true, "the documented one"},
      {"^/kbs/v0/(resource|attest)/.+$", true, "alternatives inside a group"},
      {"^/kbs/v0/[a|b]$", true, "a bar in a class is a bar"},
      {"^/kbs/v0/a$|^/kbs/v0/b$", true, "each whole"},
      {"^/kbs/v0/a\\|b$", true, "an escaped bar"},
      {"^/kbs/v0/a\\\\$", true, "an escaped backslash, then the end"},
      {"^/kbs$", true, "the shortest"},
      {"", false, "empty"},
      {"/kbs/.+$", false, "matches in the middle"},
      {"^/kbs/.+", false, "matches a beginning"},
      {"^/kbs/v0/x$|.*$", false, "the second alternative is everything"},
      {"^/kbs/v0/x|^/kbs/y$", false, "the first has no end"},
      {"^/kbs/v0/x\\$", false, "a dollar sign is not the end"},
      {"(^/kbs/.+$)", false, "does not begin with it"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.pattern);
    EXPECT_EQ(check_acl_pattern(c.pattern).has_value(), c.good) << c.why;
  }
}

}  // namespace
}  // namespace kbs::config::testing
