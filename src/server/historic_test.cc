#include "server/historic.h"

#include <gmock/gmock.h>

#include "attestation/embedded/policies.h"
#include "attestation/embedded/rvps.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/run.h"
#include "base/testing/manual_clock.h"
#include "base/testing/temp_dir.h"

namespace kbs::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPolicy = "package policy\nimport rego.v1\ndefault executables := 33\n";

class HistoricTest : public kbs::testing::TempDirTest {
 protected:
  HistoricTest() {
    set_log_sink_for_testing(&log_);
    storage::KeyValueConfig memory;
    store_ = *storage::open_key_value(memory, "test", {system_files(), clock_, pool_});
  }
  ~HistoricTest() override {
    set_log_sink_for_testing(nullptr);
    pool_.join();
  }
  std::string stored(const std::string& key) {
    auto value = run_to_end(store_->get(key));
    return value && *value ? std::string((*value)->expose_text()) : "(nothing)";
  }
  std::vector<std::string> keys() { return *run_to_end(store_->list()); }
  std::string value_file(std::string_view text) {
    put("values.json", text);
    return path("values.json");
  }

  kbs::testing::ManualClock clock_;
  asio::thread_pool pool_{1};
  std::string log_;
  storage::KeyValuePtr store_;
};

TEST_F(HistoricTest, PoliciesOfTheDirectoryAreLoadedOnce) {
  put("default_cpu.rego", kPolicy);
  put("mine.rego", std::string(kPolicy) + "# mine\n");
  put("README", "no policy");
  put(".hidden.rego", "no policy either");
  ASSERT_TRUE(load_attestation_policies(dir_, *store_));
  EXPECT_THAT(keys(), ElementsAre("default_cpu.rego", "mine.rego"));
  EXPECT_EQ(stored("default_cpu.rego"), kPolicy);
  EXPECT_THAT(log_, HasSubstr("loaded an attestation policy"));
  EXPECT_THAT(log_, HasSubstr(path("mine.rego")));

  attestation::embedded::Policies policies(store_);
  ASSERT_TRUE(run_to_end(policies.install_stock()));
  EXPECT_EQ(stored("default_cpu.rego"), kPolicy) << "the stock one does not replace it";
  ASSERT_TRUE(run_to_end(policies.set("mine", kPolicy)));
  ASSERT_TRUE(load_attestation_policies(dir_, *store_));
  EXPECT_EQ(stored("mine.rego"), kPolicy) << "what was set since counts";
  EXPECT_THAT(log_, HasSubstr("has no effect: one of that id is stored"));
}

TEST_F(HistoricTest, ADirectoryThatIsNotThereIsNoMatter) {
  EXPECT_TRUE(load_attestation_policies(path("absent"), *store_));
  EXPECT_TRUE(load_attestation_policies("", *store_));
  EXPECT_TRUE(load_reference_values(path("absent.json"), *store_));
  EXPECT_TRUE(load_reference_values("", *store_));
  EXPECT_THAT(keys(), ElementsAre());
}

TEST_F(HistoricTest, APolicyThatDoesNotCompileStopsTheStart) {
  put("broken.rego", "package policy\nexecutables := \n");
  const auto loaded = load_attestation_policies(dir_, *store_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr(path("broken.rego")));
  EXPECT_THAT(loaded.error().message, HasSubstr("correct the policy or remove the file"));
  EXPECT_THAT(keys(), ElementsAre());
}

TEST_F(HistoricTest, ADirectoryThatCannotBeListedStopsTheStart) {
  put("file", "");
  const auto loaded = load_attestation_policies(path("file"), *store_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("policy_dir"));
}

TEST_F(HistoricTest, APolicyUnderTheOldDefaultNameIsPointedOut) {
  put("default.rego", kPolicy);
  ASSERT_TRUE(load_attestation_policies(dir_, *store_));
  EXPECT_THAT(log_, HasSubstr("name the file default_cpu.rego"));
}

