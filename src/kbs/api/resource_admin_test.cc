/// The routes below /kbs/v0/admin/.

#include "kbs/api/testing/api_fixture.h"

namespace kbs::api::testing {
namespace {

constexpr const char* kResource = "/kbs/v0/resource/default/key/1";
constexpr const char* kAdmin = "/kbs/v0/admin/resources/default/key/1";

class ResourceAdminTest : public ApiTest {
 protected:
  explicit ResourceAdminTest(ErrorMode mode = ErrorMode::precise) : ApiTest(mode) {}

  /// Writes it; the version from its ETag.
  std::string put(const std::string& path, std::string_view value) {
    const Response response = send("POST", path, value);
    EXPECT_EQ(response.status, 200u) << response.body_text();
    const std::string tag = header(response, "ETag");
    return tag.size() > 2 ? tag.substr(1, tag.size() - 2) : tag;
  }
  json::object body_of(const Response& response) {
    auto parsed = parse_json_object(response.body_text());
    EXPECT_TRUE(parsed) << response.status << " " << response.body_text();
    return parsed ? std::move(*parsed) : json::object();
  }
  /// "version size current" of each line.
  std::vector<std::string> versions(const std::string& admin_path) {
    const json::object page = body_of(send("GET", admin_path + "/versions"));
    std::vector<std::string> lines;
    for (const json::value& entry : page.at("versions").as_array()) {
      lines.push_back(std::string(entry.at("version").as_string()) + " " +
                      std::to_string(entry.at("size").to_number<int>()) +
                      (entry.at("current").as_bool() ? " current" : ""));
    }
    return lines;
  }
  Response instruct(const std::string& operation, const std::string& version) {
    return send("POST", std::string(kAdmin) + "/" + operation, R"({"version":")" + version + "\"}");
  }
  std::string value_of(std::string_view path) {
    auto resource = run(worker_->snapshot->mounts->read(*ResourceId::parse(path), {}));
    return resource ? std::string(resource->value.expose_text())
                    : std::string(to_string(resource.error().kind));
  }
};

class TrusteeAdminTest : public ResourceAdminTest {
 protected:
  TrusteeAdminTest() : ResourceAdminTest(ErrorMode::trustee) {}
};

TEST_F(ResourceAdminTest, ListsVersionsNeverValues) {
  const std::string first = put(kResource, "first secret");
  const Response written =
      send("POST", std::string(kResource) + "?not_after=2099-01-02T03:04:05%2B01:00",
           "second secret!", {{"Content-Type", "text/plain"}});
  ASSERT_EQ(written.status, 200u) << written.body_text();
  const Response response = send("GET", std::string(kAdmin) + "/versions");
  ASSERT_EQ(response.status, 200u) << response.body_text();
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body_text().find("secret"), std::string_view::npos);
  json::object page = body_of(response);
  EXPECT_EQ(page.at("path").as_string(), "default/key/1");
  EXPECT_TRUE(page.at("next").is_null());
  const json::array& list = page.at("versions").as_array();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("size").to_number<int>(), 14);
  EXPECT_EQ(list[0].at("content_type").as_string(), "text/plain");
  EXPECT_EQ(list[0].at("not_after").as_string(), "2099-01-02T02:04:05Z");
  EXPECT_TRUE(list[0].at("current").as_bool());
  EXPECT_EQ(list[1].at("version").as_string(), first);
  EXPECT_TRUE(list[1].at("not_after").is_null());
  EXPECT_FALSE(list[1].at("current").as_bool());
  EXPECT_EQ(backend_->calls(Op::read), 0u);
}

