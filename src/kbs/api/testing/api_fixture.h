#pragma once
/// The API as a whole, without a network: requests in, answers out.

#include <gtest/gtest.h>

#include "attestation/embedded/embedded.h"
#include "base/encoding.h"
#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "crypto/digest.h"
#include "crypto/jwe.h"
#include "kbs/api/routes.h"
#include "kbs/plugins/resource.h"
#include "kbs/plugins/sample.h"
#include "policy/stock_policies.h"
#include "storage/memory/memory.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::api::testing {

using crypto::PrivateKey;
using kbs::testing::ManualClock;
using kbs::testing::run;
using storage::KeyValuePtr;
using storage::testing::FaultyBackend;
using storage::testing::Op;

/// An audit trail that can be told to fail, and remembers what it was given.
class FakeAudit final : public audit::AuditLog {
 public:
  awaitable<Result<>> record(unsigned, audit::Record record) override {
    if (failing) co_return fail(ErrorKind::unavailable, "the audit trail cannot be written");
    events.push_back(std::string(record.event) + " " + record.object +
                     (record.allowed ? " yes" : " no"));
    records.push_back(std::move(record));
    co_return Result<>();
  }
  Result<> reopen() override { return {}; }
  bool failing = false;
  std::vector<std::string> events;  ///< "event object yes"
  std::vector<audit::Record> records;
};

class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(ErrorMode mode = ErrorMode::precise) {
    storage::Services services{system_files(), clock_, pool_};
    const auto kv = [&](const char* name) { return *storage::open_key_value({}, name, services); };
    attestation_ = *run(attestation::embedded::make({}, kv("attestation_service_policy"),
                                                    kv("reference_value"), clock_));
    policy_ = *run(ResourcePolicy::open(kv("kbs"), "", clock_, *metrics_));
    backend_ = std::make_shared<FaultyBackend>(storage::memory::make({}, clock_));
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->error_mode = mode;
    token::TrustOptions trust;
    trust.own_key = attestation_->own_signing_key();
    snapshot->tokens = *token::TokenVerifier::make(std::move(trust));
    config::Admin admin;
    admin.mode = config::Admin::Mode::allow_all;
    snapshot->admin = *admin::AdminGate::make(admin, clock_);
    snapshot->mounts = *storage::Mounts::make(mounts(services));
    snapshot->plugins = {plugins::make_resource(snapshot->mounts, *metrics_, clock_),
                         plugins::make_sample()};
    app_.emplace(App{clock_, *metrics_, audit_, *policy_, attestation_.get(), sessions_,
                     challenges_, std::chrono::minutes{5}});
    worker_.emplace(Worker{0, *app_, snapshot});
  }
  ~ApiTest() override { pool_.join(); }

  /// One for everything over `backend_`, a read-only one and one that keeps what is deleted.
  std::vector<storage::Mount> mounts(storage::Services services) {
    storage::MountOptions main;
    main.name = "main";
    main.backend = "memory";
    storage::MountOptions kept = main;
    kept.name = kept.prefix = "kept";
    kept.keep_deleted = true;
    storage::MountOptions fixed = main;
    fixed.name = fixed.prefix = "fixed";
    fixed.read_only = true;
    std::vector<storage::Mount> all;
    const auto add = [&](storage::MountOptions options, storage::BackendPtr raw) {
      all.push_back(*run(storage::decorate(std::move(options), std::move(raw), services, nullptr)));
    };
    add(std::move(main), backend_);
    add(std::move(kept), storage::memory::make({}, clock_));
    add(std::move(fixed), storage::memory::make({}, clock_));
    return all;
  }

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
    return run(serve(*worker_, std::move(request)));
  }
  void set_policy(std::string_view text) { ASSERT_TRUE(run(policy_->set(std::string(text)))); }
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
  ManualClock clock_;
  std::unique_ptr<metrics::Metrics> metrics_ = metrics::Metrics::make();
  FakeAudit audit_;
  std::shared_ptr<attestation::AttestationService> attestation_;
  std::shared_ptr<ResourcePolicy> policy_;
  std::shared_ptr<FaultyBackend> backend_;
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

}  // namespace kbs::api::testing
