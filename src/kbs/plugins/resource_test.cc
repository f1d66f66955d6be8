#include "kbs/plugins/resource.h"

#include "base/json.h"
#include "base/time_text.h"
#include "kbs/plugins/sample.h"
#include "kbs/plugins/testing/resource_fixture.h"

namespace kbs::plugins::testing {
namespace {

storage::MountOptions options_with(bool storage::MountOptions::* flag) {
  storage::MountOptions options;
  options.*flag = true;
  return options;
}

class GuestVersionsTest : public ResourcePluginTest {
 protected:
  GuestVersionsTest() : ResourcePluginTest(options_with(&storage::MountOptions::guest_versions)) {}
};

class KeepDeletedTest : public ResourcePluginTest {
 protected:
  KeepDeletedTest() : ResourcePluginTest(options_with(&storage::MountOptions::keep_deleted)) {}
};

TEST_F(ResourcePluginTest, KeepsAndGivesBytes) {
  const std::string all_bytes = [] {
    std::string s;
    for (int i = 0; i < 256; ++i) s += static_cast<char>(i);
    return s;
  }();
  ASSERT_TRUE(call(Method::post, {"r", "t", "g"}, all_bytes));
  auto got = call(Method::get, {"r", "t", "g"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->body.expose_text(), all_bytes);
  ASSERT_TRUE(call(Method::post, {"r", "t", "g"}, ""));
  EXPECT_EQ(call(Method::get, {"r", "t", "g"})->body.size(), 0u) << "an empty resource is one";
  ASSERT_TRUE(call(Method::del, {"r", "t", "g"}));
  EXPECT_EQ(kind(call(Method::get, {"r", "t", "g"})), ErrorKind::not_found);
  EXPECT_EQ(kind(call(Method::del, {"r", "t", "g"})), ErrorKind::not_found);
}

TEST_F(ResourcePluginTest, WhoMayAsk) {
  struct Case {
    Method method;
    std::vector<std::string> path;
    Gate gate;
    bool encrypted;
    const char* why;
  };
  const Case cases[] = {
      {Method::get, {"r", "t", "g"}, Gate::attested, true, "guests read"},
      {Method::get, {"bad"}, Gate::attested, true, "the gate comes before the path is looked at"},
      {Method::get, {}, Gate::admin, true, "the listing is for administrators"},
      {Method::post, {"r", "t", "g"}, Gate::admin, false, "administrators write"},
      {Method::del, {"r", "t", "g"}, Gate::admin, false, "and delete"},
      {Method::head, {"r", "t", "g"}, Gate::admin, false, "and look at metadata"},
      {Method::put, {"r", "t", "g"}, Gate::attested, false, "the reference's odd road"},
  };
  for (const Case& c : cases) {
    http::Request request;
    request.method = c.method;
    const Call call{request, c.path, {}, true};
    EXPECT_EQ(plugin_->gate(call), c.gate) << c.why;
    EXPECT_EQ(plugin_->encrypted(call), c.encrypted) << c.why;
  }
}

TEST_F(ResourcePluginTest, RefusesWhatIsNoResource) {
  for (const std::vector<std::string>& path : std::vector<std::vector<std::string>>{
           {"a", "b"}, {"a", "b", "c", "d"}, {"a", "..", "c"}, {""}, {"a b", "c", "d"}}) {
    EXPECT_EQ(kind(call(Method::post, path, "x")), ErrorKind::invalid_request);
    EXPECT_EQ(kind(call(Method::get, path)),
              path.empty() ? std::nullopt : std::optional(ErrorKind::invalid_request));
  }
  EXPECT_EQ(kind(call(Method::put, {"a", "b", "c"})), ErrorKind::unsupported);
}

TEST_F(ResourcePluginTest, ListsNamesNeverValues) {
  for (const char* tag : {"1", "2", "3"})
    ASSERT_TRUE(call(Method::post, {"r", "t", tag}, "secret value"));
  ASSERT_TRUE(call(Method::post, {"other", "t", "1"}, "secret value"));
  auto page = call(Method::get, {}, "", {}, {{"prefix", "r/"}, {"limit", "2"}});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->body.expose_text().find("secret"), std::string_view::npos);
  auto parsed = parse_json_object(page->body.expose_text());
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->at("resources").as_array().size(), 2u);
  EXPECT_EQ(parsed->at("resources").as_array()[0].at("path").as_string(), "r/t/1");
  EXPECT_EQ(parsed->at("resources").as_array()[0].at("size").as_int64(), 12);
  ASSERT_TRUE(parsed->at("next").is_string());
  auto rest = call(
      Method::get, {}, "", {},
      {{"prefix", "r/"}, {"limit", "2"}, {"cursor", std::string(parsed->at("next").as_string())}});
  ASSERT_TRUE(rest);
  auto last = parse_json_object(rest->body.expose_text());
  EXPECT_EQ(last->at("resources").as_array().size(), 1u);
  EXPECT_TRUE(last->at("next").is_null());
  for (const char* limit : {"0", "1001", "x", "", "-1"}) {
    EXPECT_EQ(kind(call(Method::get, {}, "", {}, {{"limit", limit}})), ErrorKind::invalid_request)
        << limit;
  }
}

TEST_F(ResourcePluginTest, HeadTellsMetadataAndReadsNoValueWhereItNeedNot) {
  struct Case {
    bool versions, list;
    std::size_t reads;
    const char* why;
  };
  const Case cases[] = {{true, true, 0, "the newest version says it"},
                        {false, true, 0, "the listing says it"},
                        {false, false, 1, "nothing else would say it"}};
  const auto written = call(Method::post, {"r", "t", "g"}, "secret value", {},
                            {{"not_after", "2099-01-02T03:04:05Z"}});
  ASSERT_TRUE(written) << written.error().message;
  ASSERT_TRUE(call(Method::post, {"r", "t", "g2"}, "another"));
  storage::Capabilities can = backend_->capabilities();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    can.versions = c.versions;
    can.list = c.list;
    backend_->declare(can);
    backend_->forget_calls();
    auto head = call(Method::head, {"r", "t", "g"});
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_TRUE(head->body.empty());
    EXPECT_EQ(head->version, written->version);
    EXPECT_EQ(header(*head, "ETag"), header(*written, "ETag"));
    EXPECT_EQ(header(*head, "X-Resource-Size"), "12");
    EXPECT_EQ(header(*head, "X-Resource-Not-After"), "2099-01-02T03:04:05Z");
    EXPECT_NE(header(*head, "Last-Modified"), "");
    EXPECT_EQ(backend_->calls(Op::read), c.reads);
    EXPECT_EQ(kind(call(Method::head, {"r", "t", "no"})), ErrorKind::not_found);
    EXPECT_EQ(kind(call(Method::head, {"r", "t", "g3"})), ErrorKind::not_found);
  }
}

