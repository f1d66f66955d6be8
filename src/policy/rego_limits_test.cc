// What a policy or an input may not do to the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "policy/rego.h"
#include "policy/testing/outcome.h"

namespace kbs::policy {
namespace {

using namespace kbs::policy::testing;
using ::testing::HasSubstr;

TEST(RegoLimits, RefusesWhatDoesNotParse) {
  struct Case {
    std::string text;
    const char *message, *why;
  };
  const Case cases[] = {
      {"this is not rego", "policy.rego:1:1", "says where"},
      {"", "package", "empty"},
      {"package policy\nallow { true }", "policy.rego:2:7: `if` keyword is required", "v0 syntax"},
      {"package policy\nallow[x] { x := 1 }", "", "v0 partial set"},
      {"package policy\nallow := \"" + repeat("a", 2000) + "\"", "1024",
       "a line of 2,000 characters"},
      {"package policy\n" + repeat("\t", 300) + "allow := true", "1024", "a tab counts four"},
      {"package policy\n" + repeat("\n", 20000) + "allow := true", "20000", "too many lines"},
      {"package policy\n" +
           repeat("# aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
                  15000),
       "1048576", "more than 1 MiB"},
      {"package policy\nallow := \"\xff\xfe\"", "UTF-8", "not UTF-8"},
      {"package policy\nallow := " + repeat("[", 40) + repeat("]", 40), "brackets",
       "the parser would need 2^40 steps"},
      {repeat("package policy\nx := " + repeat("{", 12) + "1" + repeat("}", 12) + "\n", 100),
       "brackets", "many of them"},
      {"package policy\nallow := 1" + repeat(" +\n1", 10000), "too deeply",
       "a sum that overflows the stack"},
      {"package policy\nallow := 1" + repeat(repeat("+1", 200) + "\n", 2000), "too deeply",
       "one that overflows it when freed"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto policy = RegoPolicy::compile(c.text);
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().kind, ErrorKind::invalid_request);
    EXPECT_THAT(policy.error().message, HasSubstr(c.message));
  }
}

/// `r0 := 1`, `r1 := r0`, … and `allow` at the end.
std::string chain(std::size_t length, bool functions) {
  std::string text = functions ? "package policy\nr0(x) := x\n" : "package policy\nr0 := 1\n";
  const std::string args = functions ? "(x)" : "";
  for (std::size_t i = 1; i < length; ++i)
    text += "r" + std::to_string(i) + args + " := r" + std::to_string(i - 1) + args + "\n";
  return text + "allow := r" + std::to_string(length - 1) + (functions ? "(1)" : "") + "\n";
}

TEST(RegoLimits, ChainsOfRulesCannotOverflowTheStack) {
  EXPECT_EQ(outcome(chain(200, false)), "1") << "long, and fine";
  EXPECT_EQ(outcome(chain(200, true)), "1") << "long, and fine";
  EXPECT_THAT(outcome(chain(9000, false)), HasSubstr("too deeply"));
  EXPECT_THAT(outcome(chain(9000, true)), HasSubstr("too deeply"));
  std::string cycle = chain(9000, false) + "r9000 := r8999\n";
  cycle.replace(cycle.find("r0 := 1"), 7, "r0 := r9000");
  EXPECT_THAT(outcome(cycle), HasSubstr("too deeply"));
}

TEST(RegoLimits, LargeTablesAndManyRulesAreNoProblem) {
  std::string table = "package policy\nlevels := {\n";
  for (int i = 0; i < 10000; ++i)
    table += "\"key" + std::to_string(i) + "\": [" + std::to_string(i) + "],\n";
  EXPECT_EQ(outcome(table + "}\nallow if levels.key77 == [77]"), "true");

  std::string rules = "package policy\nlimit := 7\n";
  for (int i = 0; i < 1000; ++i)
    rules += "r" + std::to_string(i) + " if limit > " + std::to_string(i) + "\n";
  EXPECT_EQ(outcome(rules + "allow if r3"), "true");
}

TEST(RegoLimits, CommentsMayBeLongAndStringsMayHoldBrackets) {
  EXPECT_EQ(outcome("package policy\n# " + repeat("a", 2000) + "\nallow := true"), "true");
  EXPECT_EQ(outcome("package policy\n# " + repeat("[", 100) + "\nallow := true"), "true");
  EXPECT_EQ(outcome("package policy\nx := \"" + repeat("[", 100) + "\\\"{{{\"\ny := `" +
                    repeat("{", 100) + "`\nallow := true"),
            "true");
}

TEST(RegoLimits, StopsAPolicyOverItsTime) {
  // Nine million steps: 4.7 s for each request in the reference.
  auto policy = compiled(R"(package policy
allow if {
	some i in numbers.range(1, 3000)
	some j in numbers.range(1, 3000)
	i * j == -1
}
)");
  const auto begin = std::chrono::steady_clock::now();
  auto result =
      policy->evaluate(kAllow, kClaims, kData, {std::chrono::milliseconds{100}, 1u << 20});
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
  EXPECT_LT(took, std::chrono::seconds{2});
}

TEST(RegoLimits, AnAnswerThatComesTooLateIsNone) {
  auto policy = compiled("package policy\nallow if count(numbers.range(1, 900000)) > 0");
  EXPECT_EQ(
      policy->evaluate(kAllow, "{}", "{}", {std::chrono::milliseconds{1}, 1u << 20}).error().kind,
      ErrorKind::unavailable);
  EXPECT_EQ(policy->evaluate(kAllow, "{}", "{}", {std::chrono::seconds{60}, 1u << 20})->value,
            "true");
}

TEST(RegoLimits, InputsAreBounded) {
  auto policy = compiled("package policy\nallow := count(input)");
  EXPECT_EQ(policy->evaluate(kAllow, "\"" + repeat("a", 1u << 20) + "\"", "{}").error().kind,
            ErrorKind::too_large);
  EXPECT_EQ(RegoInput::parse(repeat(" ", (1u << 20) + 1)).error().kind, ErrorKind::too_large);
  const std::string large = "[" + repeat("1,", 400000) + "1]";
  EXPECT_EQ(policy->evaluate(kAllow, large, "{}", {std::chrono::seconds{60}, 1u << 20})->value,
            "400001");
  struct Case {
    std::string input, data;
    const char* why;
  };
  const Case cases[] = {
      {"", "{}", "empty"},
      {"{", "{}", "cut short"},
      {"{} {}", "{}", "two values"},
      {"{\"a\":\"\xff\"}", "{}", "not UTF-8"},
      {repeat("[", 200) + repeat("]", 200), "{}", "too deep"},
      {repeat("[", 500000), "{}", "far too deep"},
      {"{}", "[]", "data is no object"},
      {"{}", "{", "data is no JSON"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto result = policy->evaluate(kAllow, c.input, c.data);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_request);
  }
}

}  // namespace
}  // namespace kbs::policy
