#include "kbs/admin/acl.h"

#include "kbs/admin/testing/tokens.h"

namespace kbs::admin::testing {
namespace {

Acl make(std::vector<config::AclRule> rules, bool grant_all = false) {
  config::Admin admin;
  admin.acls = std::move(rules);
  admin.acls_grant_all = grant_all;
  return Acl::make(admin).value();
}

TEST(Acl, RoleMethodAndWholePathDecide) {
  const Acl acl = make({{"admin", "^/kbs/.+$", {}},
                        {"storage", "^/kbs/v0/resource/.+$", {}},
                        {"writer", "^/kbs/v0/resource/.+$", {"POST"}},
                        {"reader", "^/kbs/v0/reference-value/.+$", {"GET"}},
                        {"policy", "^/kbs/v0/resource-policy$", {}},
                        {"teamA", "^/kbs/v0/[^/]+/teamA/.+$", {}},
                        {"two", "^/kbs/v0/a$", {}},
                        {"two", "^/kbs/v0/b$", {}}});
  struct Case {
    const char* role;
    const char* method;
    const char* path;
    bool allowed;
    const char* why;
  };
  const Case cases[] = {
      {"admin", "POST", "/kbs/v0/resource/a/b/c", true, "the documented rule"},
      {"admin", "POST", "/kbs/v0/resource-policy", true, "the documented rule"},
      {"Admin", "POST", "/kbs/v0/resource-policy", false, "roles are case-sensitive"},
      {"", "POST", "/kbs/v0/resource-policy", false, "no role"},
      {"nobody", "POST", "/kbs/v0/resource-policy", false, "D-21: an unlisted role"},
      {"storage", "POST", "/kbs/v0/resource/a/b/c", true, "D-19: its area"},
      {"storage", "POST", "/kbs/v0/resource-policy", false, "D-20: not its area"},
      {"writer", "POST", "/kbs/v0/resource/a/b/c", true, "its method"},
      {"writer", "DELETE", "/kbs/v0/resource/a/b/c", false,
       "the permission to write is not that to delete"},
      {"reader", "GET", "/kbs/v0/reference-value/x", true, "its method"},
      {"reader", "HEAD", "/kbs/v0/reference-value/x", true, "HEAD tells less than GET"},
      {"reader", "POST", "/kbs/v0/reference-value/x", false,
       "the permission to read is not that to write"},
      {"policy", "POST", "/kbs/v0/resource-policy", true, "whole"},
      {"policy", "POST", "/kbs/v0/resource-policy/", false, "more than whole"},
      {"policy", "POST", "/kbs/v0/resource-policy\n", false, "$ is the very end"},
      {"teamA", "POST", "/kbs/v0/resource/teamA/k/1", true, "its own"},
      {"teamA", "POST", "/kbs/v0/resource/teamB/k/1", false,
       "D-32: what is served is what is matched"},
      {"two", "GET", "/kbs/v0/b", true, "two rules of one role: either suffices"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(acl.allows(c.role, c.method, c.path), c.allowed)
        << c.role << " " << c.method << " " << c.path;
  }
}

TEST(Acl, OldRulesDoNotGrantNewRoutes) {
  const Acl acl = make({{"old", "^/kbs/.+$", {}},
                        {"new", "^/kbs/v0/admin/.+$", {}},
                        {"looker", "^/kbs/v0/admin/.+$", {"GET"}},
                        {"narrow", "^/kbs/v0/resource/.+$", {}}});
  struct Case {
    const char* role;
    const char* method;
    const char* path;
    bool allowed;
    const char* why;
  };
  const Case cases[] = {
      {"old", "GET", "/kbs/v0/admin/mounts", false, "written before these routes existed"},
      {"old", "POST", "/kbs/v0/admin/resources/a/b/c/rollback", false, "all the more"},
      {"old", "GET", "/kbs/v0/admin/policy", true, "reading the policy back is the exception"},
      {"old", "HEAD", "/kbs/v0/admin/policy", true, "and so is looking whether it is there"},
      {"old", "POST", "/kbs/v0/admin/policy", false, "reading only"},
      {"old", "GET", "/kbs/v0/admin/policy/x", false, "this path only"},
      {"old", "GET", "/kbs/v0/admin", false, "the root of them"},
      {"old", "GET", "/kbs/v0/administrator", true, "a plugin of some such name is none of them"},
      {"narrow", "GET", "/kbs/v0/admin/policy", false, "some rule must match all the same"},
      {"new", "GET", "/kbs/v0/admin/mounts", true, "named outright"},
      {"new", "GET", "/kbs/v0/admin/policy", true, "named outright"},
      {"looker", "GET", "/kbs/v0/admin/mounts", true, "with its method"},
      {"looker", "POST", "/kbs/v0/admin/mounts", false, "with another"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(acl.allows(c.role, c.method, c.path), c.allowed)
        << c.role << " " << c.method << " " << c.path;
  }
}

TEST(Acl, KeyOnlyFormsGrantEverything) {
  const Acl acl = make({}, true);
  EXPECT_TRUE(acl.allows("admin", "DELETE", "/kbs/v0/resource/a/b/c"));
  EXPECT_TRUE(acl.allows("admin", "GET", "/kbs/v0/admin/mounts"));
}

TEST(Acl, NoRulesGrantNothing) {
  EXPECT_FALSE(make({}).allows("admin", "GET", "/kbs/v0/resource/a/b/c"));
}

TEST(Acl, BadPatternsAreRefusedWithTheRole) {
  for (const char* const pattern :
       {"/kbs/.+", "/kbs/.+$", "^/kbs/.+", "^/kbs/(.+$", "^/kbs/(?=a)$", "^/kbs/a$|.*$", ""}) {
    config::Admin admin;
    admin.acls = {{"storage", pattern, {}}};
    auto acl = Acl::make(admin);
    ASSERT_FALSE(acl) << pattern;
    EXPECT_NE(acl.error().message.find("\"storage\""), std::string::npos) << acl.error().message;
  }
}

}  // namespace
}  // namespace kbs::admin::testing
