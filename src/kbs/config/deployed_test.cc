/// What runs in the field today (spec/config.md §9.2): each file means what its author believes.

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Mode = Admin::Mode;
using storage::KeyValueType;

/// A remote attestation service comes later; `kbs config check` explains such a file already.
Config understood(const std::string& text, const std::string& missing) {
  auto config = understand_text(text, "toml", "kbs-config.toml");
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return {};
  }
  std::string all;
  for (const std::string& what : config->missing_from_build) all += what + "\n";
  EXPECT_THAT(all, HasSubstr(missing));
  EXPECT_THAT(refused(text), HasSubstr("not in this build yet: "));
  return std::move(*config);
}

const std::string kUserKeys = "/opt/confidential-containers/kbs/user-keys";

TEST(Deployed, DockerComposeToday) {
  const Config c = understood(R"(
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ issuer = "TrusteeInDocker", audience = "KBS", public_key_uri = "/opt/confidential-containers/kbs/user-keys/public.pub" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+$" }]
[attestation_token]
trusted_certs_paths = ["/opt/confidential-containers/kbs/user-keys/ca-cert.pem"]
[attestation_service]
type = "coco_as_grpc"
as_addr = "http://as:50004"
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/kbs"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)",
                              "CoCoASGrpc");
  EXPECT_THAT(c.http_server.sockets, ElementsAre("0.0.0.0:8080"));
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  EXPECT_EQ(c.admin.providers.at(0).public_key_uri, kUserKeys + "/public.pub");
  EXPECT_THAT(c.attestation_token.trusted_certs_paths, ElementsAre(kUserKeys + "/ca-cert.pem"));
  EXPECT_EQ(c.attestation_service.type, AttestationService::Type::coco_as_grpc);
  EXPECT_EQ(c.storage_backend.local_fs_dir, "/opt/confidential-containers/kbs");
  EXPECT_EQ(mount(c)->options.backend, "local_fs");
  EXPECT_EQ(setting(mount(c), "layout"), "flat") << "one may go back to the reference";
  EXPECT_THAT(explain(c), HasSubstr("/opt/confidential-containers/kbs/repository"));
}

std::string docker_compose_before(const std::string& admin, const std::string& trust) {
  return R"(
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true
[admin]
)" + admin +
         "[attestation_token]\n" + trust + R"(
[attestation_service]
type = "coco_as_grpc"
as_addr = "http://as:50004"
[policy_engine]
policy_path = "/opa/confidential-containers/kbs/policy.rego"
[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "/opt/confidential-containers/kbs/repository"
)";
}

TEST(Deployed, DockerComposeV012ToV015) {
  const Config c =
      understood(docker_compose_before("auth_public_key = \"" + kUserKeys + "/public.pub\"\n",
                                       "insecure_key = true\n"),
                 "CoCoASGrpc");
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  EXPECT_EQ(c.admin.providers.at(0).fixed_role, "admin");
  EXPECT_TRUE(c.admin.acls_grant_all);
  EXPECT_TRUE(c.attestation_token.insecure_header_jwk);
  EXPECT_EQ(mount(c)->options.backend, "local_fs");
  EXPECT_EQ(setting(mount(c), "directory"), kDefaultRepositoryDir);
  EXPECT_EQ(setting(mount(c), "layout"), "tree");
  EXPECT_EQ(c.dialect, "[admin] of v0.11 to v0.15, resource plugin of v0.11 to v0.18");
}

TEST(Deployed, DockerComposeV016ToV018) {
  const Config c =
      understood(docker_compose_before(
                     "type = \"Simple\"\n[[admin.personas]]\nid = \"admin\"\npublic_key_path = \"" +
                         kUserKeys + "/public.pub\"\n",
                     "trusted_certs_paths = [\"" + kUserKeys + "/ca-cert.pem\"]\n"),
                 "CoCoASGrpc");
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  EXPECT_EQ(c.admin.providers.at(0).fixed_role, "admin");
  EXPECT_FALSE(c.attestation_token.insecure_header_jwk);
  EXPECT_EQ(mount(c)->options.backend, "local_fs");
}

