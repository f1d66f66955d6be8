#include "policy/rego.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "policy/testing/outcome.h"

namespace kbs::policy {
namespace {

using namespace kbs::policy::testing;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Rego, TellsEveryOutcomeOfTheSpecificationApart) {
  struct Case {
    const char *body, *want, *why;
  };
  const Case cases[] = {
      {"default allow := false", "false", "deny all"},
      {"default allow = false", "false", "the older way to write a default"},
      {"allow = true", "true", "no default"},
      {"import rego.v1\nallow if input.iss == \"CoCo\"", "true", "the v1 import is redundant"},
      {"import future.keywords.if\nallow if true", "true", "so are the future keywords"},
      {"allow if data.plugin == \"other\"", "undefined", "no default, rule not true"},
      {"permit if true", "missing", "no such rule"},
      {"allow := \"yes\"", "\"yes\"", "not a boolean"},
      {"allow := 1", "1", "not a boolean"},
      {"allow contains x if { some x in [2, 1] }", "[1,2]", "a set"},
      {"allow := {\"a\": null}", "{\"a\":null}", "an object"},
      {"allow := input.submods.cpu0[\"ear.status\"] != \"contraindicated\"", "true",
       "claims by name"},
      {"allow if data[\"resource-path\"] == [\"myrepo\", \"secret\", \"secret1\"]", "true",
       "path segments"},
      {"allow if count(data[\"resource-path\"]) == 3", "true", "number of segments"},
      {"allow if data.query.q == \"a b\"", "true", "the query"},
      {"allow if { print(\"x\", input); true }", "true", "print is available, and silent"},
      {"allow if input.a.b.c", "undefined", "absent members are undefined, not errors"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(outcome(std::string("package policy\n") + c.body), c.want);
  }
  EXPECT_EQ(outcome("package other\nallow := true"), "missing");
}

TEST(Rego, RunsTheShapesInUse) {
  EXPECT_EQ(outcome(R"(package policy

default allow := false

minimum := {"secret1": 2, "secret2": 3}

allow if {
	data.plugin == "resource"
	data["resource-path"] = ["myrepo", "secret", name]
	to_number(input.submods.cpu0["ear.veraison.annotated-evidence"].sample.svn) >= minimum[name]
}
)"),
            "true");
  EXPECT_EQ(outcome(R"(package policy

default allow := false

# bind a repository to a measured configuration
allow if {
	data.plugin == "resource"
	data["resource-path"][0] == "myrepo"
	ev := input.submods.cpu0["ear.veraison.annotated-evidence"]
	ev.init_data == "ad34"
}
)"),
            "true");
}

TEST(Rego, HasTheFunctionsThatPoliciesUse) {
  const char* const expressions[] = {
      "abs(-1) == 1",
      "ceil(1.2) == 2",
      "numbers.range(1, 3) == [1, 2, 3]",
      "numbers.range(3, 1) == [3, 2, 1]",
      "numbers.range_step(1, 6, 2) == [1, 3, 5]",
      "bits.and(6, 3) == 2",
      "count([1, 2]) == 2",
      "max([1, 2]) == 2",
      "sum([1, 2]) == 3",
      "sort([2, 1]) == [1, 2]",
      "array.concat([1], [2]) == [1, 2]",
      "object.get({\"a\": 1}, \"b\", 2) == 2",
      "object.union({\"a\": 1}, {\"b\": 2}) == {\"a\": 1, \"b\": 2}",
      "object.union_n([{\"a\": 1}, {\"b\": 2}]) == {\"a\": 1, \"b\": 2}",
      "union({{1}, {2}}) == {1, 2}",
      "concat(\"/\", [\"a\", \"b\"]) == \"a/b\"",
      "startswith(\"abc\", \"a\")",
      "sprintf(\"%s-%d\", [\"a\", 1]) == \"a-1\"",
      "split(\"a/b\", \"/\") == [\"a\", \"b\"]",
      "trim_prefix(\"abc\", \"a\") == \"bc\"",
      "lower(\"A\") == \"a\"",
      "regex.match(`^a+$`, \"aaa\")",
      "regex.replace(\"a1\", `[0-9]`, \"b\") == \"ab\"",
      "base64.decode(\"YQ==\") == \"a\"",
      "json.unmarshal(\"[1]\") == [1]",
      "type_name(1) == \"number\"",
      "is_string(\"a\")",
      "to_number(\"3\") == 3",
      "units.parse_bytes(\"1KiB\") == 1024",
      "time.now_ns() > 0",
      "time.parse_rfc3339_ns(\"1970-01-01T00:00:01Z\") == 1000000000",
      "every x in [1, 2] { x > 0 }",
      "2 in [1, 2]",
      "{x | some x in [1, 1]} == {1}",
      "input.iss == \"b\" with input.iss as \"b\"",
  };
  for (const char* expression : expressions) {
    EXPECT_EQ(outcome(std::string("package policy\nallow if { ") + expression + " }"), "true")
        << expression;
  }
  EXPECT_EQ(outcome("package policy\nallow := f(1)\nf(x) := x if { x > 2 } else := \"small\""),
            "\"small\"");
}

TEST(Rego, UnknownFunctionsFailWhenReachedAndNotBefore) {
  const char* const calls[] = {
      "http.send({})",
      "opa.runtime()",
      "net.cidr_contains(\"10.0.0.0/8\", \"10.0.0.1\")",
      "glob.match(\"a\", [], \"a\")",
      "semver.is_valid(\"1.0.0\")",
      "uuid.rfc4122(\"a\")",
      "crypto.sha256(\"a\")",
      "io.jwt.decode(\"a\")",
      "base64url.encode(\"a\")",
      "hex.encode(\"a\")",
      "urlquery.encode(\"a\")",
      "yaml.marshal(1)",
      "regex.globs_match(\"a\", \"a\")",
      "graph.reachable({}, [])",
      "no_such_function(1)",
      "query_reference_value(\"svn\")",
  };
  for (const char* call : calls) {
    SCOPED_TRACE(call);
    const std::string reached = std::string("package policy\nallow if { x := ") + call + "; x }";
    EXPECT_THAT(outcome(reached), StartsWith("error: Failed to eval policy: policy.rego:2:"));
    EXPECT_THAT(outcome(reached), HasSubstr("could not find function"));
    const std::string unreached =
        std::string(
            "package policy\ndefault allow := false\nallow if { data.plugin == \"other\"; x := ") +
        call + "; x }";
    EXPECT_EQ(outcome(unreached), "false");
  }
}

TEST(Rego, EvaluationErrorsAreErrorsAndQuoteNoPolicyToTheGuest) {
  struct Case {
    const char *body, *message, *why;
  };
  const Case cases[] = {
      {"allow := 1 if true\nallow := 2 if true", "conflict", "two values of one rule"},
      {"allow if to_number(\"x\") == 1", "could not parse", "built-in errors raise"},
      {"allow if { b }\nb if { allow }", "recursion", "rules that need each other"},
      {"allow if f(1)\nf(x) := f(x + 1)", "recursion",
       "a function without end must not take the stack"},
      {"allow if f(1)\nf(x) := g(x)\ng(x) := y if { some y in [f(x)] }", "recursion",
       "two functions without end"},
      {"allow if f(1)\ng(x) := f(x)\nf(x) := x if { x > 1 } else := data.policy.g(x)", "recursion",
       "by its full name"},
      {"allow if f(1)\nf(x) := r\nr := f(2)", "recursion", "function and rule"},
      {"allow if f(1)\nh(x) := x\nf(x) := y if { y := h(x) with h as f }", "recursion",
       "by replacement"},
      {"allow if { x == 1 }", "unsafe", "a variable nobody binds"},
      {"allow if count(numbers.range(1, 1000000000000)) > 0", "at most", "memory must not run out"},
      {"allow if count(numbers.range_step(1, 1000000000000, 2)) > 0", "at most",
       "memory must not run out"},
      {"allow if regex.match(\"(a{1000}){1000}\", \"a\")", "", "an expression of a million states"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto result =
        compiled(std::string("package policy\n") + c.body)->evaluate(kAllow, kClaims, kData);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::internal);
    EXPECT_THAT(result.error().message, StartsWith("Failed to eval policy: "));
    EXPECT_THAT(result.error().message, HasSubstr(c.message));
    EXPECT_THAT(result.error().message, Not(HasSubstr("\n")));
  }
}

TEST(Rego, KeepsUnicodeAndNumbersAsTheyAre) {
  auto echo = compiled("package policy\nallow := input");
  const char* const values[] = {
      "\"\u00e9\u4e2d\U0001F600\"", "\"a\\u0000b\"", "9223372036854775807", "18446744073709551615",
      "-9223372036854775808",       "1.5",           "[null,true,{}]",      "{\"a\":{\"b\":[]}}",
  };
  for (const char* value : values) EXPECT_EQ(echo->evaluate(kAllow, value, "{}")->value, value);
  EXPECT_EQ(outcome("package policy\nallow if { \"\u00e9\" == \"\\u00e9\" }"), "true");
}

TEST(Rego, DataOfOneEvaluationIsGoneInTheNext) {
  auto policy = compiled("package policy\ndefault allow := \"none\"\nallow := data.plugin");
  EXPECT_EQ(policy->evaluate(kAllow, "{}", R"({"plugin":"a"})")->value, "\"a\"");
  EXPECT_EQ(policy->evaluate(kAllow, "{}", "{}")->value, "\"none\"");
  EXPECT_EQ(policy->evaluate(kAllow, "{}", R"({"plugin":"b"})")->value, "\"b\"");
}

TEST(Rego, DataSeenBeforeIsJudgedAnew) {
  auto policy = compiled("package policy\nallow := [data.plugin, input.n]\nfail := 1 / input.n");
  const auto data = [](int i) { return R"({"plugin":")" + std::to_string(i) + R"("})"; };
  // More documents than are kept, several times over, each with another input.
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      const std::string input = R"({"n":)" + std::to_string(1000 * round + i) + "}";
      EXPECT_EQ(policy->evaluate(kAllow, input, data(i))->value,
                R"([")" + std::to_string(i) + R"(",)" + std::to_string(1000 * round + i) + "]");
    }
  }
  EXPECT_FALSE(policy->evaluate("data.policy.fail", R"({"n":0})", data(1)));
  EXPECT_EQ(policy->evaluate("data.policy.fail", R"({"n":1})", data(1))->value, "1")
      << "a failure is not remembered";
  EXPECT_TRUE(policy->evaluate("data.policy.nothing", "{}", data(1))->rule_missing);
  const std::string again = "[" + std::string(2000, ' ') + "]";
  EXPECT_EQ(policy->evaluate(kAllow, "{}", again).error().kind, ErrorKind::invalid_request);
  EXPECT_EQ(policy->evaluate(kAllow, "{}", again).error().kind, ErrorKind::invalid_request);
}

