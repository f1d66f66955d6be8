#include "server/instance.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include "kbs/http/testing/client.h"
#include "server/testing/mount_table.h"

namespace kbs::server {
namespace {

using http::testing::Client;
using http::testing::Reply;
using ::testing::HasSubstr;
using ::testing::Not;

class InstanceTest : public testing::MountTableTest {
 protected:
  void start(const std::string& text) {
    auto config = load(text);
    ASSERT_TRUE(config) << config.error().message;
    auto instance = Instance::start(*config);
    ASSERT_TRUE(instance) << describe(instance.error());
    instance_ = std::move(*instance);
  }
  Reply ask(const std::string& method, const std::string& target, const std::string& body = "") {
    Client client(instance_->addresses().front());
    return client.ask(method + " " + target + " HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  int post(const std::string& path, const std::string& value) {
    return ask("POST", "/kbs/v0/resource/" + path, value).status;
  }

  std::unique_ptr<Instance> instance_;
};

TEST_F(InstanceTest, OneServerServesAWholeTableOfMounts) {
  ASSERT_NO_FATAL_FAILURE(start(table()));
  EXPECT_EQ(post("default/key/1", "IN-PLAIN-SIGHT"), 200);
  EXPECT_EQ(post("sealed/key/1", "UNDER-THE-SEAL"), 200);
  EXPECT_EQ(post("json/key/1", "IN-ONE-FILE"), 200);
  EXPECT_EQ(post("json/scratch/1", "IN-MEMORY"), 200);
  EXPECT_EQ(get("plain/default/key/1"), "IN-PLAIN-SIGHT");
  EXPECT_THAT(everything_in("sealed"), Not(HasSubstr("UNDER-THE-SEAL")));

  const Reply refused = ask("POST", "/kbs/v0/resource/shelf/t/g", "x");
  EXPECT_EQ(refused.status, 405);
  EXPECT_THAT(refused.body, HasSubstr("shelf")) << "the mount is named";

  const Reply listed = ask("GET", "/kbs/v0/resource");
  EXPECT_EQ(listed.status, 200);
  for (const char* const path :
       {"default/key/1", "json/key/1", "json/scratch/1", "sealed/key/1", "shelf/t/g"}) {
    EXPECT_THAT(listed.body, HasSubstr(path));
  }
  EXPECT_THAT(ask("GET", "/metrics").body,
              HasSubstr(R"(kbs_mount_operations_total{mount="sealed",operation="write"} 1)"));
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
}

TEST_F(InstanceTest, TakesOverWhatOlderReleasesLeftInFiles) {
  std::filesystem::create_directories(path("policies"));
  put("policies/default_cpu.rego", "package policy\nimport rego.v1\ndefault executables := 33\n");
  put("values.json", R"([{"name":"svn","expiration":"2100-01-01T00:00:00Z","value":[7]}])");
  ASSERT_NO_FATAL_FAILURE(
      start(std::string(kServer) + kNoAudit +
            "[attestation_service]\ntype = \"CoCoASBuiltIn\"\n"
            "[attestation_service.attestation_token_broker]\ntype = \"Ear\"\npolicy_dir = \"" +
            path("policies") +
            "\"\n[attestation_service.rvps_config.storage]\ntype = \"LocalJson\"\nfile_path = \"" +
            path("values.json") + "\"\n"));
  const Reply value = ask("GET", "/kbs/v0/reference-value/svn");
  EXPECT_EQ(value.status, 200);
  EXPECT_EQ(value.body, "[7]");
}

TEST_F(InstanceTest, SaysWhyItDoesNotStart) {
  put("file", "");
  auto config = load(std::string(kServer) + kNoAudit +
                     mount("archive", "", "local_fs", directory("file/below")));
  ASSERT_TRUE(config);
  const auto instance = Instance::start(*config);
  ASSERT_FALSE(instance);
  EXPECT_THAT(instance.error().message, HasSubstr("mount \"archive\" (local_fs): "));
}

/// No file may grow while this lives.
class FullDisk {
 public:
  FullDisk() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(InstanceTest, CountsWhatWasReleasedUnrecorded) {
  ASSERT_NO_FATAL_FAILURE(start(std::string(kServer) +
                                "[audit]\nsink = \"file\"\non_failure = \"allow\"\npath = \"" +
                                path("audit.log") + "\"\n" + mount("scratch", "", "memory")));
  {
    const FullDisk full;
    EXPECT_EQ(post("a/b/c", "v"), 200) << "on_failure = \"allow\"";
  }
  const std::string metrics = ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("\nkbs_audit_failures_total "));
  EXPECT_THAT(metrics, Not(HasSubstr("\nkbs_audit_failures_total 0\n")));
}

}  // namespace
}  // namespace kbs::server
