#include "attestation/embedded/rvps.h"

#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"

namespace kbs::attestation::embedded {
namespace {

class RvpsTest : public ::testing::Test {
 protected:
  RvpsTest() {
    storage::Services services{system_files(), clock_, pool_};
    store_ = *storage::open_key_value({}, "reference_value", services);
    rvps_.emplace(store_, clock_);
  }
  ~RvpsTest() override { pool_.join(); }

  Result<> send(std::string message) {
    return testing::run(rvps_->register_message(std::move(message)));
  }
  static std::string sample(std::string_view values, std::string_view more = "") {
    return R"({"type":"sample","payload":")" + base64(as_bytes(values)) + '"' + std::string(more) +
           "}";
  }
  std::optional<std::string> value(std::string id) {
    auto found = testing::run(rvps_->query(std::move(id)));
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }

  asio::thread_pool pool_{1};
  testing::ManualClock clock_;
  storage::KeyValuePtr store_;
  std::optional<Rvps> rvps_;
};

TEST_F(RvpsTest, KeepsAnyValueUnderItsName) {
  ASSERT_TRUE(send(sample(R"({"list":["abcde"],"number":1,"flag":true,"a/b:c":{"x":null}})")));
  EXPECT_EQ(value("list"), R"(["abcde"])");
  EXPECT_EQ(value("number"), "1");
  EXPECT_EQ(value("flag"), "true");
  EXPECT_EQ(value("a/b:c"), R"({"x":null})");
  EXPECT_EQ(value("unknown"), std::nullopt);
  ASSERT_TRUE(send(sample(R"({"number":2})")));
  EXPECT_EQ(value("number"), "2") << "the last one counts";
}

TEST_F(RvpsTest, ExpiresAfterTwelveMonths) {
  ASSERT_TRUE(send(sample(R"({"svn":["1"]})")));
  clock_.advance(std::chrono::hours{24 * 365} - std::chrono::seconds{1});
  EXPECT_EQ(value("svn"), R"(["1"])");
  clock_.advance(std::chrono::seconds{2});
  EXPECT_EQ(value("svn"), std::nullopt);
}

TEST_F(RvpsTest, ReadsTheReferencesRecords) {
  const auto put = [&](const char* id, std::string_view record) {
    ASSERT_TRUE(testing::run(store_->set(id, Secret::from_text(record), true)));
  };
  put("svn",
      R"({"version":"0.1.0","name":"svn","expiration":"2027-08-21T00:00:00Z","value":["1"]})");
  put("bare", R"({"name":"bare","expiration":"2027-08-21T00:00:00Z","value":5})");
  put("old", R"({"version":"0.1.0","name":"old","expiration":"2020-02-29T00:00:00Z","value":1})");
  EXPECT_EQ(value("svn"), R"(["1"])");
  EXPECT_EQ(value("bare"), "5");
  EXPECT_EQ(value("old"), std::nullopt);
  for (const char* record :
       {"", "{}", "[]", R"({"value":1})", R"({"expiration":"tomorrow","value":1})",
        R"({"expiration":"2027-13-21T00:00:00Z","value":1})"}) {
    put("damaged", record);
    EXPECT_FALSE(testing::run(rvps_->query("damaged"))) << record;
  }
}

TEST_F(RvpsTest, RefusesWholeMessagesOrNone) {
  struct Case {
    std::string message;
    const char* why;
  };
  const Case cases[] = {
      {"", "nothing"},
      {"{}", "no members"},
      {R"({"type":"sample"})", "no payload"},
      {R"({"payload":"e30="})", "no type"},
      {R"({"type":"nosuch","payload":"e30="})", "an unknown type"},
      {R"({"type":"swid","payload":"e30="})", "not in this build"},
      {R"({"type":"sample","payload":"e30"})", "base64 without its padding"},
      {R"({"type":"sample","payload":"%%%"})", "no base64"},
      {sample("[]"), "no object inside"},
      {sample("not json"), "no JSON inside"},
      {sample(R"({"":1})"), "a value without a name"},
      {sample("{}", R"(,"version":"0.2.0")"), "another version"},
      {sample("{}", R"(,"version":1)"), "a version that is no string"},
  };
  for (const Case& c : cases) {
    auto sent = send(c.message);
    ASSERT_FALSE(sent) << c.why;
    EXPECT_EQ(sent.error().kind, ErrorKind::invalid_request) << c.why;
  }
  EXPECT_TRUE(send(sample("{}", R"(,"version":"0.1.0")")));
  EXPECT_TRUE(testing::run(store_->list())->empty()) << "nothing was stored";
}

}  // namespace
}  // namespace kbs::attestation::embedded
