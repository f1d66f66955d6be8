#include "kbs/plugins/resource.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "kbs/plugins/sample.h"
#include "storage/memory/memory.h"

namespace kbs::plugins {
namespace {

using http::Method;

class ResourcePluginTest : public ::testing::Test {
 protected:
  ResourcePluginTest() : metrics_(metrics::Metrics::make()) {
    plugin_ = make_resource(storage::memory::make({}, clock_), *metrics_);
  }

  Result<Reply> call(Method method, std::vector<std::string> path, std::string_view body = "",
                     std::vector<std::pair<std::string, std::string>> headers = {},
                     std::map<std::string, std::string> query = {}) {
    http::Request request;
    request.method = method;
    request.headers = std::move(headers);
    request.body = Secret::from_text(body);
    Call call{request, std::move(path), std::move(query)};
    return testing::run(plugin_->handle(call));
  }
  static std::optional<ErrorKind> kind(const Result<Reply>& r) {
    return r ? std::nullopt : std::optional(r.error().kind);
  }
  testing::ManualClock clock_;
  std::unique_ptr<metrics::Metrics> metrics_;
  PluginPtr plugin_;
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
    const Call call{request, c.path, {}};
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

TEST_F(ResourcePluginTest, WritesOnCondition) {
  auto first = call(Method::post, {"r", "t", "g"}, "1", {{"If-None-Match", "*"}});
  ASSERT_TRUE(first);
  EXPECT_EQ(kind(call(Method::post, {"r", "t", "g"}, "2", {{"If-None-Match", "*"}})),
            ErrorKind::conflict);
  ASSERT_TRUE(call(Method::post, {"r", "t", "g"}, "2", {{"If-Match", '"' + first->version + '"'}}));
  EXPECT_EQ(
      kind(call(Method::post, {"r", "t", "g"}, "3", {{"If-Match", '"' + first->version + '"'}})),
      ErrorKind::conflict)
      << "that version is gone";
  EXPECT_EQ(kind(call(Method::post, {"r", "t", "g"}, "3", {{"If-None-Match", "\"x\""}})),
            ErrorKind::invalid_request);
  EXPECT_EQ(call(Method::get, {"r", "t", "g"})->body.expose_text(), "2");
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

TEST_F(ResourcePluginTest, HeadTellsMetadataAndNoByteOfTheValue) {
  ASSERT_TRUE(call(Method::post, {"r", "t", "g"}, "secret value"));
  auto head = call(Method::head, {"r", "t", "g"});
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->body.empty());
  EXPECT_FALSE(head->version.empty());
}

TEST(SamplePlugin, AnswersAdministratorsAlone) {
  http::Request request;
  request.method = Method::get;
  const Call call{request, {"anything"}, {}};
  PluginPtr plugin = make_sample();
  EXPECT_EQ(plugin->gate(call), Gate::admin);
  EXPECT_EQ(testing::run(plugin->handle(call))->body.expose_text(), "sample plugin response");
}

}  // namespace
}  // namespace kbs::plugins
