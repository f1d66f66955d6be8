#include "kbs/config/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Load, MinimalFileHasTheDocumentedDefaults) {
  const Config c = loaded(kMinimal);
  EXPECT_THAT(c.http_server.sockets, ::testing::ElementsAre("127.0.0.1:8080"));
  EXPECT_EQ(c.http_server.payload_request_bytes, 2u << 20);
  EXPECT_EQ(c.http_server.tls_profile, "intermediate");
  EXPECT_FALSE(c.http_server.trustee_errors);
  EXPECT_EQ(c.attestation_service.type, AttestationService::Type::embedded);
  EXPECT_EQ(c.attestation_service.timeout_minutes, 5);
  EXPECT_EQ(c.attestation_service.broker.duration_min, 5);
  EXPECT_EQ(c.storage_backend.type, storage::KeyValueType::memory);
  EXPECT_TRUE(c.plugins.empty());
  EXPECT_EQ(c.audit.sink, Audit::Sink::standard_output);
  EXPECT_TRUE(c.audit.deny_on_failure);
  EXPECT_EQ(c.source, "test.toml");
}

TEST(Load, RefusesWithAMessageThatNamesThings) {
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {"", "missing configuration field \"http_server\"", "empty file"},
      {kServer + kToken, "missing configuration field \"admin\"", "the reference's words"},
      {"[http_server]\n" + kAdmin + kToken, "Missing certificate", "neither TLS nor clear HTTP"},
      {"[http_server]\ncertificate = \"c\"\n" + kAdmin + kToken, "Missing private key",
       "half of TLS"},
      {kServer + "sockets = \"0.0.0.0:8080\"\n" + kAdmin + kToken, "sockets: must be a list",
       "no list"},
      {kServer + "sockets = [\"localhost:8080\"]\n" + kAdmin + kToken, "IP address", "host name"},
      {kServer + "sockets = [\"[::1]\"]\n" + kAdmin + kToken, "IP address", "no port"},
      {kServer + "sockets = [\"1.2.3.4:70000\"]\n" + kAdmin + kToken, "IP address",
       "port out of range"},
      {kServer + "sockets = []\n" + kAdmin + kToken, "at least one", "nowhere to listen"},
      {kServer + "worker_count = 0\n" + kAdmin + kToken,
       "worker_count: must be a whole number from 1", "nobody to answer"},
      {kServer + "payload_request_size = 0\n" + kAdmin + kToken, "payload_request_size",
       "no body at all"},
      {kServer + "payload_request_size = \"2 parsecs\"\n" + kAdmin + kToken, "payload_request_size",
       "unit"},
      {kServer + "tls_profile = \"Modern\"\n" + kAdmin + kToken, "did you mean \"modern\"",
       "letter case"},
      {kServer + "tls_min_version = \"1.1\"\n" + kAdmin + kToken, "tls_min_version", "too old"},
      {kServer + "tls_min_version = \"1.3\"\ntls_max_version = \"1.2\"\n" + kAdmin + kToken,
       "tls_min_version (1.3) is above tls_max_version (1.2)", "empty range, both named"},
      {kServer + "tls_profile = \"modern\"\ntls_max_version = \"1.2\"\n" + kAdmin + kToken,
       "above tls_max_version (1.2)", "empty range by profile"},
      {kServer + "error_mode = \"kind\"\n" + kAdmin + kToken, "\"precise\", \"trustee\"",
       "our own enum"},
      {"[http_server]\ninsecure_http = \"perhaps\"\n" + kAdmin + kToken, "true or false",
       "no truth in it"},
      {kServer + kAdmin, "[attestation_token] names nobody", "no section, no trust"},
      {kServer + kAdmin + "[attestation_token]\n", "trusted_certs_paths", "the remedy is named"},
      {kServer + kAdmin + "[attestation_token]\ninsecure_key = false\n", "names nobody",
       "nor by the old name"},
      {kServer + kAdmin + "[attestation_token]\ntrusted_jwk_sets = [\"http://a/jwks\"]\n",
       "http:// is refused", "keys over clear HTTP"},
      {kServer + kAdmin + "[attestation_token]\ntrusted_jwk_sets = [\"https://a/jwks\"]\n",
       "not in this build yet", "keys over HTTPS come later"},
      {kMinimal + "extra_teekey_paths = [\"x\"]\n", "JSON pointer", "no pointer"},
      {kMinimal + "trusted_jwk_sets = [3, [4]]\n", "trusted_jwk_sets: every item",
       "a list in a list"},
      {kMinimal + "[attestation_service]\ntimeout = 5\n", "missing configuration field \"type\"",
       "no type"},
      {kMinimal + "[attestation_service]\ntype = \"None\"\ntimeout = 0\n", "timeout",
       "every session would be over at once"},
      {kMinimal + "[attestation_service]\ntype = \"coco_as_builtin\"\n[attestation_service."
                  "attestation_token_broker.signer]\n",
       "missing configuration field \"key_path\"", "signer without key"},
      {kMinimal + "[audit]\nsink = \"file\"\n", "needs path", "file without name"},
      {kMinimal + "[audit]\nsink = \"stdout\"\npath = \"/a\"\n", "sink = \"file\" only",
       "two meanings"},
      {"plugins = 3\n" + kMinimal, "plugins: must be a list of tables", "no list"},
      {"admin = 3\n" + kServer + kToken, "[admin] must be a section", "no table"},
      {kServer + kAdmin + "[attestation_token]\ntrusted_certs_paths = [\"/a\\u0000b\"]\n",
       "zero byte", "a path would end there"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string message = refused(c.text);
    EXPECT_THAT(message, HasSubstr(c.say));
    EXPECT_THAT(message, HasSubstr("failed to load configuration file test.toml:"));
  }
}

