/// `[[mounts]]`: what each key means, and what is refused.

#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = storage::SecretSource::Kind;
using namespace std::chrono_literals;

const std::string kMount = "[[mounts]]\nbackend = \"memory\"\n";
const std::string kPlugin = "[[plugins]]\nname = \"resource\"\n";

std::vector<std::string> names(const Config& config) {
  std::vector<std::string> out;
  out.reserve(config.mounts.size());
  for (const MountConfig& mount : config.mounts) out.push_back(mount.options.name);
  return out;
}

/// The same table in each syntax.
const std::pair<const char*, std::string> kEverything[] = {{"toml", kMinimal + R"(
[[mounts]]
name = "vault"
repository = "team/keys"
backend = "memory"
read_only = true
guest_versions = true
keep_deleted = true
versions = 3
timeout = "5s"
max_size = "64MiB"
[mounts.cache]
ttl = "1m"
negative_ttl = "250ms"
stale_on_error = 3600
max_size = "2MiB"
[mounts.encryption]
key_file = "/kek"
previous_key_files = ["/old1", "/old2"]
previous_passphrase_env = "OLD"
accept_plaintext = true
manifest = false
)"},
                                                           {"yaml", R"(
http_server: { insecure_http: true }
admin: { authorization_mode: DenyAll }
attestation_token: { trusted_certs_paths: [/ca.pem] }
mounts:
  - name: vault
    repository: team/keys
    backend: memory
    read_only: true
    guest_versions: true
    keep_deleted: true
    versions: 3
    timeout: 5s
    max_size: 64MiB
    cache: { ttl: 1m, negative_ttl: 250ms, stale_on_error: 3600, max_size: 2MiB }
    encryption:
      key_file: /kek
      previous_key_files: [/old1, /old2]
      previous_passphrase_env: OLD
      accept_plaintext: true
      manifest: false
)"},
                                                           {"json", R"({
"http_server": {"insecure_http": true},
"admin": {"authorization_mode": "DenyAll"},
"attestation_token": {"trusted_certs_paths": ["/ca.pem"]},
"mounts": [{"name": "vault", "repository": "team/keys", "backend": "memory", "read_only": true,
  "guest_versions": true, "keep_deleted": true, "versions": 3, "timeout": "5s", "max_size": "64MiB",
  "cache": {"ttl": "1m", "negative_ttl": "250ms", "stale_on_error": 3600, "max_size": "2MiB"},
  "encryption": {"key_file": "/kek", "previous_key_files": ["/old1", "/old2"],
    "previous_passphrase_env": "OLD", "accept_plaintext": true, "manifest": false}}]})"}};

TEST(Mounts, EveryKeyInEverySyntax) {
  for (const auto& [format, text] : kEverything) {
    SCOPED_TRACE(format);
    const Config config = loaded(text, format);
    ASSERT_EQ(config.mounts.size(), 1u);
    const storage::MountOptions& options = config.mounts[0].options;
    EXPECT_EQ(options.name, "vault");
    EXPECT_EQ(options.prefix, "team/keys");
    EXPECT_EQ(options.backend, "memory");
    EXPECT_TRUE(options.read_only);
    EXPECT_TRUE(options.guest_versions);
    EXPECT_TRUE(options.keep_deleted);
    EXPECT_EQ(options.traits.mount, "vault");
    EXPECT_EQ(options.traits.versions, 3u);
    EXPECT_EQ(options.timeout, 5s);
    EXPECT_EQ(setting(mount(config, "vault"), "max_size"), "64MiB");
    ASSERT_TRUE(options.cache);
    EXPECT_EQ(options.cache->ttl, 1min);
    EXPECT_EQ(options.cache->negative_ttl, 250ms);
    EXPECT_EQ(options.cache->stale_on_error, 1h);
    EXPECT_EQ(options.cache->max_bytes, 2u << 20);
    ASSERT_TRUE(options.encryption);
    EXPECT_EQ(options.encryption->key.key_file, "/kek");
    EXPECT_FALSE(options.encryption->key.passphrase);
    ASSERT_EQ(options.encryption->previous.size(), 3u);
    EXPECT_EQ(options.encryption->previous[1].key_file, "/old2");
    ASSERT_TRUE(options.encryption->previous[2].passphrase);
    EXPECT_EQ(options.encryption->previous[2].passphrase->kind, Kind::environment);
    EXPECT_EQ(options.encryption->previous[2].passphrase->name, "OLD");
    EXPECT_TRUE(options.encryption->accept_plaintext);
    EXPECT_FALSE(options.encryption->manifest);
    EXPECT_TRUE(config.mounts[0].make != nullptr);
  }
}