TEST(Rego, APolicyNeverAnswersForAnother) {
  // Each takes the address that the one before has left, and sees the same data.
  for (int i = 0; i < 40; ++i) {
    const std::string want = std::to_string(i);
    auto policy = compiled("package policy\nallow := " + want + " if data.plugin == \"p\"");
    EXPECT_EQ(policy->evaluate(kAllow, "{}", R"({"plugin":"p"})")->value, want);
    EXPECT_EQ(policy->evaluate(kAllow, "{}", R"({"plugin":"p"})")->value, want);
  }
}

TEST(Rego, ReferenceValuesComeFromTheCallersLookup) {
  auto policy = compiled(R"(package policy
allow := [query_reference_value("svn"), query_reference_value(input), query_reference_value("absent")]
)",
                         true);
  std::vector<std::string> asked;
  const ReferenceLookup lookup = [&](std::string_view id) -> std::optional<std::string> {
    asked.emplace_back(id);
    if (id == "absent") return std::nullopt;
    return "[\"" + std::string(id) + "\"]";
  };
  EXPECT_EQ(policy->evaluate(kAllow, "\"x/\u00e9\"", "{}", {}, &lookup)->value,
            "[[\"svn\"],[\"x/\u00e9\"],null]");
  EXPECT_THAT(asked, ::testing::UnorderedElementsAre("svn", "x/\u00e9", "absent"));
  EXPECT_EQ(policy->evaluate(kAllow, "\"x\"", "{}")->value, "[null,null,null]")
      << "without a lookup all is unknown";
  EXPECT_EQ(policy->evaluate(kAllow, "7", "{}", {}, &lookup).error().kind, ErrorKind::internal)
      << "ids are strings";
}

