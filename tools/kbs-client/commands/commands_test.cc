#include "kbs-client/commands/commands.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "crypto/jwe.h"
#include "kbs-client/testing/session.h"
#include "policy/stock_policies.h"

namespace kbs::client {
namespace {

using testing::answer;
using testing::fine;
using testing::kbs_error;
using testing::mode_of;
using testing::ScriptedTransport;
using testing::Seen;
using testing::Session;
using testing::slurp;

json::object sent(const Session& session) {
  return parse_json_object(session.server.seen.at(0).body).value();
}

TEST(SetResource, SendsRawBytesAndPrintsBase64) {  // C-10
  Session s(fine);
  const std::string bytes("this is a test secret");
  ASSERT_TRUE(s.run(SetResource{"default/key/1", s.directory.write("r", bytes)}));
  const Seen& request = s.server.seen.at(0);
  EXPECT_EQ(request.method, Method::post);
  EXPECT_EQ(request.target, "/kbs/v0/resource/default/key/1");
  EXPECT_EQ(request.content_type, "application/octet-stream");
  EXPECT_EQ(request.body, bytes);
  EXPECT_EQ(s.user_agent, "kbs-client/0.1.0");
  EXPECT_EQ(s.printed(), "Set resource success \n resource: dGhpcyBpcyBhIHRlc3Qgc2VjcmV0\n");
}

TEST(SetResource, AnEmptyFileIsAResource) {
  Session s(fine);
  ASSERT_TRUE(s.run(SetResource{"a/b/c", s.directory.write("r", "")}));
  EXPECT_EQ(s.printed(), "Set resource success \n resource: \n");
}

TEST(SetResource, AsJsonDoesNotEchoTheSecret) {
  Session s(fine, OutputFormat::json);
  ASSERT_TRUE(s.run(SetResource{"kbs:///a/b/c", s.directory.write("r", "xyz")}));
  EXPECT_EQ(s.printed(), "{\"status\":\"ok\",\"path\":\"a/b/c\",\"size\":3}\n");
}

TEST(SetResource, AnUnreadableFileIsNamedAndNothingIsSent) {
  Session s(fine);
  auto done = s.run(SetResource{"a/b/c", s.directory.path("absent")});
  ASSERT_FALSE(done);
  EXPECT_EQ(s.said.back(), "Failed to read: " + s.directory.path("absent"));
  EXPECT_TRUE(s.server.seen.empty());
}

TEST(SetResource, CarriesConditionsAndExpiry) {
  Session s(fine);
  const std::string file = s.directory.write("r", "x");
  const auto set = [&](SetResource command) {
    command.path = "a/b/c";
    command.resource_file = file;
    return s.run(command).has_value();
  };
  ASSERT_TRUE(set({.create_only = true}));
  EXPECT_TRUE(s.server.seen.back().if_absent);
  EXPECT_EQ(s.server.seen.back().if_match, "");
  ASSERT_TRUE(set({.if_match = "v7"}));
  EXPECT_EQ(s.server.seen.back().if_match, "\"v7\"") << "a version becomes a tag";
  ASSERT_TRUE(set({.if_match = "\"v7\", \"v8\""}) == false) << "one version at a time";
  ASSERT_TRUE(set({.if_match = "\"v7\""}));
  EXPECT_EQ(s.server.seen.back().if_match, "\"v7\"") << "an ETag stays one";
  ASSERT_TRUE(set({.if_match = "*"}));
  EXPECT_EQ(s.server.seen.back().if_match, "*");
  ASSERT_TRUE(set({.not_after = "2099-01-02T03:04:05+01:00"}));
  EXPECT_EQ(s.server.seen.back().target,
            "/kbs/v0/resource/a/b/c?not_after=2099-01-02T03%3A04%3A05%2B01%3A00");
  EXPECT_FALSE(s.server.seen.back().if_absent);
  const std::size_t before = s.server.seen.size();
  EXPECT_FALSE(set({.if_match = "v7\r\nX: y"})) << "no second header";
  EXPECT_FALSE(set({.not_after = "tomorrow"}));
  EXPECT_EQ(s.server.seen.size(), before);
}

TEST(SetResource, AsJsonTellsTheVersionForTheNextCondition) {
  Session s(
      [](const Seen&) {
        HttpResponse response = answer(200);
        response.etag = "\"v8\"";
        return response;
      },
      OutputFormat::json);
  ASSERT_TRUE(s.run(SetResource{"a/b/c", s.directory.write("r", "xyz")}));
  EXPECT_EQ(s.printed(), R"({"status":"ok","path":"a/b/c","size":3,"etag":"\"v8\""})"
                         "\n");
}