TEST(Mounts, DefaultsAreCautious) {
  const Config config = loaded(kMinimal + kMount + "[mounts.encryption]\nkey_file = \"/k\"\n");
  const storage::MountOptions& options = config.mounts.at(0).options;
  EXPECT_EQ(options.prefix, "") << "a mount without prefix takes everything";
  EXPECT_EQ(options.traits.versions, 10u);
  EXPECT_EQ(options.timeout, 30s);
  EXPECT_FALSE(options.read_only);
  EXPECT_FALSE(options.guest_versions) << "a rotated secret must not be fetched again";
  EXPECT_FALSE(options.keep_deleted);
  EXPECT_FALSE(options.cache);
  ASSERT_TRUE(options.encryption);
  EXPECT_FALSE(options.encryption->accept_plaintext);
  EXPECT_TRUE(options.encryption->manifest);
  EXPECT_EQ(config.plugins.size(), 1u) << "mounts imply the resource plugin";
  EXPECT_TRUE(std::holds_alternative<ResourcePlugin>(config.plugins.at(0)));
  EXPECT_TRUE(loaded(kMinimal + kMount + "[mounts.cache]\n").mounts.at(0).options.cache)
      << "an empty section turns it on";
}

TEST(Mounts, APassphraseComesFromThreePlaces) {
  struct Case {
    const char* key;
    const char* value;
    Kind kind;
  };
  const Case cases[] = {{"passphrase", "SECRETVALUE", Kind::text},
                        {"passphrase_file", "/p", Kind::file},
                        {"passphrase_env", "P", Kind::environment}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.key);
    const Config config =
        loaded(kMinimal + kMount + "[mounts.encryption]\n" + c.key + " = \"" + c.value + "\"\n");
    const auto& passphrase = config.mounts.at(0).options.encryption->key.passphrase;
    ASSERT_TRUE(passphrase);
    EXPECT_EQ(passphrase->kind, c.kind);
    if (c.kind == Kind::text) {
      EXPECT_EQ(passphrase->text->expose_text(), c.value);
    } else {
      EXPECT_EQ(passphrase->name, c.value);
    }
    EXPECT_THAT(explain(config), AllOf(HasSubstr("passphrase"), Not(HasSubstr("SECRETVALUE"))));
  }
}

