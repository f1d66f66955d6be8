#include "attestation/embedded/init_data.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace kbs::attestation::embedded {
namespace {

// spec/rcar-protocol.md §7.
constexpr std::string_view kExample =
    "algorithm = \"sha384\"\nversion = \"0.1.0\"\n\n[data]\n\"key1\" = \"value1\"\n";

Result<ParsedInitData> parse(std::string_view body, std::string_view format = "toml") {
  return parse_init_data({std::string(format), std::string(body)});
}

std::string document(std::string_view data) {
  return "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n" + std::string(data);
}

TEST(InitData, HashesEveryByteAsReceived) {
  auto parsed = parse(kExample);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(hex(parsed->digest),
            "ad344b89d2a0c99aad897d9b86bb5d3e47a81d10a68ff85d050dfac2463a542023b209996e7f8ff001e588"
            "df394d1d09");
  EXPECT_EQ(to_json(parsed->claims), R"({"key1":"value1"})");
  auto spaced = parse(std::string(kExample) + " \n");
  ASSERT_TRUE(spaced);
  EXPECT_NE(spaced->digest, parsed->digest) << "white space counts";
}

TEST(InitData, AgreesWithTheVectors) {
  const char* dir = std::getenv("VOUCHSAFE_VECTORS");
  const std::string path = std::string(dir ? dir : "../shared/vectors") + "/init-data/kat.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no vectors at " << path << ": set VOUCHSAFE_VECTORS";
  std::stringstream text;
  text << file.rdbuf();
  auto vectors = parse_json(text.str());
  ASSERT_TRUE(vectors);
  for (const json::value& vector : vectors->as_array()) {
    auto parsed = parse(vector.at("toml").as_string());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(parsed->digest), vector.at("digest").as_string());
  }
}

TEST(InitData, OpensNestedDocuments) {
  auto parsed =
      parse(document("\"cdh.toml\" = '''\nname = \"x\"\n[kbc]\nport = 8080\n'''\n\"aa.toml\" = "
                     "'''not = = toml'''\n"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(canonical_json(parsed->claims.at("cdh.toml")), R"({"kbc":{"port":8080},"name":"x"})");
  EXPECT_EQ(parsed->claims.at("aa.toml").as_string(), "not = = toml")
      << "what does not parse stays text";
}

TEST(InitData, TakesTheDataOutOfTheAgentsPolicy) {
  auto parsed =
      parse(document("\"policy.rego\" = '''\npackage agent_policy\n\npolicy_data := {\n  "
                     "\"containers\": [{\"OCI\": {}}]\n}\n'''\n"));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->claims.contains("policy.rego"));
  EXPECT_EQ(to_json(parsed->claims.at("agent_policy_claims")), R"({"containers":[{"OCI":{}}]})");
  auto other = parse(document("\"policy.rego\" = '''policy_data := { not json }'''\n"));
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->claims.contains("policy.rego")) << "otherwise nothing changes";
}

TEST(InitData, RefusesWhatItCannotHash) {
  struct Case {
    std::string body;
    const char* why;
  };
  const Case cases[] = {
      {"", "nothing"},
      {"not toml at all", "no TOML"},
      {"version = \"0.1.0\"\n[data]\n", "no algorithm"},
      {"algorithm = \"sha384\"\n[data]\n", "no version"},
      {"algorithm = \"sha384\"\nversion = \"0.1.0\"\n", "no data"},
      {"algorithm = \"sha-384\"\nversion = \"0.1.0\"\n[data]\n", "an algorithm with a hyphen"},
      {"algorithm = \"SHA384\"\nversion = \"0.1.0\"\n[data]\n", "lower case only"},
      {"algorithm = 384\nversion = \"0.1.0\"\n[data]\n", "a number for a name"},
      {document("a = 1\n"), "a value that is no string"},
      {document("[data.b]\nc = \"d\"\n"), "a table in data"},
      {"\xEF\xBB\xBB"
       "4",
       "a letter outside ASCII where a key should begin"},
      {"\xC3\xA9 = 1\n", "another one"},
      {"[\x01", "a control character where a key should begin"},
      {"\xFF[\x01", "no UTF-8 at all"},
  };
  for (const Case& c : cases) EXPECT_FALSE(parse(c.body)) << c.why;
  EXPECT_FALSE(parse(kExample, "json")) << "another format";
}

}  // namespace
}  // namespace kbs::attestation::embedded