TEST(DeleteResource, Deletes) {
  Session s(fine);
  ASSERT_TRUE(s.run(DeleteResource{"kbs://h:1/a/b/c"}));
  EXPECT_EQ(s.server.seen.at(0).method, Method::remove);
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/resource/a/b/c");
  EXPECT_EQ(s.printed(), "Delete resource success\n");
}

TEST(SetResourcePolicy, UploadsUrlSafeAndPrintsStandardBase64) {  // C-11
  Session s(fine);
  const std::string policy = "package policy\n# >>>???\nallow = true\n";
  ASSERT_TRUE(s.run(SetResourcePolicy{PolicyChoice::file, s.directory.write("p", policy)}));
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/resource-policy");
  EXPECT_EQ(s.server.seen.at(0).content_type, "application/json");
  EXPECT_EQ(string_member(sent(s), "policy"), base64url(as_bytes(policy)));
  EXPECT_EQ(s.printed(),
            "Set resource policy success \n policy: " + base64(as_bytes(policy)) + "\n");
}

TEST(SetResourcePolicy, EachChoiceUploadsItsOwnPolicy) {
  struct Case {
    PolicyChoice choice;
    std::string_view text;
  };
  // --default must not upload deny-all, as the reference's client does.
  const Case cases[] = {{PolicyChoice::allow_all, policy::allow_all_resource_policy()},
                        {PolicyChoice::deny_all, policy::deny_all_resource_policy()},
                        {PolicyChoice::affirming, policy::affirming_resource_policy()},
                        {PolicyChoice::stock, policy::default_resource_policy()}};
  for (const Case& c : cases) {
    Session s(fine);
    ASSERT_TRUE(s.run(SetResourcePolicy{c.choice, {}}));
    EXPECT_EQ(string_member(sent(s), "policy"), base64url(as_bytes(c.text)));
  }
  EXPECT_NE(policy::default_resource_policy(), policy::deny_all_resource_policy());
}

TEST(SetResourcePolicy, WithoutAChoiceAsksNothing) {  // C-21
  Session s(fine);
  auto done = s.run(SetResourcePolicy{});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "No policy specified");
  EXPECT_TRUE(s.server.seen.empty());
  EXPECT_EQ(s.said,
            std::vector<std::string>{"Failed to read: kbs/config/docker-compose/admin-token"})
      << "the token is searched for first";
}

TEST(SetAttestationPolicy, HasTheDocumentedDefaults) {  // C-12
  Session s(fine);
  ASSERT_TRUE(
      s.run(SetAttestationPolicy{s.directory.write("p", "package policy"), "rego", std::nullopt}));
  EXPECT_EQ(s.server.seen.at(0).body,
            R"({"type":"rego","policy_id":"default_cpu","policy":"cGFja2FnZSBwb2xpY3k"})");
  EXPECT_EQ(s.printed(), "Set attestation policy success \n policy: cGFja2FnZSBwb2xpY3k=\n");
}

TEST(ReferenceValues, AreSetAndReadBack) {  // C-16
  Session s([](const Seen& request) {
    return answer(200, request.method == Method::get ? R"(["a"])" : "");
  });
  ASSERT_TRUE(s.run(SetSampleReferenceValue{"n", "5", ValueType::integer, true}));
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/reference-value");
  ASSERT_TRUE(s.run(GetReferenceValue{"a/b c"}));
  EXPECT_EQ(s.server.seen.at(1).target, "/kbs/v0/reference-value/a/b%20c");
  ASSERT_TRUE(s.run(GetReferenceValue{}));
  EXPECT_EQ(s.server.seen.at(2).target, "/kbs/v0/reference-value");
  EXPECT_EQ(s.printed(), "Reference Values Updated\n\"[\\\"a\\\"]\"\n\"[\\\"a\\\"]\"\n");
}