TEST(Mounts, HaveNamesWithoutSayingSo) {
  const std::string a = kMount + "repository = \"a\"\n", b = kMount + "repository = \"b/t\"\n";
  struct Case {
    std::string text;
    std::vector<std::string> want;
    const char* why;
  };
  const Case cases[] = {
      {a, {"memory"}, "the backend"},
      {a + b, {"a", "b-t"}, "the prefix, where several have that backend"},
      {kMount + b, {"default", "b-t"}, "the default mount has no prefix"},
      {a + kMount + "name = \"memory\"\n", {"a", "memory"}, "another has taken the backend's name"},
      {a + kMount + "name = \"x\"\n", {"memory", "x"}, "a mount with a name does not count"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(names(loaded(kMinimal + c.text)), c.want);
  }
}

TEST(Mounts, BesideAHistoricalPluginItsBackendIsTheDefault) {
  const std::string a = kMount + "repository = \"a\"\n";
  const Config both = loaded(kMinimal + kPlugin + "type = \"LocalFs\"\ndir_path = \"/r\"\n" + a);
  EXPECT_THAT(names(both), ElementsAre("default", "memory"));
  EXPECT_EQ(mount(both)->options.backend, "local_fs");
  EXPECT_EQ(setting(mount(both), "directory"), "/r");
  EXPECT_EQ(both.plugins.size(), 1u);
  EXPECT_THAT(names(loaded(kMinimal + kPlugin + a)), ElementsAre("default", "memory"))
      << "the plugin alone means the documented tree";
  EXPECT_THAT(names(loaded(kMinimal + kPlugin + kMount)), ElementsAre("memory"))
      << "the plugin alone beside a default mount only says that resources are served";
  EXPECT_THAT(names(loaded(kMinimal + "[[plugins]]\nname = \"sample\"\nitem = \"i\"\n")),
              ElementsAre())
      << "no resources, no mount";
}

TEST(Mounts, Refused) {
  const std::string encryption = kMount + "[mounts.encryption]\n";
  struct Case {
    std::string text;
    std::vector<const char*> say;
    const char* why;
  };
  const Case cases[] = {
      {"[[mounts]]\nname = \"a\"\n", {"[[mounts]]", "missing configuration field \"backend\""}, ""},
      {"[[mounts]]\nbackend = \"local_sf\"\n",
       {"line 8", "did you mean \"local_fs\"", "\"local_json\"", "\"memory\""},
       "the known ones are named"},
      {"[[mounts]]\nbackend = \"LocalFs\"\n", {"did you mean \"local_fs\""}, "the old spelling"},
      {"[[mounts]]\nbackend = \"s3\"\nbuckt = \"b\"\n",
       {"[[mounts]] backend: it must be one of"},
       "unknown"},
      {kMount + "name = \"a\"\n" + kMount + "name = \"a\"\nrepository = \"r\"\n",
       {"line 12: [[mounts]] \"a\" name: ", "another mount (line 7)", "each needs its own"},
       "duplicate name"},
      {kMount + "name = \"a\"\nrepository = \"r\"\n" + kMount +
           "name = \"b\"\nrepository = \"r\"\n",
       {"[[mounts]] \"b\" repository: \"r\" belongs to mount \"a\" (line 7)"},
       "duplicate prefix"},
      {kMount + "name = \"a\"\n" + kMount + "name = \"b\"\n",
       {"\"\" belongs to mount \"a\""},
       "two default mounts"},
      {kMount + "repository = \"a/b/c\"\n", {"line 9", "\"repository/type\""}, "too deep a prefix"},
      {kMount + "repository = \"a/\"\n", {"\"repository/type\""}, "half a prefix"},
      {kMount + "repository = \"..\"\n", {"\"repository/type\""}, "climbing"},
      {kMount + "repository = \"_kbs/t\"\n", {"keeps its own records"}, "taken"},
      {kMount + "repository = \"a*\"\n", {"\"repository/type\""}, "no patterns"},
      {kMount + "name = \"../x\"\n", {"name: must be"}, "names go into commands"},
      {kMount + "name = \"\"\n", {"name: must be"}, "an empty name is none"},
      {kMount + "versions = -1\n", {"versions", "from 0 to"}, ""},
      {kMount + "timeout = \"0s\"\n", {"timeout", "from 10ms to 10m"}, "every call has a deadline"},
      {kMount + "timeout = \"5 minutes\"\n", {"timeout", "such as"}, "unit"},
      {kMount + "versions = 0\nkeep_deleted = true\n", {"keep_deleted", "versions above 0"}, ""},
      {kMount + "max_size = \"1KB\"\n", {"max_size", "a size"}, "the backend's own key"},
      {kMount + "read_olny = true\n", {"line 9", "did you mean \"read_only\""}, "a common key"},
      {kMount + "max_sise = \"1MiB\"\n", {"did you mean \"max_size\""}, "a key of the backend"},
      {kMount + "[mounts.cache]\nttll = \"1s\"\n", {"cache", "did you mean \"ttl\""}, "cache"},
      {kMount + "[mounts.cashe]\nttl = \"1s\"\n", {"did you mean \"cache\""}, "section"},
      {kMount + "[mounts.cache]\nmax_size = 1\n", {"max_size", "64KiB"}, "bounds"},
      {encryption, {"needs a key", "key_file", "openssl rand"}, "no key"},
      {encryption + "key_file = \"/k\"\npassphrase_file = \"/p\"\n",
       {"exclude each other"},
       "exactly one source"},
      {encryption + "passphrase = \"SECRETVALUE\"\npassphrase_env = \"P\"\n",
       {"write one of passphrase"},
       "two spellings of one"},
      {encryption + "key_file = \"\"\n", {"must name a file"}, "empty"},
      {encryption + "passphrase = \"\"\n", {"must not be empty"}, "empty"},
      {encryption + "key_file = \"/k\"\nmanifests = true\n", {"did you mean \"manifest\""}, "typo"},
      {encryption + "key_file = \"/k\"\npreviuos_passphrase = \"SECRETVALUE\"\n",
       {"did you mean \"previous_passphrase\""},
       "typo"},
      {"[mounts]\nbackend = \"memory\"\n", {"mounts: must be a list of tables"}, "one bracket"},
      {kPlugin + "type = \"LocalFs\"\n" + kMount,
       {"[[mounts]] \"memory\" repository: \"\" is the default mount, and so is what [[plugins]] "
        "\"resource\" names: remove its type"},
       "two default mounts, one of them historical"},
      {kPlugin + "type = \"LocalFs\"\n" + kMount + "name = \"default\"\nrepository = \"r\"\n",
       {"name: \"default\" is what the mount of [[plugins]] \"resource\" is called"},
       "its name is taken"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string message = refused(kMinimal + c.text);
    for (const char* const say : c.say) EXPECT_THAT(message, HasSubstr(say));
    EXPECT_THAT(message, Not(HasSubstr("SECRETVALUE")));
  }
}

TEST(Mounts, AreStrictEvenWhereTheFileIsNot) {
  // A misspelt section would store plaintext.
  const std::string message = refused("unknown_keys = \"warn\"\n" + kMinimal + kMount +
                                      "[mounts.encrypton]\nkey_file = \"/k\"\n");
  EXPECT_THAT(message, HasSubstr("did you mean \"encryption\""));
}

TEST(Mounts, AllMistakesAreToldAtOnce) {
  const std::string message =
      refused(kMinimal + kMount + "repository = \"a//\"\ntimeout = \"x\"\nmax_size = \"y\"\n" +
              "[[mounts]]\nbackend = \"nvram\"\n" + kMount + "[mounts.encryption]\n");
  for (const char* const say : {"repository", "timeout", "max_size", "backend", "needs a key"})
    EXPECT_THAT(message, HasSubstr(say));
}

TEST(Mounts, AreBounded) {
  std::string text = kMinimal;
  for (int i = 0; i < 65; ++i) text += kMount + "repository = \"r" + std::to_string(i) + "\"\n";
  EXPECT_THAT(refused(text), HasSubstr("at most 64 mounts"));
}

TEST(Mounts, WarnAboutWhatWeakensThem) {
  const std::string weak = kMinimal + kMount + "[mounts.encryption]\nkey_file = \"/k\"\n";
  EXPECT_THAT(warnings(loaded(weak + "accept_plaintext = true\n")), HasSubstr("accept_plaintext"));
  EXPECT_THAT(warnings(loaded(weak + "manifest = false\n")), HasSubstr("goes unnoticed"));
  EXPECT_THAT(warnings(loaded(weak)), Not(HasSubstr("encryption")));
}

TEST(Mounts, AreExplained) {
  const std::string text = explain(loaded(kEverything[0].second));
  const std::string margin(22, ' ');
  const std::string lines[] = {
      "mount vault           team/keys/…, in memory, read-only, each call within 5s\n",
      margin + "max_size = 64MiB\n",
      margin +
          "up to 3 earlier versions of each resource, if memory has history, also of deleted "
          "ones; guests may ask for them\n",
      margin +
          "cached for 1m, absence for 250ms, served for 1h more while the backend is down, in "
          "2MiB\n",
      margin +
          "encrypted under the key in /kek, earlier the key in /old1, earlier the key in "
          "/old2, earlier the passphrase in $OLD; WITHOUT a manifest; PLAINTEXT IS SERVED "
          "too\n",
  };
  for (const std::string& line : lines) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace kbs::config::testing