TEST_F(HistoricTest, ReferenceValuesInEveryFormAreServed) {
  const std::string record =
      R"({"version":"0.1.0","name":"svn","expiration":"2100-01-01T00:00:00Z","value":["1",2]})";
  struct Case {
    std::string file;
    std::string want;
    const char* why;
  };
  const Case cases[] = {
      {R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z","value":["1",2]}])", R"(["1",2])",
       "up to v0.18"},
      {R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z","value":7,"version":"0.1.0"}])", "7",
       "any value"},
      {R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z",)"
       R"("hash-value":[{"alg":"sha256","value":"ab"},{"alg":"sha384","value":"cd"}]}])",
       R"(["ab","cd"])", "the oldest: digests"},
      {R"({"svn":")" + base64url(as_bytes(record)) + R"("})", R"(["1",2])", "LocalJson of today"},
      {"[]", "(nothing)", "as an installation begins"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    (void)run_to_end(store_->remove("svn"));
    const auto loaded = load_reference_values(value_file(c.file), *store_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    attestation::embedded::Rvps rvps(store_, clock_);
    const auto value = run_to_end(rvps.query("svn"));
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(value->value_or("(nothing)"), c.want);
  }
}

TEST_F(HistoricTest, AStoredReferenceValueStays) {
  const std::string two = R"([{"name":"a","expiration":"2100-01-01T00:00:00Z","value":1},)"
                          R"({"name":"b","expiration":"2100-01-01T00:00:00Z","value":1}])";
  ASSERT_TRUE(run_to_end(store_->set("a", Secret::from_text("mine"))));
  ASSERT_TRUE(load_reference_values(value_file(two), *store_));
  EXPECT_EQ(stored("a"), "mine");
  EXPECT_NE(stored("b"), "(nothing)");
  EXPECT_THAT(log_, HasSubstr("\"loaded\":\"1\""));
  EXPECT_THAT(log_, HasSubstr("\"stored_already\":\"1\""));
}

TEST_F(HistoricTest, BadReferenceValuesStopTheStart) {
  struct Case {
    const char* file;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {"[", "correct the file", "no JSON"},
      {"7", "must hold a JSON list", "another kind of value"},
      {R"([{"expiration":"2100-01-01T00:00:00Z","value":1}])", "needs a \"name\"", "nameless"},
      {R"([{"name":"svn","value":1}])", "\"svn\" needs \"expiration\"", "without end"},
      {R"([{"name":"svn","expiration":"2100-01-01","value":1}])", "\"svn\" needs \"expiration\"",
       "half a time"},
      {R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z"}])", "\"svn\" needs \"value\"",
       "empty"},
      {R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z","hash-value":[{"alg":"x"}]}])",
       "every \"hash-value\"", "a digest without value"},
      {R"({"svn":"!!!"})", "\"svn\" is no base64", "not LocalJson"},
      {R"({"svn":7})", "\"svn\" is no base64", "not LocalJson"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto loaded = load_reference_values(value_file(c.file), *store_);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr(path("values.json")));
    EXPECT_THAT(loaded.error().message, HasSubstr(c.say));
    EXPECT_THAT(keys(), ElementsAre()) << "all or nothing";
  }
}

TEST_F(HistoricTest, ANameTheStoreCannotKeepIsToldWithTheRemedy) {
  const storage::KeyValueConfig files{storage::KeyValueType::local_fs, path("kv")};
  auto store = storage::open_key_value(files, "reference_value", {system_files(), clock_, pool_});
  ASSERT_TRUE(store);
  const auto loaded = load_reference_values(
      value_file(R"([{"name":"rvps:///a:1","expiration":"2100-01-01T00:00:00Z","value":1}])"),
      **store);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("rvps:///a:1"));
  EXPECT_THAT(loaded.error().message, HasSubstr("LocalJson"));
}

}  // namespace
}  // namespace kbs::server