TEST(GetReferenceValue, AsJsonIsTheValue) {
  Session s([](const Seen&) { return answer(200, R"(["a",1])"); }, OutputFormat::json);
  ASSERT_TRUE(s.run(GetReferenceValue{"x"}));
  EXPECT_EQ(s.printed(), "{\"id\":\"x\",\"value\":[\"a\",1]}\n");
}

/// Three resources on two pages.
Result<HttpResponse> two_pages(const Seen& request) {
  if (request.target.find("cursor=") == std::string::npos) {
    return answer(200, R"({"resources":[{"path":"a/b/1","size":3,"updated":"T","version":"v1"},)"
                       R"({"path":"a/b/2\n\tx","size":4}],"next":"c&1"})");
  }
  return answer(200, R"({"resources":[{"path":"a/b/3","size":0}],"next":null})");
}

TEST(ListResources, FollowsThePages) {
  Session s(two_pages);
  ASSERT_TRUE(s.run(ListResources{"a/b", 0}));
  EXPECT_EQ(s.server.targets(),
            (std::vector<std::string>{"/kbs/v0/resource?prefix=a%2Fb",
                                      "/kbs/v0/resource?prefix=a%2Fb&cursor=c%261"}));
  EXPECT_EQ(s.printed(), "a/b/1\t3\tT\tv1\na/b/2??x\t4\t-\t-\na/b/3\t0\t-\t-\n")
      << "a name cannot forge a line";
}

TEST(ListResources, StopsAtTheLimitAndAtALoop) {
  Session limited(two_pages);
  ASSERT_TRUE(limited.run(ListResources{"", 2}));
  EXPECT_EQ(limited.server.targets(), (std::vector<std::string>{"/kbs/v0/resource?limit=2"}));
  Session loop([](const Seen&) { return answer(200, R"({"resources":[],"next":"again"})"); });
  EXPECT_FALSE(loop.run(ListResources{}));
  EXPECT_EQ(loop.server.seen.size(), 2u);
}

TEST(ListResources, AForeignAnswerIsNoList) {
  for (std::string_view body : {"", "[]", "{}", R"({"resources":{}})"}) {
    Session s([&](const Seen&) { return answer(200, body); });
    EXPECT_FALSE(s.run(ListResources{})) << body;
  }
}

TEST(GetResourcePolicy, PrintsTheText) {
  Session s([](const Seen&) { return answer(200, "package policy\n"); });
  ASSERT_TRUE(s.run(GetResourcePolicy{}));
  EXPECT_EQ(s.server.seen.at(0).target, "/kbs/v0/admin/policy");
  EXPECT_EQ(s.printed(), "package policy\n");
}

/// Serves `text` to whoever attested, encrypted to the key of the attestation.
ScriptedTransport::Handler guest_server(std::string text) {
  auto key = std::make_shared<std::optional<json::value>>();
  return [key, text](const Seen& request) -> Result<HttpResponse> {
    if (request.target == "/kbs/v0/auth")
      return answer(200, R"({"nonce":"bm9uY2U=","extra-params":""})");
    if (request.target == "/kbs/v0/attest") {
      *key = parse_json(request.body).value().at("runtime-data").at("tee-pubkey");
      return answer(200, R"({"token":"a.b.c"})");
    }
    if (!*key) return kbs_error(401, "attest first");
    return answer(
        200,
        crypto::encrypt_jwe(crypto::TeePublicKey::from_jwk(**key).value(), as_bytes(text)).value());
  };
}

TEST(GetResource, PrintsBase64AndNothingElse) {  // C-22
  Session s(guest_server("this is a test secret"));
  ASSERT_TRUE(s.run(GetResource{.path = "default/key/1"}));
  EXPECT_EQ(s.printed(), "dGhpcyBpcyBhIHRlc3Qgc2VjcmV0\n");
  EXPECT_EQ(s.user_agent, "attestation-agent-kbs-client/0.1.0");
}