TEST(Load, TellsAllProblemsAtOnceWithTheirLines) {
  const std::string message = refused("[http_server]\nsokets = []\nworker_count = -1\n[admin]\n");
  EXPECT_THAT(message,
              HasSubstr("line 2: [http_server] unknown key \"sokets\"; did you mean \"sockets\"?"));
  EXPECT_THAT(message, HasSubstr("line 3: [http_server] worker_count"));
  EXPECT_THAT(message, HasSubstr("missing configuration field \"authorization_mode\""));
  EXPECT_THAT(message, HasSubstr("Missing certificate"));
}

TEST(Load, AnUnknownKeyComesBeforeWhatIsMissingForIt) {
  const std::string message = refused("[http_server]\ninsecure_htp = true\n" + kAdmin + kToken);
  EXPECT_LT(message.find("did you mean \"insecure_http\"?"), message.find("Missing certificate"));
}

TEST(Load, AnUnknownKeyNamesTheNearestKnownOne) {
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {kServer + "bogus = 1\n" + kAdmin + kToken, "[http_server] unknown key \"bogus\"",
       "nothing is near"},
      {kServer + "Sockets = []\n" + kAdmin + kToken, "did you mean \"sockets\"?", "letter case"},
      {kServer + "tls_min_versoin = \"1.2\"\n" + kAdmin + kToken,
       "did you mean \"tls_min_version\"?", "two letters"},
      {kMinimal + "[storage_backend]\n[storage_backend.backends.local_fs]\ndirpath = \"/a\"\n",
       "[storage_backend.backends.local_fs] unknown key \"dirpath\"; did you mean \"dir_path\"?",
       "the reference would use the default directory"},
      {kMinimal + "[storage_backnd]\n", "did you mean \"storage_backend\"?", "a section"},
      {kMinimal + "session_storage_type = \"Memory\"\n", "belongs at the top of the file",
       "TOML puts a key below a header into that section"},
      {"insecure_header_jwk = true\n" + kMinimal, "belongs in [attestation_token]",
       "wrong section"},
      {kMinimal + "[[plugins]]\nname = \"sample\"\nitem = \"x\"\nitme = \"y\"\n",
       "[[plugins]] \"sample\" unknown key \"itme\"; did you mean \"item\"?", "in a plugin"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(refused(c.text), HasSubstr(c.say));
  }
}

TEST(Load, UnknownKeysCanBeWarningsButNeverBelowAdmin) {
  const std::string relaxed = "unknown_keys = \"warn\"\n";
  const Config c = loaded(relaxed + kServer + "bogus = 1\n" + kAdmin + kToken);
  EXPECT_THAT(warnings(c), HasSubstr("unknown key \"bogus\" (ignored)"));
  EXPECT_THAT(refused(relaxed + kServer + kAdmin + "bogus = 1\n" + kToken),
              HasSubstr("[admin] unknown key \"bogus\""));
}

TEST(Load, ScalarsAreConvertedAlikeEverywhere) {
  const Config c = loaded(
      "[http_server]\ninsecure_http = \"Yes\"\nworker_count = \"4\"\npayload_request_size = \"3\"\n"
      "tls_profile = \"custom\"\ntls_min_version = 1.2\n" +
      kAdmin +
      "[attestation_token]\ninsecure_header_jwk = 1\n"
      "[attestation_service]\ntype = \"CoCoASBuiltIn\"\ntimeout = \"7\"\n"
      "[attestation_service.attestation_token_broker]\nverbose_token = \"off\"\nduration_min = "
      "10.0\n"
      "[[plugins]]\nname = \"sample\"\nitem = 42\n");
  EXPECT_TRUE(c.http_server.insecure_http);
  EXPECT_EQ(c.http_server.worker_count, 4u);
  EXPECT_EQ(c.http_server.payload_request_bytes, 3u << 20);
  EXPECT_EQ(c.http_server.tls_min_version, "1.2");
  EXPECT_TRUE(c.attestation_token.insecure_header_jwk);
  EXPECT_EQ(c.attestation_service.timeout_minutes, 7);
  EXPECT_FALSE(c.attestation_service.broker.verbose_token);
  EXPECT_EQ(c.attestation_service.broker.duration_min, 10);
  EXPECT_EQ(std::get<SamplePlugin>(c.plugins.at(0)).item, "42");
}

