#include "kbs/api/routes.h"

#include <gtest/gtest.h>

#include "attestation/embedded/embedded.h"
#include "base/encoding.h"
#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "crypto/digest.h"
#include "crypto/jwe.h"
#include "kbs/plugins/resource.h"
#include "kbs/plugins/sample.h"
#include "policy/stock_policies.h"
#include "storage/memory/memory.h"

namespace kbs::api {
namespace {

using crypto::PrivateKey;
using storage::KeyValuePtr;

/// An audit trail that can be told to fail, and remembers what it was given.
class FakeAudit final : public audit::AuditLog {
 public:
  awaitable<Result<>> record(unsigned, audit::Record record) override {
    if (failing) co_return fail(ErrorKind::unavailable, "the audit trail cannot be written");
    events.push_back(std::string(record.event) + " " + record.object +
                     (record.allowed ? " yes" : " no"));
    co_return Result<>();
  }
  Result<> reopen() override { return {}; }
  bool failing = false;
  std::vector<std::string> events;
};

/// A backend that counts who asked it.
class CountingBackend final : public storage::Backend {
 public:
  explicit CountingBackend(storage::BackendPtr inner) : inner_(std::move(inner)) {}
  const storage::Capabilities& capabilities() const noexcept override {
    return inner_->capabilities();
  }
  awaitable<Result<storage::Resource>> read(ResourceId id, storage::ReadOptions options) override {
    ++reads;
    return inner_->read(std::move(id), std::move(options));
  }
  awaitable<Result<storage::VersionId>> write(ResourceId id, Secret value,
                                              storage::WriteOptions options) override {
    ++writes;
    return inner_->write(std::move(id), std::move(value), std::move(options));
  }
  awaitable<Result<>> remove(ResourceId id, storage::RemoveOptions options) override {
    return inner_->remove(std::move(id), std::move(options));
  }
  awaitable<Result<storage::Page>> list(storage::ListOptions options) override {
    return inner_->list(std::move(options));
  }
  awaitable<Result<>> health() override { return inner_->health(); }
  int reads = 0, writes = 0;

 private:
  storage::BackendPtr inner_;
};

class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(ErrorMode mode = ErrorMode::precise) {
    storage::Services services{system_files(), clock_, pool_};
    const auto kv = [&](const char* name) { return *storage::open_key_value({}, name, services); };
    attestation_ = *testing::run(attestation::embedded::make({}, kv("attestation_service_policy"),
                                                             kv("reference_value"), clock_));
    policy_ = *testing::run(ResourcePolicy::open(kv("kbs"), "", clock_, *metrics_));
    backend_ = std::make_shared<CountingBackend>(storage::memory::make({}, clock_));
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->error_mode = mode;
    token::TrustOptions trust;
    trust.own_key = attestation_->own_signing_key();
    snapshot->tokens = *token::TokenVerifier::make(std::move(trust));
    config::Admin admin;
    admin.mode = config::Admin::Mode::allow_all;
    snapshot->admin = *admin::AdminGate::make(admin, clock_);
    snapshot->plugins = {plugins::make_resource(backend_, *metrics_), plugins::make_sample()};
    app_.emplace(App{clock_, *metrics_, audit_, *policy_, attestation_.get(), sessions_,
                     challenges_, std::chrono::minutes{5}});
    worker_.emplace(Worker{0, *app_, snapshot});
  }
  ~ApiTest() override { pool_.join(); }

  Response send(std::string_view method, std::string target, std::string_view body = "",
                std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::Request request;
    request.method_name = method;
    request.method = method == "GET"      ? Method::get
                     : method == "POST"   ? Method::post
                     : method == "PUT"    ? Method::put
                     : method == "DELETE" ? Method::del
                     : method == "HEAD"   ? Method::head
                                          : Method::other;
    request.target = target;
    const auto question = target.find('?');
    request.path = percent_decode(target.substr(0, question));
    if (question != std::string::npos) request.query = target.substr(question + 1);
    request.headers = std::move(headers);
    request.body = Secret::from_text(body);
    return testing::run(serve(*worker_, std::move(request)));
  }
  void set_policy(std::string_view text) {
    ASSERT_TRUE(testing::run(policy_->set(std::string(text))));
  }
  static std::string type_of(const Response& response) {
    auto parsed = parse_json_object(response.body_text());
    if (!parsed) return "(no JSON)";
    const std::string type(string_member(*parsed, "type").value_or(""));
    return type.substr(type.rfind('/') + 1);
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  struct Opened {
    std::string cookie, nonce;
  };
  Opened auth() {
    const Response response =
        send("POST", "/kbs/v0/auth", R"({"version":"0.4.0","tee":"sample","extra-params":""})");
    EXPECT_EQ(response.status, 200u) << response.body_text();
    auto body = parse_json_object(response.body_text());
    const std::string cookie = header(response, "Set-Cookie");
    return {cookie.substr(0, cookie.find(';')), std::string(body->at("nonce").as_string())};
  }
  std::string attestation_body(const std::string& nonce, std::string_view alg = "ECDH-ES+A256KW") {
    json::object jwk = key_.public_key().to_jwk();
    jwk["alg"] = alg;
    json::object runtime{{"additional-evidence", ""}, {"nonce", nonce}, {"tee-pubkey", jwk}};
    const Bytes digest =
        crypto::digest(crypto::HashAlgorithm::sha384, as_bytes(canonical_json(runtime)));
    json::object body{
        {"runtime-data", json::object{{"nonce", nonce}, {"tee-pubkey", jwk}}},
        {"tee-evidence", json::object{{"primary_evidence",
                                       json::object{{"svn", "1"}, {"report_data", base64(digest)}}},
                                      {"additional_evidence", ""}}}};
    return to_json(body);
  }
  /// A whole handshake; the cookie of the attested session.
  std::string attest() {
    const Opened opened = auth();
    const Response response =
        send("POST", "/kbs/v0/attest", attestation_body(opened.nonce), {{"Cookie", opened.cookie}});
    EXPECT_EQ(response.status, 200u) << response.body_text();
    auto body = parse_json_object(response.body_text());
    token_ = body->at("token").as_string();
    return opened.cookie;
  }
  Response get(const std::string& cookie,
               const std::string& path = "/kbs/v0/resource/default/key/1") {
    return send("GET", path, "", {{"Cookie", cookie}});
  }

  asio::thread_pool pool_{1};
  testing::ManualClock clock_;
  std::unique_ptr<metrics::Metrics> metrics_ = metrics::Metrics::make();
  FakeAudit audit_;
  std::shared_ptr<attestation::AttestationService> attestation_;
  std::shared_ptr<ResourcePolicy> policy_;
  std::shared_ptr<CountingBackend> backend_;
  rcar::MemorySessions sessions_{clock_};
  rcar::ChallengeCodec challenges_ = rcar::ChallengeCodec::random();
  std::optional<App> app_;
  std::optional<Worker> worker_;
  PrivateKey key_ = *PrivateKey::generate(crypto::KeyType::ec_p256);
  std::string token_;
};

class TrusteeModeTest : public ApiTest {
 protected:
  TrusteeModeTest() : ApiTest(ErrorMode::trustee) {}
};

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
  EXPECT_EQ(backend_->reads, 0);
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
  const int before = backend_->writes;
  EXPECT_EQ(send("POST", "/kbs/v0/resource/default/key/2", "x").status, 503u);
  EXPECT_EQ(backend_->writes, before) << "an intent that cannot be recorded changes nothing";
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
  EXPECT_EQ(backend_->reads, 0);
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
}  // namespace kbs::api
