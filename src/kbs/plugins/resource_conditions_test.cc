/// Writes and removals on condition (RFC 9110 §13.1).

#include <functional>
#include <thread>

#include "kbs/plugins/testing/resource_fixture.h"

namespace kbs::plugins::testing {
namespace {

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

TEST_F(ResourcePluginTest, DeletesOnCondition) {
  const std::string old = post("old");
  const std::string current = post("new");
  const auto remove = [&](std::string field) {
    return kind(call(Method::del, {"default", "key", "1"}, "", {{"If-Match", std::move(field)}}));
  };
  EXPECT_EQ(remove('"' + old + '"'), ErrorKind::conflict);
  EXPECT_EQ(remove('"' + old + "\", \"x\""), ErrorKind::conflict);
  EXPECT_EQ(kind(call(Method::del, {"default", "key", "1"}, "", {{"If-None-Match", "*"}})),
            ErrorKind::invalid_request);
  EXPECT_EQ(get(""), "new");
  EXPECT_EQ(remove('"' + old + "\", \"" + current + '"'), std::nullopt);
  EXPECT_EQ(remove("*"), ErrorKind::not_found);
}

TEST_F(ResourcePluginTest, IfMatchAnyMeansThatItExists) {
  const std::vector<std::pair<std::string, std::string>> any{{"If-Match", "*"}};
  EXPECT_EQ(kind(call(Method::post, {"default", "key", "1"}, "x", any)), ErrorKind::conflict);
  EXPECT_EQ(get(""), "not_found");
  post("old");
  EXPECT_EQ(kind(call(Method::post, {"default", "key", "1"}, "new", any)), std::nullopt);
  EXPECT_EQ(get(""), "new");
}

TEST_F(ResourcePluginTest, IfMatchTakesOneOfAList) {
  const std::string old = post("old");
  const std::string current = post("new");
  const auto write = [&](const std::string& field) {
    return kind(call(Method::post, {"default", "key", "1"}, "newest", {{"If-Match", field}}));
  };
  EXPECT_EQ(write('"' + old + "\",\"other\""), ErrorKind::conflict);
  EXPECT_EQ(get(""), "new");
  EXPECT_EQ(write('"' + old + "\",\"" + current + '"'), std::nullopt);
  EXPECT_EQ(get(""), "newest");
}

TEST_F(ResourcePluginTest, NobodyComesBetweenTheLookAndTheWrite) {
  const ResourceId id{"default", "key", "1"};
  const auto overwrite = [&] {
    const Secret value = Secret::from_text("between");
    EXPECT_TRUE(run(memory_->write(id, value.clone(), {})));
  };
  const auto remove = [&] { EXPECT_TRUE(run(memory_->remove(id, {}))); };
  struct Case {
    std::string field;
    std::function<void()> meanwhile;
    std::optional<ErrorKind> want;
    std::string_view left;
    const char* why;
  };
  const Case cases[] = {
      {"*", overwrite, std::nullopt, "mine", "it exists still: looked at again, and replaced"},
      {"*", remove, ErrorKind::conflict, "not_found", "it is gone: never made anew"},
      {"the first, or none", overwrite, ErrorKind::conflict, "between", "it is another one now"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string first = post("first");
    const std::string field = c.field == "*" ? c.field : first + ", none";
    backend_->hold(FaultyBackend::Gate::before, Op::write);
    Result<Reply> reply;
    std::thread writer([&] {
      reply = call(Method::post, {"default", "key", "1"}, "mine", {{"If-Match", field}});
    });
    ASSERT_TRUE(backend_->await_waiting(1));
    c.meanwhile();
    backend_->release();
    writer.join();
    EXPECT_EQ(kind(reply), c.want);
    EXPECT_EQ(get(""), c.left);
  }
}

TEST_F(ResourcePluginTest, WhoAlwaysLosesIsToldSo) {
  post("first");
  backend_->fail_next(SIZE_MAX, ErrorKind::conflict, Op::write);
  backend_->forget_calls();
  EXPECT_EQ(kind(call(Method::post, {"default", "key", "1"}, "x", {{"If-Match", "*"}})),
            ErrorKind::conflict);
  EXPECT_GT(backend_->calls(Op::write), 1u);
  EXPECT_LT(backend_->calls(Op::write), 20u);
}

TEST_F(ResourcePluginTest, AnotherFailureIsToldAsItIs) {
  post("old");
  backend_->fail_next(SIZE_MAX, ErrorKind::unavailable, Op::versions);
  EXPECT_EQ(kind(call(Method::post, {"default", "key", "1"}, "x", {{"If-Match", "*"}})),
            ErrorKind::unavailable);
  backend_->heal();
  EXPECT_EQ(get(""), "old");
}

}  // namespace
}  // namespace kbs::plugins::testing