TEST(Rego, AFailingLookupFailsTheEvaluation) {
  auto policy = compiled(
      "package policy\ndefault allow := true\nallow := false if query_reference_value(\"a\")",
      true);
  const ReferenceLookup broken = [](std::string_view) -> std::optional<std::string> {
    return "{not json";
  };
  const ReferenceLookup throwing = [](std::string_view) -> std::optional<std::string> {
    throw std::runtime_error("down");
  };
  EXPECT_EQ(policy->evaluate(kAllow, "{}", "{}", {}, &broken).error().kind, ErrorKind::internal);
  EXPECT_EQ(policy->evaluate(kAllow, "{}", "{}", {}, &throwing).error().kind, ErrorKind::internal);
}

TEST(Rego, MembershipInWhatIsNoListIsNotSatisfied) {
  auto policy = compiled(
      "package policy\ndefault allow := false\nallow if 1 in query_reference_value(\"a\")", true);
  for (const char* value : {"null", "1", "\"1\"", "true", "[2]", "{}"}) {
    const ReferenceLookup lookup = [&](std::string_view) {
      return std::optional<std::string>(value);
    };
    auto result = policy->evaluate(kAllow, "{}", "{}", {}, &lookup);
    ASSERT_TRUE(result) << value;
    EXPECT_EQ(result->value, "false") << value;
  }
}