TEST_F(ResourceAdminTest, VersionsComeByPages) {
  for (const char* value : {"1", "22", "333"}) put(kResource, value);
  std::string target = std::string(kAdmin) + "/versions?limit=2";
  json::object page = body_of(send("GET", target));
  EXPECT_EQ(page["versions"].as_array().size(), 2u);
  page = body_of(send("GET", target + "&cursor=" + std::string(page["next"].as_string())));
  EXPECT_EQ(page["versions"].as_array().size(), 1u);
  EXPECT_TRUE(page["next"].is_null());
  EXPECT_EQ(send("GET", std::string(kAdmin) + "/versions?limit=0").status, 400u);
}

TEST_F(ResourceAdminTest, RollsBackByWritingAnew) {
  const std::string first = put(kResource, "first");
  const std::string second = put(kResource, "second!");
  const Response response = instruct("rollback", first);
  ASSERT_EQ(response.status, 200u) << response.body_text();
  const std::string third(body_of(response)["version"].as_string());
  EXPECT_EQ(header(response, "ETag"), '"' + third + '"');
  EXPECT_EQ(response.body_text().find("first"), std::string_view::npos);
  EXPECT_EQ(value_of("default/key/1"), "first");
  EXPECT_EQ(versions(kAdmin),
            (std::vector<std::string>{third + " 5 current", second + " 7", first + " 5"}));
}

TEST_F(ResourceAdminTest, DestroysOneVersionOrAll) {
  const std::string first = put(kResource, "first");
  const std::string second = put(kResource, "second!");
  EXPECT_EQ(instruct("destroy", second).status, 409u) << "not the current one";
  EXPECT_EQ(instruct("destroy", first).status, 200u);
  EXPECT_EQ(instruct("destroy", first).status, 404u) << "it is gone";
  EXPECT_EQ(versions(kAdmin), (std::vector<std::string>{second + " 7 current"}));
  EXPECT_EQ(send("POST", std::string(kAdmin) + "/destroy", R"({"all":true})").status, 200u);
  EXPECT_EQ(send("GET", std::string(kAdmin) + "/versions").status, 404u);
  EXPECT_EQ(send("POST", std::string(kAdmin) + "/destroy", R"({"all":true})").status, 404u);
}

TEST_F(ResourceAdminTest, UndeletesWhatAMountKeeps) {
  const std::string resource = "/kbs/v0/resource/kept/key/1";
  const std::string admin = "/kbs/v0/admin/resources/kept/key/1";
  put(resource, "old");
  const std::string newest = put(resource, "newest");
  EXPECT_EQ(send("POST", admin + "/undelete").status, 409u) << "nothing to bring back";
  ASSERT_EQ(send("DELETE", resource).status, 200u);
  EXPECT_EQ(value_of("kept/key/1"), "not_found");
  EXPECT_EQ(versions(admin).size(), 2u) << "kept";
  const Response response = send("POST", admin + "/undelete", "{}");
  ASSERT_EQ(response.status, 200u) << response.body_text();
  EXPECT_EQ(body_of(response)["version"].as_string(), newest);
  EXPECT_EQ(value_of("kept/key/1"), "newest");
  ASSERT_EQ(send("DELETE", resource).status, 200u);
  EXPECT_EQ(send("POST", admin + "/destroy", R"({"all":true})").status, 200u);
  EXPECT_EQ(send("POST", admin + "/undelete").status, 404u) << "destroyed for good";
}