TEST(Load, SizesHaveUnits) {
  struct Case {
    const char* value;
    std::uint64_t bytes;
    const char* why;
  };
  const Case cases[] = {{"8", 8u << 20, "a bare number is MiB, as ever"},
                        {"\"8MiB\"", 8u << 20, "said outright"},
                        {"\"64KiB\"", 64u << 10, "smaller"},
                        {"\"1GiB\"", 1u << 30, "larger"},
                        {"\"1000B\"", 1000, "bytes"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(loaded(kServer + "payload_request_size = " + c.value + "\n" + kAdmin + kToken)
                  .http_server.payload_request_bytes,
              c.bytes);
  }
}

TEST(Load, OurOwnKeysAreRead) {
  const Config c =
      loaded("log_level = \"debug\"\n" + kServer + "error_mode = \"trustee\"\n" + kAdmin + kToken +
             "[attestation_service]\ntype = \"None\"\nchallenge_key_file = \"/k\"\n"
             "[audit]\nsink = \"file\"\npath = \"/var/log/a\"\nsync = \"write\"\n"
             "on_failure = \"allow\"\n");
  EXPECT_EQ(c.log_level, "debug");
  EXPECT_TRUE(c.http_server.trustee_errors);
  EXPECT_EQ(c.attestation_service.type, AttestationService::Type::none);
  EXPECT_EQ(c.attestation_service.challenge_key_file, "/k");
  EXPECT_EQ(c.audit.sink, Audit::Sink::file);
  EXPECT_EQ(c.audit.path, "/var/log/a");
  EXPECT_TRUE(c.audit.sync_every_write);
  EXPECT_FALSE(c.audit.deny_on_failure);
}

TEST(Load, EverybodyAsAdministratorOnAPublicAddressIsWarnedAboutLoudly) {
  const std::string all = "[admin]\nauthorization_mode = \"InsecureAllowAll\"\n";
  const char* const loud = "controls every secret";
  EXPECT_THAT(warnings(loaded(kServer + "sockets = [\"0.0.0.0:8080\"]\n" + all + kToken)),
              HasSubstr(loud));
  EXPECT_THAT(warnings(loaded(kServer + "sockets = [\"[::]:8080\"]\n" + all + kToken)),
              HasSubstr(loud));
  EXPECT_THAT(
      warnings(loaded(kServer + "sockets = [\"127.0.0.2:1\", \"[::1]:1\"]\n" + all + kToken)),
      Not(HasSubstr(loud)));
}

TEST(Load, ThePreciseListOfProblemsIsBounded) {
  std::string text = kMinimal;
  for (int i = 0; i < 500; ++i) text += "zzzz" + std::to_string(i) + " = 1\n";
  const std::string message = refused(text);
  EXPECT_THAT(message, HasSubstr("and 470 more"));
  EXPECT_LT(message.size(), 10000u);
}

// --- files ---

class LoadFile : public ::testing::Test {
 protected:
  LoadFile() {
    std::string pattern = ::testing::TempDir() + "kbs_config_XXXXXX";
    dir_ = mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  static std::string message(const std::string& path) {
    auto config = load_file(path);
    return config ? "accepted" : config.error().message;
  }
  std::string dir_;
};

TEST_F(LoadFile, TheExtensionTellsTheFormat) {
  EXPECT_EQ(load_file(write("a.toml", kMinimal))->source, dir_ + "/a.toml");
  EXPECT_TRUE(load_file(write("b.yaml",
                              "http_server: {insecure_http: true}\nadmin: {type: DenyAll}\n"
                              "attestation_token: {trusted_certs_paths: [/ca]}\n")));
  EXPECT_TRUE(
      load_file(write("c.json", R"({"http_server":{"insecure_http":true},"admin":{"type":"DenyAll"},
                                            "attestation_token":{"trusted_certs_paths":["/ca"]}})")));
  EXPECT_THAT(message(write("d.conf", kMinimal)), HasSubstr(".toml, .yaml, .yml or .json"));
}

TEST_F(LoadFile, AnExtensionMayBeLeftOut) {
  write("kbs-config.toml", kMinimal);
  EXPECT_EQ(load_file(dir_ + "/kbs-config")->source, dir_ + "/kbs-config.toml");
  EXPECT_THAT(message(dir_ + "/none"), HasSubstr(dir_ + "/none"));
}

TEST_F(LoadFile, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(message(dir_ + "/absent.toml"), HasSubstr(dir_ + "/absent.toml"));
  const std::string directory = dir_ + "/directory.toml";
  ASSERT_EQ(mkdir(directory.c_str(), 0700), 0);
  EXPECT_THAT(message(directory), HasSubstr(directory));
  const std::string fifo = dir_ + "/fifo.toml";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(message(fifo), HasSubstr(fifo)) << "and it must not hang";
  EXPECT_THAT(message(write("big.toml", std::string((1u << 20) + 1, '#'))), HasSubstr("big.toml"));
  if (geteuid() != 0) {
    const std::string secret = write("secret.toml", kMinimal);
    ASSERT_EQ(chmod(secret.c_str(), 0), 0);
    EXPECT_THAT(message(secret), HasSubstr(secret));
  }
}

}  // namespace
}  // namespace kbs::config::testing
