#include "attestation/embedded/appraisal.h"

#include <gtest/gtest.h>

#include "base/testing/run.h"

namespace kbs::attestation::embedded {
namespace {

/// Applies `policy` with the given reference values; counts how often each was fetched.
struct Judge {
  std::map<std::string, std::string> values;
  int fetches = 0;

  Result<Appraisal> operator()(std::string_view policy, std::string input = "{}") {
    KBS_TRY(auto compiled, AttestationPolicy::compile(policy));
    return apply(*compiled, std::move(input));
  }
  Result<Appraisal> apply(AttestationPolicy& policy, std::string input = "{}") {
    const ReferenceSource source =
        [this](std::string id) -> awaitable<Result<std::optional<std::string>>> {
      ++fetches;
      std::optional<std::string> found;
      if (auto it = values.find(id); it != values.end()) found = it->second;
      co_return found;
    };
    return testing::run(policy.appraise(std::move(input), source));
  }
};

int hardware(const Result<Appraisal>& appraisal) {
  return appraisal && appraisal->vector[4] ? *appraisal->vector[4] : -1000;
}

TEST(Tiers, FollowAr4si) {
  struct Case {
    int value;
    Tier tier;
  };
  const Case cases[] = {{-128, Tier::contraindicated},
                        {-97, Tier::contraindicated},
                        {-96, Tier::warning},
                        {-33, Tier::warning},
                        {-32, Tier::affirming},
                        {-2, Tier::affirming},
                        {-1, Tier::none},
                        {0, Tier::none},
                        {1, Tier::none},
                        {2, Tier::affirming},
                        {31, Tier::affirming},
                        {32, Tier::warning},
                        {95, Tier::warning},
                        {96, Tier::contraindicated},
                        {127, Tier::contraindicated}};
  for (const Case& c : cases) EXPECT_EQ(tier_of(c.value), c.tier) << c.value;
}

TEST(Appraisal, StatusIsTheWorstTier) {
  EXPECT_EQ(Judge()("package policy\ntrust_claims := {\"hardware\": 2}")->status(),
            Tier::affirming);
  EXPECT_EQ(
      Judge()("package policy\ntrust_claims := {\"hardware\": 2, \"executables\": 33}")->status(),
      Tier::warning);
  EXPECT_EQ(
      Judge()("package policy\ntrust_claims := {\"hardware\": 97, \"executables\": 3}")->status(),
      Tier::contraindicated);
  EXPECT_EQ(Judge()("package policy\nother := 1")->status(), Tier::none)
      << "without the rule all eight are 0";
}

TEST(Appraisal, AnswersThatCannotBeUsedAreErrorsNeverCrashes) {
  struct Case {
    const char* policy;
    const char* why;
  };
  const Case cases[] = {
      {"package policy\ntrust_claims := {\"no-such-claim\": 2}", "an unknown claim"},
      {"package policy\ntrust_claims := {\"hardware\": 300}", "beyond eight bits"},
      {"package policy\ntrust_claims := {\"hardware\": -129}", "below them"},
      {"package policy\ntrust_claims := {\"hardware\": 2.5}", "no integer"},
      {"package policy\ntrust_claims := {\"hardware\": \"2\"}", "a string"},
      {"package policy\ntrust_claims := {}", "no claim at all"},
      {"package policy\ntrust_claims := [2]", "no object"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := {}",
       "extensions that are no array"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [1]",
       "an extension that is no object"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"a\", "
       "\"key\": 1}]",
       "no value"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"a\", "
       "\"key\": 3000000000, \"value\": 1}]",
       "a key beyond 32 bits"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"a\", "
       "\"key\": 1, \"value\": 1}, {\"name\": "
       "\"a\", \"key\": 2, \"value\": 1}]",
       "a name twice"},
      {"package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [{\"name\": "
       "\"ear.status\", \"key\": 1, \"value\": "
       "\"affirming\"}]",
       "an extension in the place of the verdict"},
      {"package policy\ntrust_claims := {\"hardware\": 2} if no_such_function(1)",
       "an unknown function"},
  };
  for (const Case& c : cases) EXPECT_FALSE(Judge()(c.policy)) << c.why;
}

TEST(Appraisal, CarriesExtensions) {
  auto appraisal = Judge()(
      "package policy\ntrust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"x\", "
      "\"key\": -18, \"value\": {\"a\": 1}}]");
  ASSERT_TRUE(appraisal);
  ASSERT_EQ(appraisal->extensions.size(), 1u);
  EXPECT_EQ(appraisal->extensions[0].name, "x");
  EXPECT_EQ(to_json(appraisal->extensions[0].value), R"({"a":1})");
}

constexpr const char* kAsks =
    "package policy\ndefault hardware := 97\nhardware := 2 if input.svn in "
    "query_reference_value(\"svn\")\n"
    "trust_claims := {\"hardware\": hardware}";

TEST(Appraisal, AsksForReferenceValues) {
  Judge judge{{{"svn", R"(["1","2"])"}}};
  EXPECT_EQ(hardware(judge(kAsks, R"({"svn":"2"})")), 2);
  EXPECT_EQ(hardware(judge(kAsks, R"({"svn":"3"})")), 97);
  EXPECT_EQ(hardware(Judge()(kAsks, R"({"svn":"2"})")), 97) << "an unknown id is null";
}

TEST(Appraisal, FetchesAheadWhatThePolicyAskedForBefore) {
  Judge judge{{{"svn", R"(["1"])"}}};
  auto policy = *AttestationPolicy::compile(kAsks);
  EXPECT_EQ(hardware(judge.apply(*policy, R"({"svn":"1"})")), 2);
  judge.values["svn"] = R"(["9"])";
  EXPECT_EQ(hardware(judge.apply(*policy, R"({"svn":"1"})")), 97) << "fetched anew each time";
  EXPECT_EQ(judge.fetches, 2);
}

TEST(Appraisal, FollowsIdsThatAreComputedFromAnswers) {
  Judge judge{{{"first", R"("second")"}, {"second", R"("third")"}, {"third", "2"}}};
  EXPECT_EQ(
      hardware(judge(
          "package policy\na := query_reference_value(\"first\")\nb := query_reference_value(a)\n"
          "trust_claims := {\"hardware\": query_reference_value(b)}")),
      2);
}

}  // namespace
}  // namespace kbs::attestation::embedded
