#include "kbs-client/manifest.h"

#include <gtest/gtest.h>

namespace kbs::client {
namespace {

using Kind = ManifestSource::Kind;

constexpr std::string_view kWhole = R"(
# Comments are fine.
reference_values:
  - {name: launch_digest, values: [abcde, "12"]}
  - {name: svn, value: 2, single: true}
  - {name: debug, value: false}
attestation_policies:
  - id: default_cpu
    file: policies/cpu.rego
resource_policy:
  text: |
    package policy
    allow = true
resources:
  - path: default/key/1
    file: keys/1.bin
  - path: kbs:///default/key/2
    value_env: KEY_2
    if: absent
  - path: default/conf/app
    base64: AAEC/w==
    content_type: text/plain
    not_after: 2099-01-02T03:04:05+01:00
)";

TEST(Manifest, SaysWhatAServerShallHold) {
  auto manifest = parse_manifest(kWhole);
  ASSERT_TRUE(manifest) << manifest.error().message;
  ASSERT_EQ(manifest->reference_values.size(), 3u);
  EXPECT_EQ(manifest->reference_values[0].name, "launch_digest");
  EXPECT_EQ(to_json(manifest->reference_values[0].value), R"(["abcde","12"])") << "quoted: a text";
  EXPECT_EQ(to_json(manifest->reference_values[1].value), "2");
  EXPECT_EQ(to_json(manifest->reference_values[2].value), "[false]");
  ASSERT_EQ(manifest->attestation_policies.size(), 1u);
  EXPECT_EQ(manifest->attestation_policies[0].id, "default_cpu");
  EXPECT_EQ(manifest->attestation_policies[0].source.describe(), "file policies/cpu.rego");
  ASSERT_TRUE(manifest->resource_policy);
  EXPECT_EQ(manifest->resource_policy->source.value.expose_text(),
            "package policy\nallow = true\n");
  ASSERT_EQ(manifest->resources.size(), 3u);
  const ManifestResource& first = manifest->resources[0];
  EXPECT_EQ(first.path, "default/key/1");
  EXPECT_EQ(first.source.kind, Kind::file);
  EXPECT_EQ(first.content_type, "application/octet-stream");
  EXPECT_FALSE(first.only_if_absent);
  const ManifestResource& second = manifest->resources[1];
  EXPECT_EQ(second.path, "default/key/2") << "any form of the name";
  EXPECT_EQ(second.source.describe(), "$KEY_2");
  EXPECT_TRUE(second.only_if_absent);
  const ManifestResource& third = manifest->resources[2];
  EXPECT_EQ(third.source.value.expose_text(), std::string_view("\0\1\2\xff", 4));
  EXPECT_EQ(third.source.describe(), "the manifest");
  EXPECT_EQ(third.content_type, "text/plain");
  EXPECT_EQ(third.not_after, "2099-01-02T03:04:05+01:00");
}

TEST(Manifest, RefusesWhatItDoesNotUnderstandWithLineAndRemedy) {
  struct Case {
    std::string_view text;
    std::string_view says;
    const char* why;
  };
  const Case cases[] = {
      {"", "one YAML document", "nothing"},
      {"a: b\n---\nc: d\n", "one YAML document", "two documents"},
      {"- a\n", "must be a map", "a list"},
      {"resource:\n  - path: a/b/c\n",
       "line 1: unknown key `resource` in `manifest`; did you mean `resources`?", "a slip"},
      {"secrets: []\n", "known here: resources, resource_policy", "nothing near"},
      {"resources: {path: a/b/c}\n", "line 1: `resources` must be a list", "no list"},
      {"resources:\n  - a/b/c\n", "line 2: `resources` must be a map", "no map"},
      {"resources:\n  - path: a/b/c\n    fiel: x\n",
       "line 3: unknown key `fiel` in `resources`; did you mean `file`?", "a slip"},
      {"resources:\n  - path: a/b/c\n    file: x\n    file: y\n", "line 4: `file` is written twice",
       "twice"},
      {"resources: []\nresources: []\n", "`resources` is written twice", "twice at the top"},
      {"resources:\n  - file: x\n", "line 2: `path` is missing", "no path"},
      {"resources:\n  - path: a/b\n    file: x\n",
       "not the name of a resource; write repository/type/tag", "no name"},
      {"resources:\n  - path: a/../c\n    file: x\n", "not the name of a resource", "climbs"},
      {"resources:\n  - path: a/b/c?not_after=x\n    file: x\n", "not the name of a resource",
       "a query"},
      {"resources:\n  - path: kbs+sample:///a/b/c\n    file: x\n", "not the name of a resource",
       "another plugin"},
      {"resources:\n  - path: a/b/c\n", "exactly one of `file`", "no source"},
      {"resources:\n  - path: a/b/c\n    file: x\n    text: y\n", "exactly one of `file`",
       "two sources"},
      {"resources:\n  - path: a/b/c\n    file: [x]\n", "`file` must be a text",
       "a list for a text"},
      {"resources:\n  - path: a/b/c\n    file: ''\n", "`file` is missing or empty", "no file"},
      {"resources:\n  - path: a/b/c\n    base64: AAE\n", "standard base64", "no padding"},
      {"resources:\n  - path: a/b/c\n    text: x\n    if: present\n", "`if` can be `absent`",
       "no such condition"},
      {"resources:\n  - path: a/b/c\n    text: x\n    not_after: 2099-01-02\n",
       "line 4: `not_after` is not a time", "a day"},
      {"resources:\n  - path: a/b/c\n    text: x\n    content_type: \"a\\r\\nb\"\n",
       "`content_type` is none", "a second header"},
      {"resources:\n  - {path: a/b/c, text: x}\n  - {path: 'kbs:///a/b/c', text: y}\n",
       "line 3: the resource a/b/c is there twice", "twice in two forms"},
      {"attestation_policies:\n  - {file: x}\n", "`id` is missing", "which policy?"},
      {"attestation_policies:\n  - {id: a, file: x}\n  - {id: a, file: y}\n",
       "the attestation policy a is there twice", "twice"},
      {"reference_values:\n  - {name: a}\n", "say `value`", "no value"},
      {"reference_values:\n  - {name: a, value: x, values: [y]}\n", "say `value`", "both"},
      {"reference_values:\n  - {name: a, values: x}\n", "say `value`", "no list"},
      {"reference_values:\n  - {name: a, value: {b: c}}\n", "must be a text", "a map"},
      {"reference_values:\n  - {name: a, values: [x], single: true}\n",
       "`single` goes with `value`", "one of many"},
      {"reference_values:\n  - {name: a, value: x, single: maybe}\n", "must be true or false",
       "maybe"},
      {"resource_policy: x.rego\n", "`resource_policy` must be a map", "a text"},
      {"resources: [\n", "line ", "no YAML"},
      {"resources: *unknown\n", "line 1: ", "an alias of nothing"},
      {"\xff: x\n", "not UTF-8", "no text"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto manifest = parse_manifest(c.text);
    ASSERT_FALSE(manifest) << c.text;
    EXPECT_EQ(manifest.error().kind, ErrorKind::invalid_request);
    EXPECT_NE(manifest.error().message.find(c.says), std::string::npos) << manifest.error().message;
  }
}

TEST(Manifest, IsBounded) {
  EXPECT_EQ(parse_manifest(std::string(kMaxManifestBytes + 1, '#')).error().kind,
            ErrorKind::too_large);
  std::string many = "resources:\n";
  for (int i = 0; i <= 10'000; ++i) many += "- {path: a/b/" + std::to_string(i) + ", text: x}\n";
  EXPECT_NE(parse_manifest(many).error().message.find("10,000"), std::string::npos);
  std::string copies =
      "resources:\n- {path: a/b/c, text: &big " + std::string(1u << 20, 'x') + "}\n";
  for (int i = 0; i < 100; ++i) copies += "- {path: a/b/" + std::to_string(i) + ", text: *big}\n";
  EXPECT_NE(parse_manifest(copies).error().message.find("64 MiB"), std::string::npos)
      << "a small text must not stand for a great many bytes";
  const std::string deep = std::string(100'000, '[');
  EXPECT_FALSE(parse_manifest(deep));
}

TEST(Manifest, AnErrorShowsNoValue) {
  const auto manifest =
      parse_manifest("resources:\n  - {path: a/b/c, text: hush-hush, base64: hush-hush}\n");
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().message.find("hush"), std::string::npos);
}

}  // namespace
}  // namespace kbs::client