TEST(Deployed, SampleFileToday) {
  const Config c = loaded(R"(
[http_server]
insecure_http = true
[admin]
authorization_mode = "InsecureAllowAll"
[attestation_token]
insecure_header_jwk = true
[attestation_service]
type = "coco_as_builtin"
[attestation_service.attestation_token_broker]
duration_min = 5
[attestation_service.rvps_config]
type = "BuiltIn"
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/storage"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)");
  EXPECT_EQ(c.admin.mode, Mode::allow_all);
  EXPECT_TRUE(c.attestation_token.insecure_header_jwk);
  EXPECT_EQ(c.attestation_service.type, AttestationService::Type::embedded);
  EXPECT_EQ(c.storage_backend.type, KeyValueType::local_fs);
  EXPECT_EQ(c.storage_backend.local_fs_dir, "/opt/confidential-containers/storage");
}

TEST(Deployed, KustomizeBaseToday) {
  const Config c = loaded(R"(
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ public_key_uri = "/kbs/kbs.pem" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+$" }]
[attestation_token]
insecure_header_jwk = true
[attestation_service]
type = "coco_as_builtin"
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/kbs"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)");
  EXPECT_EQ(c.admin.mode, Mode::authenticated);
  EXPECT_EQ(c.admin.providers.at(0).issuer, std::nullopt);
  EXPECT_EQ(c.admin.providers.at(0).public_key_uri, "/kbs/kbs.pem");
  EXPECT_EQ(c.storage_backend.local_fs_dir, "/opt/confidential-containers/kbs");
}

TEST(Deployed, HelmToday) {
  const Config c = understood(R"(
session_storage_type = "Memory"
[http_server]
sockets = ["0.0.0.0:8080"]
private_key = "/etc/kbs/tls/tls.key"
certificate = "/etc/kbs/tls/tls.crt"
insecure_http = false
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ issuer = "TrusteeInHelm", public_key_uri = "/opt/confidential-containers/kbs/user-keys/public.pub" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+$" }]
[attestation_token]
trusted_certs_paths = ["/opt/confidential-containers/kbs/user-keys/token-cert-chain.pem"]
[attestation_service]
type = "coco_as_grpc"
as_addr = "http://as:50004"
pool_size = 200
timeout = 30
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/kbs/repository"
[storage_backend.backends.local_json]
file_dir_path = "/opt/confidential-containers/trustee/local-json"
[storage_backend.backends.postgres]
[storage_backend.backends.redis]
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)",
                              "CoCoASGrpc");
  EXPECT_FALSE(c.http_server.insecure_http);
  EXPECT_EQ(c.http_server.private_key, "/etc/kbs/tls/tls.key");
  EXPECT_EQ(c.http_server.certificate, "/etc/kbs/tls/tls.crt");
  EXPECT_EQ(c.attestation_service.timeout_minutes, 30);
  EXPECT_EQ(c.session_storage, KeyValueType::memory);
  EXPECT_EQ(c.storage_backend.local_fs_dir, "/opt/confidential-containers/kbs/repository");
  EXPECT_EQ(c.storage_backend.local_json_dir, "/opt/confidential-containers/trustee/local-json");
}

std::string operator_today(const std::string& http, const std::string& trust,
                           const std::string& broker) {
  return "[http_server]\nsockets = [\"0.0.0.0:8080\"]\n" + http + R"(worker_count = 4
[admin]
authorization_mode = "DenyAll"
[attestation_token]
)" + trust +
         R"(attestation_token_type = "CoCo"
[attestation_service]
type = "coco_as_builtin"
[attestation_service.attestation_token_config]
duration_min = 5
)" + broker +
         R"([attestation_service.rvps_config]
type = "BuiltIn"
storage_type = "LocalJson"
[attestation_service.verifier_config.snp_verifier]
vcek_sources = [{ type = "OfflineStore" }, { type = "KDS" }]
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/storage"
[storage_backend.backends.local_json]
dir_path = "/opt/confidential-containers/storage/local_json"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)";
}

TEST(Deployed, OperatorPermissiveToday) {
  const Config c =
      loaded(operator_today("insecure_http = true\n", "insecure_header_jwk = true\n", ""));
  EXPECT_EQ(c.http_server.worker_count, 4u);
  EXPECT_EQ(c.admin.mode, Mode::deny_all);
  EXPECT_EQ(c.attestation_service.reference_storage, KeyValueType::local_json);
  EXPECT_EQ(c.storage_backend.local_json_dir, "/opt/confidential-containers/storage/local_json");
  EXPECT_EQ(mount(c)->options.backend, "local_fs");
}

