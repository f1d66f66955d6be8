#include "kbs/api/routes.h"

#include "kbs/api/testing/api_fixture.h"

namespace kbs::api::testing {
namespace {

TEST_F(ApiTest, ASecretTakesTheWholeRoad) {
  set_policy(policy::allow_all_resource_policy());
  ASSERT_EQ(send("POST", "/kbs/v0/resource/default/key/1", "this is a test secret").status, 200u);
  const Response response = get(attest());
  ASSERT_EQ(response.status, 200u) << response.body_text();
  EXPECT_EQ(response.content_type, "application/json");
  auto opened = crypto::decrypt_jwe(key_, response.body_text());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->expose_text(), "this is a test secret");
  EXPECT_EQ(
      send("GET", "/kbs/v0/resource/default/key/1", "", {{"Authorization", "Bearer " + token_}})
          .status,
      200u)
      << "the token alone does as well";
}

TEST_F(ApiTest, PolicyComesBeforeStorage) {
  const std::string cookie = attest();
  EXPECT_EQ(get(cookie).status, 403u) << "the default policy keeps sample guests out";
  EXPECT_EQ(get(cookie, "/kbs/v0/resource/no/such/thing").status, 403u)
      << "and does not tell what exists";
  EXPECT_EQ(backend_->calls(Op::read), 0u);
}

TEST_F(ApiTest, NoRecordNoRelease) {
  set_policy(policy::allow_all_resource_policy());
  send("POST", "/kbs/v0/resource/default/key/1", "secret");
  const std::string cookie = attest();
  audit_.failing = true;
  const Response response = get(cookie);
  EXPECT_EQ(response.status, 503u);
  EXPECT_EQ(type_of(response), "AuditFailure");
  EXPECT_NE(metrics_->expose().find("kbs_audit_failures_total 1\n"), std::string::npos);
  const std::size_t before = backend_->calls(Op::write);
  EXPECT_EQ(send("POST", "/kbs/v0/resource/default/key/2", "x").status, 503u);
  EXPECT_EQ(backend_->calls(Op::write), before)
      << "an intent that cannot be recorded changes nothing";
  const Opened opened = auth();
  EXPECT_EQ(
      send("POST", "/kbs/v0/attest", attestation_body(opened.nonce), {{"Cookie", opened.cookie}})
          .status,
      503u);
  EXPECT_EQ(sessions_.size(), 1u) << "nor does it make a session";
}

TEST_F(ApiTest, TheKeyIsLookedAtBeforeStorage) {
  set_policy(policy::allow_all_resource_policy());
  const Opened opened = auth();
  const std::string body = attestation_body(opened.nonce, "ECDH-ES");
  ASSERT_EQ(send("POST", "/kbs/v0/attest", body, {{"Cookie", opened.cookie}}).status, 200u);
  const Response response = get(opened.cookie, "/kbs/v0/resource/no/such/thing");
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(type_of(response), "JweError");
  EXPECT_EQ(backend_->calls(Op::read), 0u);
}

TEST_F(ApiTest, ADenialSaysWhetherAttestingAgainCanHelp) {
  set_policy(policy::deny_all_resource_policy());
  clock_.advance(std::chrono::seconds{2});
  const std::string cookie = attest();
  EXPECT_EQ(get(cookie).status, 403u) << "the token is newer than the policy";
  clock_.advance(std::chrono::seconds{2});
  set_policy(policy::deny_all_resource_policy());
  EXPECT_EQ(get(cookie).status, 401u) << "the policy changed since";
  const std::string bearer = "Bearer " + token_;
  EXPECT_EQ(send("GET", "/kbs/v0/resource/default/key/1", "", {{"Authorization", bearer}}).status,
            401u);
}

TEST_F(ApiTest, OneSessionHasOneToken) {
  const Opened opened = auth();
  const auto attest_once = [&](std::string_view body) {
    const Response response = send("POST", "/kbs/v0/attest", body, {{"Cookie", opened.cookie}});
    auto parsed = parse_json_object(response.body_text());
    return parsed && parsed->contains("token") ? std::string(parsed->at("token").as_string())
                                               : std::to_string(response.status);
  };
  const std::string first = attest_once(attestation_body(opened.nonce));
  EXPECT_EQ(attest_once(attestation_body("another nonce")), first)
      << "once attested, the evidence stays unread";
  EXPECT_EQ(attest_once("not json"), "400") << "but a body must be one";
}

TEST_F(ApiTest, WrongEvidenceDoesNotSpoilTheSession) {
  const Opened opened = auth();
  EXPECT_EQ(
      send("POST", "/kbs/v0/attest", attestation_body("other"), {{"Cookie", opened.cookie}}).status,
      401u);
  EXPECT_EQ(
      send("POST", "/kbs/v0/attest", attestation_body(opened.nonce), {{"Cookie", opened.cookie}})
          .status,
      200u);
}

TEST_F(ApiTest, HandshakesEndWithTheirTime) {
  const Opened opened = auth();
  clock_.advance(std::chrono::minutes{5} + std::chrono::seconds{1});
  EXPECT_EQ(
      send("POST", "/kbs/v0/attest", attestation_body(opened.nonce), {{"Cookie", opened.cookie}})
          .status,
      401u);
  set_policy(policy::allow_all_resource_policy());
  const std::string cookie = attest();
  clock_.advance(std::chrono::minutes{5} + std::chrono::seconds{1});
  EXPECT_EQ(type_of(get(cookie)), "TokenNotFound");
}

TEST_F(ApiTest, Statuses) {
  struct Case {
    const char *method, *target, *body;
    unsigned status;
    const char* why;
  };
  const Case cases[] = {
      {"GET", "/healthz", "", 200, "alive"},
      {"POST", "/healthz", "", 404, "only to be asked"},
      {"GET", "/readyz", "", 200, "ready"},
      {"GET", "/metrics", "", 200, "metrics"},
      {"POST", "/metrics", "", 405, "only to be read"},
      {"GET", "/", "", 404, "nothing here"},
      {"GET", "/kbs/v0", "", 404, "nor here"},
      {"GET", "/kbs/v0/", "", 404, "a plugin without a name"},
      {"GET", "/kbs/v1/resource/a/b/c", "", 404, "another version"},
      {"PATCH", "/kbs/v0/resource/a/b/c", "", 405, "no such method"},
      {"PUT", "/kbs/v0/attest", "", 405, "a built-in name, a foreign method"},
      {"GET", "/kbs/v0/auth", "", 405, "the same"},
      {"GET", "/kbs/v0/nosuch/a/b", "", 404, "no such plugin"},
      {"GET", "/kbs/v0/resource/a/b/c", "", 401, "a stranger"},
      {"PUT", "/kbs/v0/resource/a/b/c", "", 401, "a stranger is not told what does not work"},
      {"GET", "/kbs/v0/resource/bad", "", 401, "the gate comes before the path"},
      {"POST", "/kbs/v0/resource/bad", "", 400, "no resource path"},
      {"POST", "/kbs/v0/resource/a%2Fb/c", "x", 200, "decoded once, before it is split"},
      {"POST", "/kbs/v0/resource/a/b%252Fc/d", "x", 400, "decoded once, not twice"},
      {"DELETE", "/kbs/v0/resource/no/such/thing", "", 404, "absent"},
      {"HEAD", "/kbs/v0/resource/a/b/c", "", 200, "metadata for administrators"},
      {"HEAD", "/kbs/v0/resource-policy", "", 405, "nothing to tell"},
      {"GET", "/kbs/v0/resource", "", 200, "the listing"},
      {"GET", "/kbs/v0/resource-policy", "", 200, "ids"},
      {"GET", "/kbs/v0/admin/policy", "", 200, "the text"},
      {"GET", "/kbs/v0/admin/nothing", "", 404, "no such thing"},
      {"POST", "/kbs/v0/resource-policy", "{}", 400, "no policy in it"},
      {"POST", "/kbs/v0/reference-value", "{}", 400, "no message"},
      {"GET", "/kbs/v0/reference-value/unknown", "", 404, "no such value"},
      {"POST", "/kbs/v0/auth/extra/segments",
       R"({"version":"0.4.0","tee":"sample","extra-params":{}})", 200, "extra segments"},
      {"POST", "/kbs/v0/auth", R"({"version":"0.1.0","tee":"sample","extra-params":{}})", 400,
       "another protocol"},
      {"POST", "/kbs/v0/attest", "{}", 401, "no session"},
      {"GET", "/kbs/v0/sample/anything", "", 200, "the sample plugin"},
  };
  for (const Case& c : cases) {
    const Response response = send(c.method, c.target, c.body);
    EXPECT_EQ(response.status, c.status) << c.method << " " << c.target << ": " << c.why << "\n"
                                         << response.body_text();
  }
}

TEST_F(ApiTest, AuditTellsTheStory) {
  set_policy(policy::allow_all_resource_policy());
  send("POST", "/kbs/v0/resource/default/key/1", "secret");
  get(attest());
  set_policy(policy::deny_all_resource_policy());
  get(attest());
  send("GET", "/kbs/v0/resource/default/key/1");  // a stranger
  const std::vector<std::string> want = {
      "admin.intent resource/default/key/1 yes",
      "admin.outcome resource/default/key/1 yes",
      "attest attest yes",
      "resource.released resource/default/key/1 yes",
      "attest attest yes",
      "resource.refused resource/default/key/1 no",
  };
  EXPECT_EQ(audit_.events, want) << "strangers are counted, not recorded";
}

TEST_F(TrusteeModeTest, AnswersAsTheReferenceDoes) {
  struct Case {
    const char *method, *target, *body;
    unsigned status;
    const char* type;
    const char* detail;
  };
  const Case cases[] = {
      {"GET", "/kbs/v0/nosuch/a/b", "", 404, "PluginNotFound", "Plugin nosuch not found"},
      {"GET", "/kbs/v0/", "", 404, "PluginNotFound", "Plugin  not found"},
      {"PUT", "/kbs/v0/attest", "", 404, "PluginNotFound", "Plugin attest not found"},
      {"GET", "/kbs/v0/resource/a/b/c", "", 401, "TokenNotFound", "Attestation Token not found"},
      {"POST", "/kbs/v0/resource/bad", "", 401, "PluginInternalError", "Plugin internal error"},
      {"POST", "/kbs/v0/auth", "x", 401, "AttestationError",
       "Attestation error: RCAR handshake Auth failed: deserialize Request"},
      {"POST", "/kbs/v0/auth", R"({"version":"x","tee":"sample","extra-params":{}})", 401,
       "AttestationError",
       "Attestation error: RCAR handshake Auth failed: failed to parse KBS version"},
      {"POST", "/kbs/v0/auth", R"({"version":"0.1.0","tee":"sample","extra-params":{}})", 401,
       "AttestationError",
       "Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: "
       "expect =0.4.0 while the "
       "request is 0.1.0"},
      {"POST", "/kbs/v0/attest", "{}", 401, "AttestationError",
       "Attestation error: RCAR handshake Attest failed"},
      {"POST", "/kbs/v0/attestation-policy", "{}", 401, "AttestationError",
       "Attestation error: Set Attestation Policy failed"},
      {"POST", "/kbs/v0/resource-policy", "x", 401, "ParsePolicyError",
       "Failed to parse policy: Illegal SetPolicy Request Json"},
      {"POST", "/kbs/v0/resource-policy", "[]", 401, "ParsePolicyError",
       "Failed to parse policy: No `policy` field inside SetPolicy Request Json"},
      {"POST", "/kbs/v0/resource-policy", R"({"policy":1})", 401, "ParsePolicyError",
       "Failed to parse policy: `policy` field is not a string in SetPolicy Request Json"},
      {"POST", "/kbs/v0/resource-policy", R"({"policy":"eA"})", 401, "PolicyEngineError",
       "Policy engine error: Failed to load policy: policy.rego:1:1: expecting `package` Missing "
       "package declaration."},
      {"GET", "/kbs/v0/reference-value/unknown", "", 401, "RvpsError",
       "RVPS configuration failed: Failed to get reference_values: No reference value found for "
       "the given id: unknown"},
  };
  for (const Case& c : cases) {
    const Response response = send(c.method, c.target, c.body);
    EXPECT_EQ(response.status, c.status) << c.target;
    EXPECT_EQ(type_of(response), c.type) << c.target;
    auto parsed = parse_json_object(response.body_text());
    ASSERT_TRUE(parsed) << c.target;
    EXPECT_EQ(string_member(*parsed, "detail"), c.detail) << c.target;
  }
  EXPECT_EQ(send("HEAD", "/kbs/v0/resource/a/b/c").status, 405u);
}

TEST(Query, LastOfRepeatedKeysWins) {
  const auto pairs = parse_query("a=1&b=x+y%20z&a=2&c&=v&d=%zz");
  EXPECT_EQ(pairs.at("a"), "2");
  EXPECT_EQ(pairs.at("b"), "x y z");
  EXPECT_EQ(pairs.at("c"), "");
  EXPECT_EQ(pairs.at(""), "v");
  EXPECT_TRUE(parse_query("").empty());
}

}  // namespace
}  // namespace kbs::api::testing