TEST(GetResource, RawAndFileCarryTheBytesThemselves) {
  const std::string bytes("\0\xff\n", 3);
  Session raw(guest_server(bytes));
  ASSERT_TRUE(raw.run(GetResource{.path = "a/b/c", .raw = true}));
  EXPECT_EQ(raw.printed(), bytes);
  Session file(guest_server(bytes));
  const std::string path = file.directory.path("out");
  ASSERT_TRUE(file.run(GetResource{.path = "a/b/c", .output_file = path}));
  EXPECT_EQ(file.printed(), "");
  EXPECT_EQ(slurp(path), bytes);
  EXPECT_EQ(mode_of(path), 0600u);
}

TEST(GetResource, AsJson) {
  Session s(guest_server("abc"), OutputFormat::json);
  ASSERT_TRUE(s.run(GetResource{.path = "a/b/c"}));
  EXPECT_EQ(s.printed(), "{\"path\":\"a/b/c\",\"size\":3,\"resource\":\"YWJj\"}\n");
}

TEST(GetResource, ATokenNeedsItsKey) {
  Session s(fine);
  auto done = s.run(GetResource{.guest = {},
                                .path = "a/b/c",
                                .attestation_token = s.directory.write("t", "a.b.c"),
                                .output_file = {}});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.starts_with(
      "if `--attestation-token` is set, `--tee_key_file` argument should also be set, "));
  EXPECT_TRUE(s.server.seen.empty());
}

TEST(GetResource, ABadNameIsToldBeforeAnyRequest) {
  Session s(fine);
  EXPECT_FALSE(s.run(GetResource{.path = "key/1"}));
  EXPECT_TRUE(s.server.seen.empty());
}

TEST(Attest, PrintsTheToken) {
  Session s(guest_server(""));
  ASSERT_TRUE(s.run(Attest{}));
  EXPECT_EQ(s.printed(), "a.b.c\n");
}

TEST(Keygen, MakesAPairOnceAndTokenUsesIt) {
  Session s(fine);
  const std::string key = s.directory.path("admin.key");
  ASSERT_TRUE(s.run(Keygen{key}));
  EXPECT_EQ(mode_of(key), 0600u);
  auto parsed = crypto::PrivateKey::from_pem(slurp(key));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->type(), crypto::KeyType::ed25519);
  EXPECT_EQ(crypto::PublicKey::from_pem(slurp(key + ".pub")).value(), parsed->public_key());
  const std::string before = slurp(key);
  EXPECT_FALSE(s.run(Keygen{key})) << "never overwrites";
  EXPECT_EQ(slurp(key), before);

  const std::string token = s.directory.path("token");
  ASSERT_TRUE(s.run(MakeToken{.key_file = key, .output_file = token}));
  EXPECT_EQ(mode_of(token), 0600u);
  EXPECT_EQ(slurp(token).substr(0, 36), "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9");
  EXPECT_TRUE(s.server.seen.empty()) << "needs no server";
}

TEST(Keygen, APublicFileInTheWayLeavesNoHalfPair) {
  Session s(fine);
  s.directory.write("k.pub", "somebody's");
  EXPECT_FALSE(s.run(Keygen{s.directory.path("k")}));
  EXPECT_FALSE(std::filesystem::exists(s.directory.path("k")));
  EXPECT_EQ(slurp(s.directory.path("k.pub")), "somebody's");
}

TEST(Hint, SpeaksOfTheIssuerWhenASignedRequestIsRefusedWithoutOne) {
  Session s(
      [](const Seen&) { return kbs_error(401, "Cannot verify token with any of the issuers"); });
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ed25519).value();
  s.invocation.access.private_key = s.directory.write("key", key.to_pkcs8_pem().expose_text());
  auto done = s.run(DeleteResource{"a/b/c"});
  ASSERT_FALSE(done);
  EXPECT_NE(hint_for(s.invocation, s.context, done.error()).find("--auth-issuer"),
            std::string::npos);
  s.invocation.access.issuer = "me";
  done = s.run(DeleteResource{"a/b/c"});
  EXPECT_EQ(hint_for(s.invocation, s.context, done.error()).find("may demand an issuer"),
            std::string::npos);
}

}  // namespace
}  // namespace kbs::client
