/// Three syntaxes, one meaning, and hostile files of each.

#include "kbs/config/node.h"
#include "kbs/config/section.h"
#include "kbs/config/testing/load_text.h"

namespace kbs::config::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kToml = R"(
session_storage_type = "Memory"
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true
payload_request_size = 4
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ issuer = "me", public_key_uri = "/k.pub" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+$", methods = ["GET", "POST"] }]
[attestation_token]
trusted_certs_paths = ["/ca.pem"]
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)";
constexpr const char* kYaml = R"(
session_storage_type: Memory
http_server:
  sockets: [ "0.0.0.0:8080" ]
  insecure_http: yes        # a text in YAML 1.2, and still true
  payload_request_size: "4"
admin:
  authorization_mode: AuthenticatedAuthorization
  authentication:
    bearer_jwt:
      identity_providers:
        - issuer: me
          public_key_uri: /k.pub
  authorization:
    regex_acl:
      acls:
        - role: admin
          allowed_endpoints: ^/kbs/.+$
          methods: [GET, POST]
attestation_token:
  trusted_certs_paths:
    - /ca.pem
storage_backend:
  storage_type: LocalFs
  backends:
    local_fs:
plugins:
  - name: resource
    storage_backend_type: kvstorage
)";
constexpr const char* kJson = R"({
"session_storage_type": "Memory",
"http_server": {"sockets": ["0.0.0.0:8080"], "insecure_http": true, "payload_request_size": 4},
"admin": {"authorization_mode": "AuthenticatedAuthorization",
  "authentication": {"bearer_jwt": {"identity_providers": [{"issuer": "me", "public_key_uri": "/k.pub"}]}},
  "authorization": {"regex_acl": {"acls": [
    {"role": "admin", "allowed_endpoints": "^/kbs/.+$", "methods": ["GET", "POST"]}]}}},
"attestation_token": {"trusted_certs_paths": ["/ca.pem"]},
"storage_backend": {"storage_type": "LocalFs", "backends": {"local_fs": {}}},
"plugins": [{"name": "resource", "storage_backend_type": "kvstorage"}]
})";

TEST(Syntax, TomlYamlAndJsonMeanTheSame) {
  const Config toml = loaded(kToml, "toml");
  Config yaml = loaded(kYaml, "yaml");
  Config json = loaded(kJson, "json");
  EXPECT_EQ(toml.http_server.payload_request_bytes, 4u << 20);
  ASSERT_EQ(toml.admin.acls.size(), 1u);
  EXPECT_THAT(toml.admin.acls[0].methods, ::testing::ElementsAre("GET", "POST"));
  EXPECT_EQ(toml.storage_backend.type, storage::KeyValueType::local_fs);
  yaml.source = json.source = toml.source;
  EXPECT_EQ(explain(yaml), explain(toml));
  EXPECT_EQ(explain(json), explain(toml));
}

