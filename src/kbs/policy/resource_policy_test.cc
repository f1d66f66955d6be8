#include "kbs/policy/resource_policy.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "policy/stock_policies.h"

namespace kbs {
namespace {

using storage::KeyValuePtr;

/// The stock sample claims, or any other, as a verified token.
token::VerifiedToken token_with(std::string_view claims) {
  token::VerifiedToken token{.digest = "d",
                             .policy_input = *policy::RegoInput::parse(claims),
                             .tee_key = fail(ErrorKind::not_found, "none"),
                             .tee = "",
                             .init_data = "",
                             .issued_at = std::nullopt,
                             .expires = {},
                             .trusted_until = {},
                             .cost = 0};
  return token;
}

class ResourcePolicyTest : public ::testing::Test {
 protected:
  ResourcePolicyTest() {
    storage::Services services{system_files(), clock_, pool_};
    store_ = *storage::open_key_value({}, "kbs", services);
    metrics_ = metrics::Metrics::make();
  }
  ~ResourcePolicyTest() override { pool_.join(); }

  std::shared_ptr<ResourcePolicy> open(std::string initial = "") {
    auto opened = testing::run(ResourcePolicy::open(store_, std::move(initial), clock_, *metrics_));
    EXPECT_TRUE(opened);
    return *opened;
  }
  Result<> ask(ResourcePolicy& policy, std::vector<std::string> path = {"default", "key", "1"},
               std::string_view claims = "{}", std::string_view plugin = "resource") {
    http::Request request;
    request.method_name = "GET";
    plugins::Call call{request, std::move(path), {{"q", "a b"}}};
    const token::VerifiedToken token = token_with(claims);
    return testing::run(policy.allow(token, plugin, call));
  }
  static std::optional<ErrorKind> kind(const Result<>& r) {
    return r ? std::nullopt : std::optional(r.error().kind);
  }

  asio::thread_pool pool_{1};
  testing::ManualClock clock_;
  KeyValuePtr store_;
  std::unique_ptr<metrics::Metrics> metrics_;
};

constexpr const char* kSample =
    R"({"submods":{"cpu0":{"ear.veraison.annotated-evidence":{"sample":{"svn":"1"}}}}})";
constexpr const char* kSnp =
    R"({"submods":{"cpu0":{"ear.veraison.annotated-evidence":{"snp":{"svn":"1"}}}}})";
constexpr const char* kSampleDevice =
    R"({"submods":{"cpu0":{"ear.veraison.annotated-evidence":{"snp":{}}},"gpu0":{"ear.veraison.annotated-evidence":{"sampledevice":{}}}}})";

TEST_F(ResourcePolicyTest, AFreshServerLetsNoSampleThrough) {
  auto policy = open();
  EXPECT_EQ(kind(ask(*policy, {"a", "b", "c"}, kSample)), ErrorKind::denied);
  EXPECT_EQ(kind(ask(*policy, {"a", "b", "c"}, kSampleDevice)), ErrorKind::denied);
  EXPECT_EQ(kind(ask(*policy, {"a", "b", "c"}, kSnp)), std::nullopt);
  EXPECT_EQ(kind(ask(*policy, {"a"}, kSnp, "provisioner")), ErrorKind::denied)
      << "the resource plugin alone";
}

TEST_F(ResourcePolicyTest, ANewPolicyCountsAtOnceAndABadOneNever) {
  auto policy = open();
  ASSERT_TRUE(testing::run(policy->set(std::string(policy::allow_all_resource_policy()))));
  EXPECT_EQ(kind(ask(*policy)), std::nullopt);
  auto refused = testing::run(policy->set("this is not rego"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_request);
  EXPECT_EQ(kind(ask(*policy)), std::nullopt) << "the old one stays";
  EXPECT_EQ(*testing::run(policy->text()), policy::allow_all_resource_policy());
}

TEST_F(ResourcePolicyTest, Outcomes) {
  struct Case {
    const char* policy;
    std::optional<ErrorKind> want;
    const char* why;
  };
  const Case cases[] = {
      {"package policy\nallow = true", std::nullopt, "true"},
      {"package policy\nallow = false", ErrorKind::denied, "false"},
      {"package policy\nallow if input.nothing == 1", ErrorKind::denied, "undefined"},
      {"package policy\nallow = \"yes\"", ErrorKind::denied, "no boolean"},
      {"package other\nallow = true", ErrorKind::denied, "another package"},
      {"package policy\nother = true", ErrorKind::denied, "no such rule"},
      {"package policy\nallow if no_such_function(1)", ErrorKind::internal, "an unknown function"},
      {"package policy\nallow if http.send({\"method\":\"GET\"})", ErrorKind::internal,
       "not in this engine"},
      {"package policy\nallow if data[\"resource-path\"] == [\"default\",\"key\",\"1\"]",
       std::nullopt, "the path"},
      {"package policy\nallow if data.query.q == \"a b\"", std::nullopt, "the query"},
      {"package policy\nallow if data.method == \"GET\"", std::nullopt, "the method"},
      {"package policy\nallow if data.plugin == \"sample\"", ErrorKind::denied, "another plugin"},
  };
  auto policy = open();
  for (const Case& c : cases) {
    ASSERT_TRUE(testing::run(policy->set(c.policy))) << c.why;
    EXPECT_EQ(kind(ask(*policy)), c.want) << c.why;
  }
}

TEST_F(ResourcePolicyTest, ATextChangedInTheStoreIsNoticedWithinASecond) {
  auto policy = open("package policy\nallow = true");
  EXPECT_EQ(kind(ask(*policy)), std::nullopt);
  ASSERT_TRUE(testing::run(store_->set("resource-policy.rego",
                                       Secret::from_text("package policy\nallow = false"), true)));
  clock_.advance(std::chrono::seconds{2});
  EXPECT_EQ(kind(ask(*policy)), ErrorKind::denied);
}

TEST_F(ResourcePolicyTest, AStoredPolicyThatIsBrokenRefusesEverybodyUntilReplaced) {
  ASSERT_TRUE(testing::run(store_->set("resource-policy.rego", Secret::from_text("broken"), true)));
  auto policy = open();
  EXPECT_EQ(kind(ask(*policy)), ErrorKind::internal);
  ASSERT_TRUE(testing::run(policy->set("package policy\nallow = true")));
  EXPECT_EQ(kind(ask(*policy)), std::nullopt);
}

TEST_F(ResourcePolicyTest, AnAdministratorsPolicySurvivesARestart) {
  {
    auto policy = open();
    ASSERT_TRUE(testing::run(policy->set("package policy\nallow = true")));
  }
  auto policy = open("package policy\nallow = false");
  EXPECT_EQ(kind(ask(*policy)), std::nullopt) << "initial texts are for empty stores";
  EXPECT_EQ(*testing::run(policy->list()), std::vector<std::string>{"resource-policy"});
}

TEST_F(ResourcePolicyTest, CountsWhatTheReferenceCounts) {
  auto policy = open("package policy\nallow = true");
  (void)ask(*policy);
  ASSERT_TRUE(testing::run(policy->set("package policy\nallow = false")));
  (void)ask(*policy);
  const std::string text = metrics_->expose();
  for (const char* line : {"kbs_policy_evaluations_total 2", "kbs_policy_approvals_total 1",
                           "kbs_policy_violations_total 1", "kbs_policy_errors_total 0"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace kbs