TEST_F(KeepDeletedTest, HeadDoesNotFindWhatAReadWouldNot) {
  ASSERT_TRUE(call(Method::post, {"r", "t", "g"}, "x"));
  ASSERT_TRUE(call(Method::del, {"r", "t", "g"}));
  EXPECT_EQ(kind(call(Method::head, {"r", "t", "g"})), ErrorKind::not_found) << "kept, not there";
}

TEST_F(ResourcePluginTest, GuestsGetTheCurrentVersionOnly) {
  const std::string old = post("old");
  const std::string current = post("new");
  EXPECT_EQ(get(""), "new");
  EXPECT_EQ(get(current), "new") << "by its name";
  EXPECT_EQ(get(old), "denied") << "a rotated secret is not fetched again";
  EXPECT_EQ(get("no-such"), "denied") << "and what was never there looks the same";
  for (const std::string& asked : backend_->record())
    EXPECT_EQ(asked.find("@"), std::string::npos) << "the backend is not even asked";
  EXPECT_EQ(kind(call(Method::get, {"r", "t", "absent"}, "", {}, {{"version", old}})),
            ErrorKind::not_found);
  precise_ = false;
  EXPECT_EQ(get(old), "new") << "the reference looks at no query";
}

TEST_F(GuestVersionsTest, GuestsGetWhatTheMountGrants) {
  const std::string old = post("old");
  post("new");
  for (const bool precise : {true, false}) {
    precise_ = precise;
    EXPECT_EQ(get(""), "new");
    EXPECT_EQ(get(old), "old");
    EXPECT_EQ(get("no-such"), "not_found");
  }
}

TEST_F(KeepDeletedTest, DeleteKeepsForUndelete) {
  const std::string old = post("old");
  ASSERT_TRUE(call(Method::del, {"default", "key", "1"}));
  EXPECT_EQ(get(""), "not_found");
  ASSERT_TRUE(run(backend_->undelete({"default", "key", "1"})));
  EXPECT_EQ(get(""), "old");
}

TEST_F(ResourcePluginTest, DeleteTakesTheHistoryAlong) {
  post("old");
  post("new");
  ASSERT_TRUE(call(Method::del, {"default", "key", "1"}));
  EXPECT_FALSE(run(backend_->versions({"default", "key", "1"}, {})));
  EXPECT_FALSE(run(backend_->undelete({"default", "key", "1"})));
}

TEST_F(ResourcePluginTest, AWriteMayExpire) {
  const auto write = [&](std::string not_after) {
    return kind(call(Method::post, {"default", "key", "1"}, "x", {}, {{"not_after", not_after}}));
  };
  const std::string soon = rfc3339(clock_.now() + std::chrono::seconds{10});
  EXPECT_EQ(write(rfc3339(clock_.now())), ErrorKind::invalid_request) << "now is over";
  EXPECT_EQ(write(rfc3339(clock_.now() - std::chrono::hours{1})), ErrorKind::invalid_request);
  EXPECT_EQ(write("tomorrow"), ErrorKind::invalid_request);
  EXPECT_EQ(write(""), ErrorKind::invalid_request) << "a wish for an end, and none named";
  EXPECT_EQ(get(""), "not_found") << "and nothing was written";
  EXPECT_EQ(write(soon), std::nullopt);
  EXPECT_EQ(get(""), "x");
  clock_.advance(std::chrono::seconds{11});
  EXPECT_EQ(get(""), "not_found");
  EXPECT_EQ(kind(call(Method::head, {"default", "key", "1"})), ErrorKind::not_found);
}

TEST(SamplePlugin, AnswersAdministratorsAlone) {
  http::Request request;
  request.method = Method::get;
  const Call call{request, {"anything"}, {}, true};
  PluginPtr plugin = make_sample();
  EXPECT_EQ(plugin->gate(call), Gate::admin);
  EXPECT_EQ(run(plugin->handle(call))->body.expose_text(), "sample plugin response");
}

}  // namespace
}  // namespace kbs::plugins::testing
