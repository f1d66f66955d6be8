/// Keys that came and went: spec/config.md §9.1 from v0.11 on, row by row.

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kService = "[attestation_service]\ntype = \"CoCoASBuiltIn\"\n";

TEST(Dialects, FormsBeforeV011AreRefusedWithTheirNewPlace) {
  struct Case {
    const char* text;
    const char* say;
  };
  const Case cases[] = {
      {"sockets = [\"0.0.0.0:8080\"]\n", "[http_server] sockets"},
      {"insecure_http = true\n", "[http_server] insecure_http"},
      {"private_key = \"/k\"\n", "[http_server] private_key"},
      {"certificate = \"/c\"\n", "[http_server] certificate"},
      {"auth_public_key = \"/k\"\n", "[admin] auth_public_key"},
      {"insecure_api = true\n", "[admin] insecure_api"},
      {"timeout = 5\n", "[attestation_service] timeout"},
      {"[attestation_token_config]\n", "[attestation_token]"},
      {"[as_config]\nwork_dir = \"/\"\n", "[attestation_service]"},
      {"[grpc_config]\nas_addr = \"http://a\"\n", "CoCoASGrpc"},
      {"[intel_trust_authority_config]\n", "IntelTA"},
      {"[policy_engine_config]\npolicy_path = \"/p\"\n", "[policy_engine]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const std::string message = refused(c.text);
    EXPECT_THAT(message, HasSubstr("before v0.11"));
    EXPECT_THAT(message, HasSubstr(c.say));
    EXPECT_THAT(message, Not(HasSubstr("missing configuration field"))) << "that would mislead";
  }
}

TEST(Dialects, DeadKeysAreAcceptedAndTheWarningSaysWhatHappensInstead) {
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const std::string broker = kService + "[attestation_service.attestation_token_broker]\n";
  const std::string rvps = kService + "[attestation_service.rvps_config]\n";
  const Case cases[] = {
      {kService + "work_dir = \"/opt/as\"\n", "\"work_dir\" has no effect", "v0.11 to v0.18"},
      {kService + "policy_engine = \"opa\"\n", "\"policy_engine\" has no effect", "v0.11 to v0.18"},
      {broker + "type = \"Ear\"\n", "tokens are always EAR", "v0.11 to v0.18"},
      {broker + "type = \"Simple\"\n", "tokens are always EAR", "v0.11 to v0.18"},
      {rvps + "store_type = \"LocalFs\"\n", "reference values live in [storage_backend]",
       "long gone"},
      {rvps + "remote_addr = \"\"\n", "", "an empty one means built in"},
      {rvps + "storage = { type = \"LocalFs\", file_path = \"/d\" }\n",
       "register the reference values again", "an embedded database"},
      {rvps + "extractors = { swid_extractor = {} }\n", "sample extractor only", "v0.15"},
      {kService + "verifier_config = { snp_verifier = { vcek_sources = [{ type = \"OfflineStore\" "
                  "}, { type = "
                  "\"KDS\" }] } }\n",
       "sample evidence only", "verifiers come later"},
      {kService + "verifier_config = { tpm_verifier = { trusted_ak_keys_dir = \"/k\", "
                  "max_trusted_ak_keys = 3 } "
                  "}\n",
       "sample evidence only", "documented keys"},
      {"[storage_backend]\n[storage_backend.backends.postgres]\ntable = \"t\"\n",
       "\"table\" has no effect", "crate notes"},
      {"[policy_engine]\npolicy_path = \"/opa/confidential-containers/kbs/policy.rego\"\n",
       "/opt/ was meant", "a slip that shipped in samples"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(warnings(loaded(kMinimal + c.text)), HasSubstr(c.say));
  }
  EXPECT_THAT(warnings(loaded(kServer + kAdmin + kToken + "attestation_token_type = \"CoCo\"\n")),
              HasSubstr("\"attestation_token_type\" has no effect"));
}

TEST(Dialects, RenamedKeysKeepTheirMeaning) {
  const Config token = loaded(kServer + kAdmin + "[attestation_token]\ninsecure_key = true\n");
  EXPECT_TRUE(token.attestation_token.insecure_header_jwk);
  EXPECT_THAT(warnings(token), HasSubstr("read as insecure_header_jwk"));

  const Config both = loaded(kMinimal + "insecure_key = true\ninsecure_header_jwk = false\n");
  EXPECT_FALSE(both.attestation_token.insecure_header_jwk)
      << "the safe one of two that contradict each other";

  const Config minutes = loaded(kMinimal + kService +
                                "[attestation_service.attestation_token_config]\n"
                                "duration_min = 17\n");
  EXPECT_EQ(minutes.attestation_service.broker.duration_min, 17);
  EXPECT_THAT(warnings(minutes), HasSubstr("attestation_token_broker"));
}

TEST(Dialects, OldFilesAreStillFound) {
  const Config c = loaded(
      kMinimal + "[policy_engine]\npolicy_path = \"/p.rego\"\n" + kService +
      "[attestation_service.attestation_token_broker]\ntype = \"Ear\"\npolicy_dir = \"/pd\"\n"
      "[attestation_service.rvps_config]\nstorage = { type = \"LocalJson\", file_path = "
      "\"/rv.json\" }\n");
  EXPECT_EQ(c.policy_path, "/p.rego");
  EXPECT_EQ(c.attestation_service.policy_dir, "/pd");
  EXPECT_EQ(c.attestation_service.reference_file, "/rv.json");
  EXPECT_EQ(loaded(kMinimal + "[policy_engine]\n").policy_path,
            "/opt/confidential-containers/kbs/policy.rego");
  EXPECT_EQ(loaded(kMinimal).policy_path, "");
}

TEST(Dialects, RemoteServicesAreRecognisedCheckedAndRefused) {
  struct Case {
    const char* text;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {"type = \"coco_as_grpc\"\nas_addr = \"http://as:50004\"\npool_size = 200\n",
       "not in this build yet", "gRPC"},
      {"type = \"CoCoASGrpc\"\nas_adr = \"http://as:50004\"\n", "did you mean \"as_addr\"",
       "its keys are checked"},
      {"type = \"intel_ta\"\nbase_url = \"u\"\napi_key = \"SECRETVALUE\"\ncerts_file = \"c\"\n",
       "not in this build yet", "Intel"},
      {"type = \"IntelTA\"\nbase_url = \"u\"\ncerts_file = \"c\"\n", "\"api_key\"",
       "a key is missing"},
      {"type = \"CoCoASBuiltIn\"\nrvps_config = { type = \"GrpcRemote\", address = \"http://r\" "
       "}\n",
       "not in this build yet", "remote reference values"},
      {"type = \"CoCoASBuiltIn\"\nrvps_config = { remote_addr = \"http://r\" }\n",
       "not in this build yet", "by the old name"},
      {"type = \"CoCoASBuiltin\"\n", "did you mean \"CoCoASBuiltIn\"", "letter case"},
      {"type = \"CoCoASBuiltIn\"\nas_addr = \"http://as\"\n", "unknown key \"as_addr\"",
       "another type's key"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string message = refused(kMinimal + "[attestation_service]\n" + c.text);
    EXPECT_THAT(message, HasSubstr(c.say));
    EXPECT_THAT(message, Not(HasSubstr("SECRETVALUE")));
  }
}

TEST(Dialects, TheEmbeddedServiceIsReadInFull) {
  const Config c = loaded(
      kMinimal + kService +
      "timeout = 30\n"
      "[attestation_service.attestation_token_broker]\nduration_min = 9\nissuer_name = \"i\"\n"
      "developer_name = \"d\"\nbuild_name = \"b\"\nprofile_name = \"p\"\n"
      "verbose_token = false\n"
      "[attestation_service.attestation_token_broker.signer]\nkey_path = \"/k\"\n"
      "cert_path = \"/c\"\ncert_url = \"https://c\"\n");
  const AttestationService& as = c.attestation_service;
  EXPECT_EQ(as.timeout_minutes, 30);
  EXPECT_EQ(as.broker.duration_min, 9);
  EXPECT_EQ(as.broker.issuer_name, "i");
  EXPECT_EQ(as.broker.developer_name, "d");
  EXPECT_EQ(as.broker.build_name, "b");
  EXPECT_EQ(as.broker.profile_name, "p");
  EXPECT_FALSE(as.broker.verbose_token);
  ASSERT_TRUE(as.broker.signer);
  EXPECT_EQ(as.broker.signer->key_path, "/k");
  EXPECT_EQ(as.broker.signer->cert_path, "/c");
  EXPECT_EQ(as.broker.signer->cert_url, "https://c");
}

TEST(Dialects, DevIsClosedToTheOutside) {
  const Config dev = dev_config();
  EXPECT_THAT(dev.http_server.sockets, ::testing::ElementsAre("127.0.0.1:8080"));
  EXPECT_TRUE(dev.http_server.insecure_http);
  EXPECT_TRUE(dev.attestation_token.own_service_suffices);
  EXPECT_FALSE(dev.attestation_token.insecure_header_jwk);
  EXPECT_EQ(dev.admin.mode, Admin::Mode::allow_all);
  EXPECT_EQ(dev.plugins.size(), 2u);
  ASSERT_EQ(dev.mounts.size(), 1u);
  EXPECT_EQ(dev.mounts[0].options.backend, "memory");
  EXPECT_EQ(dev.storage_backend.type, storage::KeyValueType::memory);
  EXPECT_FALSE(dev.warnings.empty()) << "it says so loudly";
  EXPECT_FALSE(loaded(kMinimal).attestation_token.own_service_suffices)
      << "a file must name its trust";
}

}  // namespace
}  // namespace kbs::config::testing
