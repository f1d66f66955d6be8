#include <gtest/gtest.h>

#include "kbs-client/commands/commands.h"
#include "kbs-client/testing/session.h"

namespace kbs::client {
namespace {

using testing::answer;
using testing::fine;
using testing::kbs_error;
using testing::Seen;
using testing::Session;

constexpr std::string_view kVersions =
    R"({"path":"a/b/c","versions":[)"
    R"({"version":"v2","size":7,"updated":"U2","content_type":"text/plain","not_after":"N","current":true},)"
    R"({"version":"v1\n","size":5,"updated":"U1","content_type":"","not_after":null,"current":false}],)"
    R"("next":null})";

TEST(Versions, AreColumnsForPeople) {
  Session s([](const Seen&) { return answer(200, kVersions); });
  ASSERT_TRUE(s.run(ListVersions{"kbs:///a/b/c", 0}));
  EXPECT_EQ(s.server.targets(), std::vector<std::string>{"/kbs/v0/admin/resources/a/b/c/versions"});
  EXPECT_EQ(s.printed(), "v2\t7\tU2\ttext/plain\tN\tcurrent\nv1?\t5\tU1\t-\t-\t-\n");
}

TEST(Versions, AsJsonAreWhatTheServerSaid) {
  Session s([](const Seen&) { return answer(200, kVersions); }, OutputFormat::json);
  ASSERT_TRUE(s.run(ListVersions{"a/b/c", 1}));
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/admin/resources/a/b/c/versions?limit=1");
  EXPECT_EQ(s.printed(), R"({"path":"a/b/c","versions":[{"version":"v2","size":7,"updated":"U2",)"
                         R"("content_type":"text/plain","not_after":"N","current":true}]})"
                         "\n");
}

TEST(ShowResource, TellsWhatIsKnownAndNoValue) {
  Session s([](const Seen&) { return answer(200, kVersions); });
  ASSERT_TRUE(s.run(ShowResource{"a/b/c"}));
  EXPECT_EQ(s.printed(),
            "path: a/b/c\nversion: v2\nsize: 7\nupdated: U2\ncontent type: text/plain\n"
            "expires: N\nversions: 2\n");
  for (const Seen& request : s.server.seen)
    EXPECT_FALSE(request.target.starts_with("/kbs/v0/resource/")) << "the value is not asked for";
  Session deleted([](const Seen&) {
    return answer(200, R"({"versions":[{"version":"v1","current":false}],"next":null})");
  });
  ASSERT_TRUE(deleted.run(ShowResource{"a/b/c"}));
  EXPECT_NE(deleted.printed().find("`undelete`"), std::string::npos);
  Session json_form([](const Seen&) { return answer(200, R"({"versions":[],"next":null})"); },
                    OutputFormat::json);
  ASSERT_TRUE(json_form.run(ShowResource{"a/b/c"}));
  EXPECT_EQ(json_form.printed(), "{\"path\":\"a/b/c\",\"versions\":0,\"current\":null}\n");
}

TEST(History, EachCommandAsksItsRoute) {
  struct Case {
    Command command;
    std::string_view target, body, prints;
  };
  const Case cases[] = {
      {Rollback{"a/b/c", "v1"}, "/kbs/v0/admin/resources/a/b/c/rollback", R"({"version":"v1"})",
       "Rollback success \n version: v3\n"},
      {Undelete{"a/b/c"}, "/kbs/v0/admin/resources/a/b/c/undelete", "{}",
       "Undelete success \n version: v3\n"},
      {Destroy{"a/b/c", "v1", false}, "/kbs/v0/admin/resources/a/b/c/destroy",
       R"({"version":"v1"})", "Destroy success\n"},
      {Destroy{"a/b/c", "", true}, "/kbs/v0/admin/resources/a/b/c/destroy", R"({"all":true})",
       "Destroy success\n"},
  };
  for (const Case& c : cases) {
    Session s([](const Seen&) { return answer(200, R"({"version":"v3"})"); });
    ASSERT_TRUE(s.run(c.command));
    EXPECT_EQ(s.server.seen.at(0).method, Method::post);
    EXPECT_EQ(s.server.seen.at(0).target, c.target);
    EXPECT_EQ(s.server.seen.at(0).body, c.body);
    EXPECT_EQ(s.printed(), c.prints);
  }
}

TEST(History, ANameThatIsNoneIsToldBeforeAnyRequest) {
  for (const char* path : {"a/b", "a/b/c/d", "a/b/c?version=1", "a/../c", "kbs+x:///a/b/c"}) {
    Session s(fine);
    EXPECT_FALSE(s.run(Undelete{path})) << path;
    EXPECT_FALSE(s.run(Destroy{path, "", true})) << path;
    EXPECT_FALSE(s.run(ShowResource{path})) << path;
    EXPECT_TRUE(s.server.seen.empty());
  }
}

TEST(History, ARefusalSpeaksOfTheRuleThatIsMissing) {
  Session s([](const Seen&) { return kbs_error(403, "Role admin not allowed for path"); });
  const auto done = s.run(Rollback{"a/b/c", "v1"});
  ASSERT_FALSE(done);
  EXPECT_NE(hint_for(s.invocation, s.context, done.error()).find("^/kbs/v0/admin"),
            std::string::npos);
}

constexpr std::string_view kMounts =
    R"({"mounts":[{"name":"main","repository":"","backend":"local_fs","read_only":false,)"
    R"("encrypted":true,"capabilities":{"write":true,"versions":true,"list":false},)"
    R"("health":{"ready":true}},)"
    R"({"name":"vault\t","repository":"team","backend":"x","read_only":true,)"
    R"("health":{"ready":false,"error":"down"}}]})";

TEST(Mounts, AreColumnsForPeople) {
  Session s([](const Seen&) { return answer(200, kMounts); });
  ASSERT_TRUE(s.run(ListMounts{}));
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/admin/mounts");
  EXPECT_EQ(s.printed(),
            "main\t-\tlocal_fs\tencrypted,write,versions\tready\n"
            "vault?\tteam\tx\tread_only\tnot ready: down\n");
}

TEST(Health, NamesThePartThatIsIll) {
  constexpr std::string_view kHealth =
      R"({"ready":false,"parts":[{"name":"mount main","ready":true},)"
      R"({"name":"resource policy","ready":false,"error":"unreadable"}]})";
  Session s([&](const Seen&) { return answer(200, kHealth); });
  ASSERT_TRUE(s.run(ShowHealth{}));
  EXPECT_EQ(s.printed(), "mount main\tready\nresource policy\tnot ready: unreadable\n");
  Session as_json([&](const Seen&) { return answer(200, kHealth); }, OutputFormat::json);
  ASSERT_TRUE(as_json.run(ShowHealth{}));
  EXPECT_EQ(as_json.printed(), std::string(kHealth) + '\n');
}

TEST(ServerState, AForeignAnswerIsNone) {
  for (std::string_view body : {"", "[]", "{}", R"({"mounts":{},"parts":1,"versions":2})"}) {
    Session s([&](const Seen&) { return answer(200, body); });
    EXPECT_FALSE(s.run(ListMounts{})) << body;
    EXPECT_FALSE(s.run(ShowHealth{})) << body;
    EXPECT_FALSE(s.run(ListVersions{"a/b/c", 0})) << body;
  }
}

}  // namespace
}  // namespace kbs::client