TEST(Syntax, BrokenFilesAreRefusedWithTheLine) {
  struct Case {
    const char* format;
    std::string text;
    const char* say;
    const char* why;
  };
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string n = std::to_string(i), m = "*a" + std::to_string(i - 1);
    bomb += "a" + n + ": &a" + n + " [" + m;
    for (int j = 0; j < 9; ++j) bomb += ", " + m;
    bomb += "]\n";
  }
  std::string dots = "a";
  for (int i = 0; i < 100000; ++i) dots += ".a";
  std::string dashes;
  for (int i = 0; i < 1000; ++i) dashes += "- ";
  const Case cases[] = {
      {"toml", "[http_server]\nsockets = \n", "line 2", "no value"},
      {"toml", "[admin]\na = 1\na = 2\n", "line 3", "a key twice"},
      {"toml", "[a]\n[a]\n", "line 2", "a section twice"},
      {"toml", "[http_server]\nworker_count = 1979-05-27\n", "line 2", "a date"},
      {"toml", "a = " + std::string(100000, '['), "line 1", "deep brackets"},
      {"toml", dots + " = 1\n", "too deeply", "deep dots"},
      {"toml", "[" + dots + "]\n", "too deeply", "deep dots in a header"},
      {"toml", std::string("a = \"\xff\"\n"), "line 1", "not UTF-8"},
      {"yaml", "http_server: [1, 2\n", "line", "open list"},
      {"yaml", "a: 1\na: 2\n", "line 2: \"a\" is written twice", "a key twice"},
      {"yaml", bomb, "too many values", "aliases of aliases"},
      {"yaml", "a: &a [*a]\n", "line 1", "an alias to itself"},
      {"yaml", "a: *nobody\n", "line 1", "an alias to nobody"},
      {"yaml", "a: " + std::string(100000, '['), "line 1", "deep brackets"},
      {"yaml", "a:\n  " + dashes + "x\n", "too deeply", "deep lists"},
      {"yaml", "? [a]\n: 1\n", "a name must be a text", "a list as a name"},
      {"yaml", "a: !!binary aGk=\n", "tags", "a tag"},
      {"yaml", "a: 1\n---\nb: 2\n", "more than one", "two documents"},
      {"yaml", "- 1\n", "map of sections", "a list as a file"},
      {"yaml", "just text", "map of sections", "a text as a file"},
      {"yaml", "a: \"\xc3\x28\"\n", "UTF-8", "not UTF-8"},
      {"json", "{\"a\":1,\"a\":2}", "", "a key twice"},
      {"json", "{\"a\":" + std::string(100000, '['), "", "deep brackets"},
      {"json", "[]", "one JSON object", "a list as a file"},
      {"json", "{} x", "", "something after the end"},
      {"ini", "[http_server]\n", ".toml, .yaml, .yml or .json", "a format we do not read"},
      {"toml", std::string((1u << 20) + 1, '#'), "1 MiB", "too big"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(refused(c.text, c.format), HasSubstr(c.say));
  }
}

TEST(Syntax, HonestAliasesWork) {
  const Config c = loaded(
      "http_server: {insecure_http: true}\n"
      "admin: {type: DenyAll}\n"
      "attestation_token:\n"
      "  trusted_certs_paths: &paths [/ca.pem]\n"
      "  trusted_jwk_sets: *paths\n",
      "yaml");
  EXPECT_EQ(c.attestation_token.trusted_jwk_sets, c.attestation_token.trusted_certs_paths);
}

TEST(Syntax, EmptyFilesAreEmptyTables) {
  for (const char* const format : {"toml", "yaml"}) {
    EXPECT_THAT(refused("", format), HasSubstr("missing configuration field \"http_server\""))
        << format;
    EXPECT_THAT(refused("# nothing\n", format), HasSubstr("\"http_server\"")) << format;
  }
  EXPECT_THAT(refused("{}", "json"), HasSubstr("missing configuration field \"http_server\""));
}

TEST(Syntax, YamlScalarsFollowTheCoreSchema) {
  struct Case {
    const char* text;
    std::size_t kind;  // index in Node::value
    const char* why;
  };
  const Case cases[] = {
      {"a: true", 1, "a truth value"},
      {"a: yes", 4, "a text since 1.2"},
      {"a: 12", 2, "an integer"},
      {"a: -3", 2, "below zero"},
      {"a: 1.5", 3, "a real"},
      {"a: \"12\"", 4, "quoted"},
      {"a: '12'", 4, "quoted"},
      {"a: 127.0.0.1:8080", 4, "text"},
      {"a: ~", 0, "null"},
      {"a:", 0, "null"},
      {"a: nan", 4, "no number"},
      {"a: !!str 12", 4, "said to be text"},
      {"a: |\n  12\n", 4, "block text"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    SCOPED_TRACE(c.why);
    auto node = parse_yaml(c.text);
    ASSERT_TRUE(node) << node.error().message;
    EXPECT_EQ(node->table()->at(0).value.value.index(), c.kind);
  }
}

TEST(Syntax, EditDistanceCountsCaseHalf) {
  EXPECT_EQ(edit_distance("sockets", "sockets"), 0u);
  EXPECT_EQ(edit_distance("sokets", "sockets"), 2u);
  EXPECT_EQ(edit_distance("Sockets", "sockets"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 6u);
  EXPECT_GE(edit_distance(std::string(5000, 'a'), "abc"), 1000u) << "a hostile name costs nothing";
}

TEST(Syntax, AHostileNameCannotGarbleTheTerminal) {
  const std::string message = refused(kMinimal + "\"\\u001b[31m\" = 1\n");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace kbs::config::testing