TEST(Deployed, OperatorRestrictedToday) {
  const Config c =
      loaded(operator_today("insecure_http = false\nprivate_key = \"/etc/https-key/privateKey\"\n"
                            "certificate = \"/etc/https-cert/certificate\"\ntls_profile = "
                            "\"custom\"\ntls_min_version = \"1.3\"\n",
                            "trusted_certs_paths = [\"/etc/attestation-cert/token.crt\"]\n",
                            "[attestation_service.attestation_token_broker.signer]\nkey_path = "
                            "\"/etc/attestation-key/token.key\"\n"));
  EXPECT_EQ(c.http_server.private_key, "/etc/https-key/privateKey");
  EXPECT_EQ(c.http_server.tls_min_version, "1.3");
  ASSERT_TRUE(c.attestation_service.broker.signer);
  EXPECT_EQ(c.attestation_service.broker.signer->key_path, "/etc/attestation-key/token.key");
  EXPECT_THAT(c.attestation_token.trusted_certs_paths,
              ElementsAre("/etc/attestation-cert/token.crt"));
}

/// Of v0.17 and v0.18; its sample ConfigMap has the same keys to this day, and a current reference
/// refuses it.
TEST(Deployed, OperatorV017AndV018) {
  const Config c = loaded(R"(
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true
[admin]
type = "DenyAll"
insecure_api = true
auth_public_key = "/etc/auth-secret/publicKey"
[attestation_token]
insecure_key = true
attestation_token_type = "CoCo"
[attestation_service]
type = "coco_as_builtin"
work_dir = "/opt/confidential-containers/attestation-service"
policy_engine = "opa"
[attestation_service.attestation_token_broker]
type = "Ear"
policy_dir = "/opt/confidential-containers/attestation-service/policies"
[attestation_service.attestation_token_config]
duration_min = 5
[attestation_service.rvps_config]
type = "BuiltIn"
[attestation_service.rvps_config.storage]
type = "LocalJson"
file_path = "/opt/confidential-containers/rvps/reference-values/reference-values.json"
[policy_engine]
policy_path = "/opt/confidential-containers/opa/policy.rego"
[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "/opt/confidential-containers/kbs/repository"
)");
  EXPECT_EQ(c.admin.mode, Mode::deny_all) << "insecure_api beside type never opened the door";
  EXPECT_TRUE(c.attestation_token.insecure_header_jwk);
  EXPECT_EQ(c.policy_path, "/opt/confidential-containers/opa/policy.rego");
  EXPECT_EQ(c.attestation_service.policy_dir,
            "/opt/confidential-containers/attestation-service/policies");
  EXPECT_EQ(c.attestation_service.reference_file,
            "/opt/confidential-containers/rvps/reference-values/reference-values.json");
  EXPECT_EQ(mount(c)->options.backend, "local_fs");
  EXPECT_EQ(setting(mount(c), "layout"), "tree");
  EXPECT_THAT(warnings(c), HasSubstr("[admin] \"insecure_api\" has no effect"));
}

TEST(Explain, TellsWhatWasUnderstoodInOneAlignedText) {
  const Config c =
      loaded(operator_today("insecure_http = true\n", "insecure_header_jwk = true\n", ""));
  const std::string text = explain(c);
  for (const char* const line :
       {"listens               http://0.0.0.0:8080\n", "administrators        nobody\n",
        "mount default         all that no other mount takes, in local_fs, each call within 30s\n",
        "                      directory = /opt/confidential-containers/storage/repository, then "
        "/opt/confidential-containers/kbs/repository\n",
        "                      layout = flat\n",
        "                      up to 10 earlier versions of each resource, if local_fs has "
        "history\n",
        "attestation policies  files in /opt/confidential-containers/storage\n",
        "reference values      JSON files in /opt/confidential-containers/storage/local_json\n",
        "audit                 standard output, synced in batches; no record, no secret\n",
        "                      ANY KEY in the token's own header (insecure)\n",
        "warnings              "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace kbs::config::testing