TEST(Rego, ALookupMayEvaluateAnotherPolicy) {
  auto inner = compiled("package policy\nallow := query_reference_value(\"deep\")", true);
  auto outer = compiled(
      "package policy\nallow := [query_reference_value(\"a\"), query_reference_value(\"b\")]",
      true);
  const ReferenceLookup deep = [](std::string_view) { return std::optional<std::string>("1"); };
  const ReferenceLookup nested = [&](std::string_view) {
    return inner->evaluate(kAllow, "{}", "{}", {}, &deep)->value;
  };
  EXPECT_EQ(outer->evaluate(kAllow, "{}", "{}", {}, &nested)->value, "[1,1]");
}

TEST(Rego, OnePolicyAndOneInputServeManyThreads) {
  auto policy = compiled(R"(package policy
allow := {"repo": data["resource-path"][0], "value": query_reference_value(input.iss)}
)",
                         true);
  auto input = RegoInput::parse(kClaims);
  ASSERT_TRUE(input);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string mine = std::to_string(t);
      const ReferenceLookup lookup = [&](std::string_view) { return std::optional(mine); };
      const std::string data = R"({"resource-path":["r)" + mine + R"("]})";
      const std::string want = R"({"repo":"r)" + mine + R"(","value":)" + mine + "}";
      for (int i = 0; i < 300; ++i) {
        auto result =
            policy->evaluate(kAllow, **input, data, {std::chrono::seconds{30}, 1u << 20}, &lookup);
        if (!result || result->value != want) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace kbs::policy