TEST_F(ResourceAdminTest, Statuses) {
  put(kResource, "x");
  struct Case {
    const char *method, *below, *body;
    unsigned status;
    const char* why;
  };
  const Case cases[] = {
      {"GET", "resources/no/such/thing/versions", "", 404, "absent"},
      {"GET", "resources/a/b../c/versions", "", 404, "a fine name, and absent"},
      {"GET", "resources/a/.b/c/versions", "", 400, "no name"},
      {"GET", "resources/default%2Fkey/1/versions", "", 200, "decoded once, before it is split"},
      {"GET", "resources/default/key/1", "", 404, "no such route"},
      {"GET", "resources/default/key/1/versions/", "", 404, "nor this"},
      {"GET", "resources/default/key/1/value", "", 404, "least of all this"},
      {"GET", "", "", 404, "nothing here"},
      {"POST", "nothing", "", 404, "nor there"},
      {"POST", "policy", "", 405, "set under resource-policy"},
      {"GET", "resources/default/key/1/rollback", "", 405, "it changes something"},
      {"DELETE", "resources/default/key/1/versions", "", 405, "destroy does that"},
      {"POST", "resources/default/key/1/rollback", "", 400, "to what?"},
      {"POST", "resources/default/key/1/rollback", R"({"version":""})", 400, "to what?"},
      {"POST", "resources/default/key/1/rollback", R"({"version":1})", 400, "a number"},
      {"POST", "resources/default/key/1/rollback", R"({"all":true})", 400, "not all"},
      {"POST", "resources/default/key/1/rollback", R"({"version":"no"})", 404, "no such version"},
      {"POST", "resources/default/key/1/rollback", R"({"version":"no","x":1})", 400, "what is x?"},
      {"POST", "resources/default/key/1/rollback", R"({"version":"a","version":"b"})", 400,
       "twice"},
      {"POST", "resources/default/key/1/rollback", "version=no", 400, "no JSON"},
      {"POST", "resources/default/key/1/destroy", "", 400, "which?"},
      {"POST", "resources/default/key/1/destroy", R"({"all":false})", 400, "none, then?"},
      {"POST", "resources/default/key/1/destroy", R"({"version":"no","all":true})", 400, "both"},
      {"POST", "resources/default/key/1/undelete", R"({"version":"no"})", 400, "always the newest"},
      {"POST", "resources/fixed/key/1/destroy", R"({"all":true})", 405, "a read-only mount"},
      {"POST", "resources/fixed/key/1/undelete", "", 405, "a read-only mount"},
  };
  for (const Case& c : cases) {
    const Response response = send(c.method, std::string("/kbs/v0/admin/") + c.below, c.body);
    EXPECT_EQ(response.status, c.status)
        << c.method << " " << c.below << " " << c.body << ": " << c.why << "\n"
        << response.body_text();
  }
  EXPECT_EQ(value_of("default/key/1"), "x") << "none of them changed anything";
  EXPECT_EQ(send("POST", "/kbs/v0/resource/fixed/key/1", "x").status, 405u);
  const Response refused = send("DELETE", "/kbs/v0/resource/fixed/key/1");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(header(refused, "Allow"), "GET, POST, PUT") << "not what was just refused";
}

TEST_F(TrusteeAdminTest, FailuresLookLikeTheReferencesOwn) {
  struct Case {
    const char *method, *below, *body;
    unsigned status;
    const char *type, *detail;
  };
  const Case cases[] = {
      {"GET", "resources/no/such/thing/versions", "", 401, "PluginInternalError",
       "Plugin internal error"},
      {"POST", "resources/a/b/c/destroy", "x", 401, "SerdeError", "Serialize/Deserialize failed"},
      {"GET", "nothing", "", 404, "PluginNotFound", "Plugin admin not found"},
      {"POST", "mounts", "", 404, "PluginNotFound", "Plugin admin not found"},
  };
  for (const Case& c : cases) {
    const Response response = send(c.method, std::string("/kbs/v0/admin/") + c.below, c.body);
    EXPECT_EQ(response.status, c.status) << c.below;
    EXPECT_EQ(type_of(response), c.type) << c.below;
    EXPECT_EQ(body_of(response)["detail"].as_string(), c.detail) << c.below;
  }
}

