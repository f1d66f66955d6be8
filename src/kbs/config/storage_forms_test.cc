/// Where resources and the key-value layer live, in every spelling.

#include <cstdlib>

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using storage::KeyValueType;
using ::testing::HasSubstr;

const std::string kLocalFs =
    "[storage_backend]\nstorage_type = \"LocalFs\"\n[storage_backend.backends.local_fs]\ndir_path "
    "= \"/data\"\n";
const std::string kPlugin = "[[plugins]]\nname = \"resource\"\n";

/// What the v0.19 form makes of `dir_path = "/data"`.
const std::string kDataRoots = std::string("/data/repository, then ") + kDefaultRepositoryDir;

TEST(ResourceForms, EachMeansOneDefaultMountAndOneLayout) {
  const std::string both = kLocalFs + kPlugin;
  const std::string json =
      "[storage_backend]\nstorage_type = \"LocalJson\"\nbackends.local_json = { file_dir_path = "
      "\"/j\" }\n";
  struct Case {
    std::string text;
    const char* backend;
    std::string where;
    const char* layout;
    const char* why;
  };
  const Case cases[] = {
      {kPlugin, "local_fs", kDefaultRepositoryDir, "tree", "alone: the documented tree"},
      {both, "local_fs", kDataRoots, "flat", "alone with [storage_backend]"},
      {kPlugin + "dir_path = \"/r\"\n", "local_fs", "/r", "tree", "a directory is enough"},
      {kPlugin + "type = \"LocalFs\"\ndir_path = \"/r\"\n", "local_fs", "/r", "tree",
       "v0.11 to v0.18"},
      {kPlugin + "type = \"LocalFs\"\n", "local_fs", kDefaultRepositoryDir, "tree",
       "v0.11, no directory"},
      {kPlugin + "type = \"LocalFs\"\ndir_path = \"\"\n", "local_fs", kDefaultRepositoryDir, "tree",
       "v0.11, the empty one"},
      {both + "type = \"LocalFs\"\ndir_path = \"/r\"\n", "local_fs", "/r", "tree",
       "a tree beside a key-value store"},
      {both + "type = \"kvstorage\"\n", "local_fs", kDataRoots, "flat", "v0.19"},
      {both + "storage_backend_type = \"kvstorage\"\n", "local_fs", kDataRoots, "flat", "v0.20"},
      {both + "storage_backend_type = \"KvStorage\"\n", "local_fs", kDataRoots, "flat",
       "v0.20, the other spelling"},
      {both + "storage_backend_type = \"kvstorage\"\nlayout = \"tree\"\n", "local_fs", kDataRoots,
       "tree", "layout said outright"},
      {kPlugin + "type = \"LocalFs\"\nlayout = \"flat\"\n", "local_fs", kDefaultRepositoryDir,
       "flat", "layout said outright"},
      {"[[plugins]]\nname = \"ResourceStorage\"\n", "local_fs", kDefaultRepositoryDir, "tree",
       "the other name of the plugin"},
      {kPlugin + "storage_backend_type = \"kvstorage\"\n", "memory", "", "",
       "no [storage_backend]"},
      {json + kPlugin, "local_json", "/j/repository", "", "one JSON file"},
      {"[repository_config]\ntype = \"LocalFs\"\ndir_path = \"/r\"\n", "local_fs", "/r", "tree",
       "before v0.11"},
      {"[repository_config]\ntype = \"LocalFs\"\n", "local_fs", kDefaultRepositoryDir, "tree",
       "before v0.11, no directory"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Config config = loaded(kMinimal + c.text);
    ASSERT_EQ(config.mounts.size(), 1u);
    ASSERT_EQ(config.plugins.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<ResourcePlugin>(config.plugins[0]));
    const MountConfig* const mount = testing::mount(config);
    ASSERT_NE(mount, nullptr);
    EXPECT_EQ(mount->options.prefix, "");
    EXPECT_EQ(mount->options.backend, c.backend);
    EXPECT_EQ(setting(mount, mount->options.backend == "local_json" ? "file" : "directory"),
              c.where);
    EXPECT_EQ(setting(mount, "layout"), c.layout);
    EXPECT_EQ(mount->options.traits.versions, mount->options.backend == "local_json" ? 0u : 10u);
    EXPECT_FALSE(mount->options.read_only);
    EXPECT_FALSE(mount->options.cache);
    EXPECT_FALSE(mount->options.encryption);
    EXPECT_TRUE(mount->make != nullptr);
  }
}

/// Design decision 8: every documented recipe works again, and nothing else below `dir_path` is a
/// resource.
TEST(ResourceForms, TheKeyValueFormLooksWhereRecipesPutThings) {
  struct Case {
    std::string dir;
    std::string roots;
    const char* why;
  };
  const std::string root = kDefaultRepositoryDir;
  const Case cases[] = {
      {"/opt/confidential-containers/storage",
       "/opt/confidential-containers/storage/repository, then " + root, "the operator's"},
      {"/opt/confidential-containers/kbs", root, "compose: the default root is its own"},
      {root, root + "/repository, then " + root, "Helm: dir_path is the tree itself"},
      {"/x/repository/", "/x/repository/repository, then /x/repository, then " + root,
       "a slash at the end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Config config =
        loaded(kMinimal +
               "[storage_backend]\nstorage_type = \"LocalFs\"\nbackends.local_fs = { dir_path "
               "= \"" +
               c.dir + "\" }\n" + kPlugin);
    EXPECT_EQ(setting(mount(config), "directory"), c.roots);
  }
}

TEST(ResourceForms, TheEnvironmentMovesTheDefaultDirectoryOnly) {
  setenv("KBS_REPOSITORY_DIR", "/elsewhere", 1);
  const Config alone = loaded(kMinimal + kPlugin);
  const Config kv = loaded(kMinimal + kLocalFs + kPlugin);
  const Config named = loaded(kMinimal + kPlugin + "type = \"LocalFs\"\ndir_path = \"/r\"\n");
  unsetenv("KBS_REPOSITORY_DIR");
  EXPECT_EQ(setting(mount(alone), "directory"), "/elsewhere");
  EXPECT_EQ(setting(mount(kv), "directory"), "/data/repository, then /elsewhere");
  EXPECT_EQ(setting(mount(named), "directory"), "/r");
}

TEST(ResourceForms, MemoryIsWarnedAbout) {
  EXPECT_THAT(warnings(loaded(kMinimal + kPlugin + "storage_backend_type = \"kvstorage\"\n")),
              HasSubstr("keeps its resources in memory"));
}

TEST(StorageForms, Types) {
  struct Case {
    const char* text;
    KeyValueType type;
    const char* why;
  };
  const Case cases[] = {
      {"", KeyValueType::memory, "no section"},
      {"[storage_backend]\n", KeyValueType::memory, "an empty one"},
      {"[storage_backend]\nstorage_type = \"memory\"\n", KeyValueType::memory, "lower case"},
      {"[storage_backend]\nstorage_type = \"local_fs\"\nbackends.local_fs = {}\n",
       KeyValueType::local_fs, "lower"},
      {"[storage_backend]\nstorage_type = \"LocalJson\"\nbackends.local_json = {}\n",
       KeyValueType::local_json, "JSON files"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(loaded(kMinimal + c.text).storage_backend.type, c.type);
  }
}

TEST(StorageForms, DirectoriesAndTheirOldNames) {
  const StorageBackend defaults = loaded(kMinimal).storage_backend;
  EXPECT_EQ(defaults.local_fs_dir, "/opt/confidential-containers/storage/local_fs");
  EXPECT_EQ(defaults.local_json_dir, "/opt/confidential-containers/storage/local_json");
  EXPECT_FALSE(defaults.present);
  EXPECT_EQ(loaded(kMinimal + kLocalFs).storage_backend.local_fs_dir, "/data");

  const std::string json =
      "[storage_backend]\nstorage_type = \"LocalJson\"\n[storage_backend.backends.local_json]\n";
  for (const char* const key : {"dir_path", "file_path"}) {
    const Config c = loaded(kMinimal + json + key + " = \"/j\"\n");
    EXPECT_EQ(c.storage_backend.local_json_dir, "/j") << key;
    EXPECT_THAT(warnings(c), HasSubstr("is read as file_dir_path")) << key;
  }
  const Config both = loaded(kMinimal + json + "file_dir_path = \"/a\"\ndir_path = \"/b\"\n");
  EXPECT_EQ(both.storage_backend.local_json_dir, "/a");
  EXPECT_THAT(warnings(both), HasSubstr("\"dir_path\" has no effect"));
}

TEST(StorageForms, EachUserOfTheLayerMayChooseItsOwn) {
  const Config c =
      loaded("session_storage_type = \"Memory\"\n" + kMinimal + kLocalFs +
             "[storage_backend.backends.local_json]\n"
             "[attestation_service]\ntype = \"CoCoASBuiltIn\"\nstorage_type = \"Memory\"\n"
             "rvps_config = { type = \"BuiltIn\", storage_type = \"LocalJson\" }\n");
  EXPECT_EQ(c.session_storage, KeyValueType::memory);
  EXPECT_EQ(c.attestation_service.policy_storage, KeyValueType::memory);
  EXPECT_EQ(c.attestation_service.reference_storage, KeyValueType::local_json);
}

TEST(StorageForms, SessionsInFilesAreKeptInMemoryWithAWarning) {
  const char* const say = "sessions are kept in memory";
  EXPECT_THAT(warnings(loaded(kMinimal + kLocalFs)), HasSubstr(say)) << "inherited";
  EXPECT_THAT(warnings(loaded("session_storage_type = \"LocalFs\"\n" + kMinimal +
                              "[storage_backend.backends.local_fs]\n")),
              HasSubstr(say))
      << "said outright";
  EXPECT_THAT(warnings(loaded("session_storage_type = \"Memory\"\n" + kMinimal + kLocalFs)),
              ::testing::Not(HasSubstr(say)));
}

TEST(StorageForms, Refused) {
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {"[storage_backend]\nstorage_type = \"LocalFs\"\n", "LocalFs configuration is required",
       "config §12, 7"},
      {"[storage_backend]\nstorage_type = \"localfs\"\n", "did you mean", "config §12, 8"},
      {"[storage_backend]\nstorage_type = \"Redis\"\n[storage_backend.backends.redis]\nurl = "
       "\"redis://h\"\n",
       "not in this build yet", "later"},
      {"[storage_backend]\nstorage_type = \"Postgres\"\n[storage_backend.backends.postgres]\nport "
       "= \"x\"\n",
       "port", "its keys are checked all the same"},
      {"[storage_backend]\n[storage_backend.backends.local_fs]\ndir_path = \"\"\n",
       "must name a directory", "the working directory is nobody's wish"},
      {kPlugin + "type = \"localfs\"\n", "did you mean", "letter case"},
      {kPlugin + "type = \"kvstorage\"\nstorage_backend_type = \"kvstorage\"\n", "only one",
       "both names"},
      {kPlugin + kPlugin, "appears twice", "the reference drops the first in silence"},
      {kPlugin + "[repository_config]\ntype = \"LocalFs\"\n", "write only one", "two ages in one"},
      {"[repository_config]\ntype = \"LocalFs\"\ndirpath = \"/r\"\n", "did you mean \"dir_path\"",
       "its keys are checked"},
      {kLocalFs + kPlugin + "dir_path = \"/r\"\n", "unknown key \"dir_path\"",
       "kvstorage has its own directory"},
      {"[[plugins]]\nname = \"resorce\"\n", "did you mean \"resource\"", "a slip"},
      {"[[plugins]]\ntype = \"LocalFs\"\n", "missing configuration field \"name\"", "nameless"},
      {"[[plugins]]\nname = \"sample\"\n", "missing configuration field \"item\"",
       "as the reference"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(refused(kMinimal + c.text), HasSubstr(c.say));
  }
}

TEST(LaterBuilds, AreRecognisedCheckedAndRefusedKindly) {
  struct Case {
    std::string good;
    const char* bad;
    const char* why;
  };
  const Case cases[] = {
      {kPlugin + "storage_backend_type = \"Aliyun\"\nclient_key = \"SECRETVALUE\"\nkms_instance_id "
                 "= \"i\"\n"
                 "password_file = \"/p\"\ncert_pem_env = \"E\"\n",
       "pasword = \"SECRETVALUE\"\n", "Aliyun"},
      {kPlugin + "storage_backend_type = \"aws\"\nregion = \"eu\"\n", "regoin = \"eu\"\n", "AWS"},
      {kPlugin + "storage_backend_type = \"Gcp\"\nproject_id = \"p\"\n", "project = 3\n", "Google"},
      {kPlugin + "type = \"vault\"\nvault_url = \"https://v\"\ntoken = \"SECRETVALUE\"\nverify_ssl "
                 "= true\n",
       "tokn = \"SECRETVALUE\"\n", "Vault"},
      {kPlugin + "type = \"Pkcs11\"\nmodule = \"/m.so\"\npin = \"SECRETVALUE\"\nslot_index = 1\n",
       "slot = 1\n", "PKCS#11 as a backend"},
      {"[[plugins]]\nname = \"pkcs11\"\nmodule = \"/m.so\"\npin = \"SECRETVALUE\"\nlookup_label = "
       "\"l\"\n",
       "lable = \"l\"\n", "PKCS#11 as a plugin"},
      {"[[plugins]]\nname = \"nebula-ca\"\nself_signed_ca = { name = \"ca\" }\n",
       "wrk_dir = \"/\"\n", "Nebula"},
      {"[[plugins]]\nname = \"external\"\nbackends = [{ name = \"a\", endpoint = \"http://h:1\" "
       "}]\n",
       "backnds = 1\n", "external"},
      {"[[plugins]]\nname = \"provisioner\"\nkey_length = 32\n", "key_len = 32\n", "provisioner"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string kindly = refused(kMinimal + c.good);
    EXPECT_THAT(kindly, HasSubstr("not in this build yet"));
    EXPECT_THAT(kindly, HasSubstr("LocalFs")) << "and what works instead";
    const std::string typo = refused(kMinimal + c.good + c.bad);
    EXPECT_THAT(typo, HasSubstr("unknown key"));
    EXPECT_THAT(kindly + typo, ::testing::Not(HasSubstr("SECRETVALUE")))
        << "no secret in a message";
    auto understood = understand_text(kMinimal + c.good, "toml", "t.toml");
    ASSERT_TRUE(understood) << "`kbs config check` explains it";
    EXPECT_THAT(explain(*understood), HasSubstr("not in this build yet"));
    EXPECT_THAT(explain(*understood), ::testing::Not(HasSubstr("SECRETVALUE")));
  }
}

TEST(LaterBuilds, TheirOwnRulesHoldAlready) {
  struct Case {
    const char* text;
    const char* say;
    const char* why;
  };
  const Case cases[] = {
      {"[[plugins]]\nname = \"external\"\n", "at least one", "no backend"},
      {"[[plugins]]\nname = \"external\"\nbackends = [{ name = \"a\", endpoint = \"h:1\" }]\n",
       "http://", "scheme"},
      {"[[plugins]]\nname = \"external\"\nbackends = [{ name = \"a\", endpoint = \"https://h:1\" "
       "}]\n",
       "ca_cert_path", "TLS without an anchor"},
      {"[[plugins]]\nname = \"external\"\nbackends = [{ name = \"a\", endpoint = \"http://h\", "
       "tls_mode = "
       "\"tls\" }]\n",
       "tls_mode", "contradiction"},
      {"[[plugins]]\nname = \"external\"\nbackends = [{ name = \"a\", endpoint = \"http://h\" }, { "
       "name = \"a\", "
       "endpoint = \"http://h\" }]\n",
       "used twice", "two of a name"},
      {"[[plugins]]\nname = \"resource\"\ntype = \"Vault\"\nvault_url = \"v\"\n", "\"token\"",
       "Vault needs a token"},
      {"[[plugins]]\nname = \"resource\"\ntype = \"Vault\"\nvault_url = \"v\"\ntoken = "
       "\"a\"\ntoken_file = "
       "\"b\"\n",
       "one of token", "one source for a secret"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(refused(kMinimal + c.text), HasSubstr(c.say));
  }
}

}  // namespace
}  // namespace kbs::config::testing