TEST_F(ResourceAdminTest, TheTrailTellsWhatAndWhichVersion) {
  const std::string first = put(kResource, "first");
  put(kResource, "second");
  audit_.records.clear();
  const Response back = instruct("rollback", first);
  const std::string third(body_of(back)["version"].as_string());
  instruct("destroy", "none");
  instruct("destroy", first);
  send("POST", std::string(kAdmin) + "/destroy", R"({"all":true})");
  std::vector<std::string> told;
  for (const audit::Record& record : audit_.records) {
    told.push_back(std::string(record.event) + " " + record.action + " " + record.object + " " +
                   record.version + (record.allowed ? "" : " " + record.reason));
  }
  const std::string object = " resource/default/key/1 ";
  EXPECT_EQ(told, (std::vector<std::string>{
                      "admin.intent rollback" + object + first,
                      "admin.outcome rollback" + object + third,
                      "admin.intent destroy" + object + "none",
                      "admin.outcome destroy" + object + "none not_found",
                      "admin.intent destroy" + object + first,
                      "admin.outcome destroy" + object + first,
                      "admin.intent destroy-all" + object,
                      "admin.outcome destroy-all" + object,
                  }));
}

TEST_F(ResourceAdminTest, WhatCannotBeRecordedIsNotDone) {
  const std::string first = put(kResource, "first");
  put(kResource, "second");
  audit_.failing = true;
  EXPECT_EQ(instruct("rollback", first).status, 503u);
  EXPECT_EQ(instruct("destroy", first).status, 503u);
  EXPECT_EQ(send("POST", std::string(kAdmin) + "/destroy", R"({"all":true})").status, 503u);
  EXPECT_EQ(send("GET", std::string(kAdmin) + "/versions").status, 503u);
  audit_.failing = false;
  EXPECT_EQ(value_of("default/key/1"), "second");
  EXPECT_EQ(versions(kAdmin).size(), 2u);
}

TEST_F(ResourceAdminTest, MountsAreShownWithWhatTheyCanDo) {
  backend_->fail_next(SIZE_MAX, ErrorKind::unavailable, Op::health);
  json::object document = body_of(send("GET", "/kbs/v0/admin/mounts"));
  std::map<std::string, json::object> mounts;
  for (const json::value& mount : document["mounts"].as_array())
    mounts[std::string(mount.at("name").as_string())] = mount.as_object();
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts["main"].at("repository").as_string(), "");
  EXPECT_EQ(mounts["kept"].at("repository").as_string(), "kept");
  EXPECT_TRUE(mounts["kept"].at("keep_deleted").as_bool());
  EXPECT_TRUE(mounts["fixed"].at("read_only").as_bool());
  EXPECT_EQ(mounts["main"].at("backend").as_string(), "memory");
  EXPECT_FALSE(mounts["main"].at("encrypted").as_bool());
  EXPECT_FALSE(mounts["main"].at("cached").as_bool());
  EXPECT_TRUE(mounts["main"].at("capabilities").at("versions").as_bool());
  EXPECT_FALSE(mounts["main"].at("health").at("ready").as_bool());
  EXPECT_TRUE(mounts["main"].at("health").at("error").is_string());
  EXPECT_TRUE(mounts["kept"].at("health").at("ready").as_bool());
}

TEST_F(ResourceAdminTest, HealthNamesThePartThatIsIll) {
  json::object document = body_of(send("GET", "/kbs/v0/admin/health"));
  EXPECT_TRUE(document["ready"].as_bool());
  backend_->fail_next(SIZE_MAX, ErrorKind::unavailable, Op::health);
  const Response response = send("GET", "/kbs/v0/admin/health");
  EXPECT_EQ(response.status, 200u) << "it was asked, and answers";
  document = body_of(response);
  EXPECT_FALSE(document["ready"].as_bool());
  std::map<std::string, bool> parts;
  for (const json::value& part : document["parts"].as_array())
    parts[std::string(part.at("name").as_string())] = part.at("ready").as_bool();
  EXPECT_EQ(parts, (std::map<std::string, bool>{{"attestation service", true},
                                                {"mount fixed", true},
                                                {"mount kept", true},
                                                {"mount main", false},
                                                {"plugin sample", true},
                                                {"resource policy", true}}));
}

}  // namespace
}  // namespace kbs::api::testing
