#include "attestation/embedded/embedded.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/encoding.h"
#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "crypto/jws.h"

namespace kbs::attestation::embedded {
namespace {

constexpr std::string_view kKey =
    R"({"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"})";
constexpr std::string_view kNonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

class EmbeddedTest : public ::testing::Test {
 protected:
  EmbeddedTest() { make_service({}); }
  ~EmbeddedTest() override { pool_.join(); }

  void make_service(TokenBrokerOptions broker) {
    storage::Services services{system_files(), clock_, pool_};
    policies_ = *storage::open_key_value({}, "attestation_service_policy", services);
    auto values = *storage::open_key_value({}, "reference_value", services);
    service_ = *testing::run(make(Options{std::move(broker)}, policies_, values, clock_));
  }
  /// Evidence as spec/rcar-protocol.md §5 has it, bound correctly unless told otherwise.
  static Evidence evidence(Tee tee = Tee::sample, std::string_view svn = "1") {
    json::object runtime{{"nonce", kNonce}, {"tee-pubkey", *parse_json(kKey)}};
    if (tee != Tee::sampledevice) runtime["additional-evidence"] = "";
    const Bytes digest =
        crypto::digest(crypto::HashAlgorithm::sha384, as_bytes(canonical_json(runtime)));
    json::object body{{"svn", svn}, {"report_data", base64(digest)}};
    return {tee, std::move(body), std::move(runtime), crypto::HashAlgorithm::sha384, std::nullopt};
  }
  Result<std::string> evaluate(std::vector<Evidence> all) {
    return testing::run(service_->evaluate(std::move(all)));
  }
  Result<json::object> claims_of(std::vector<Evidence> all) {
    KBS_TRY(std::string token, evaluate(std::move(all)));
    KBS_TRY(auto jws, crypto::parse_jws(token));
    KBS_OK(crypto::verify_jws(jws, *service_->own_signing_key(), crypto::JwsAlgorithm::es256));
    KBS_TRY(Bytes payload, jws.payload());
    header_ = jws.header;
    return parse_json_object(as_text(payload));
  }
  static std::vector<Evidence> one(Evidence e) {
    std::vector<Evidence> all;
    all.push_back(std::move(e));
    return all;
  }
  void reference(std::string_view values) {
    const std::string message =
        R"({"type":"sample","payload":")" + base64(as_bytes(values)) + R"("})";
    ASSERT_TRUE(testing::run(service_->register_reference_values(message)));
  }

  asio::thread_pool pool_{1};
  testing::ManualClock clock_;
  storage::KeyValuePtr policies_;
  std::shared_ptr<AttestationService> service_;
  json::object header_;
};

TEST_F(EmbeddedTest, ReproducesTheWorkedExample) {
  auto claims = claims_of(one(evidence()));
  ASSERT_TRUE(claims) << describe(claims.error());
  // spec/attestation-token.md §6.4, at its very second.
  const std::string want = R"({
    "eat_profile":"tag:github.com,2024:confidential-containers/Trustee","iat":1785700000,
    "ear.verifier-id":{"developer":"https://confidentialcontainers.org","build":"attestation-service 0.1.0"},
    "submods":{"cpu0":{"ear.status":"contraindicated",
      "ear.trustworthiness-vector":{"instance-identity":0,"configuration":2,"executables":33,"file-system":0,
        "hardware":97,"runtime-opaque":0,"storage-opaque":0,"sourced-data":0},
      "ear.appraisal-policy-id":"default",
      "ear.veraison.annotated-evidence":{
        "report_data":"hkf80XaabcyvOX21uj5bjg514JZAq77D0WNiC4JcEdVEd8NR9YtHNTVA2Ww1KBdt",
        "runtime_data_claims":{"additional-evidence":"","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
          "tee-pubkey":{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC",
            "x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"}},
        "sample":{"debug":false,"launch_digest":"abcde","platform_version":{"major":1,"minor":4},"svn":"1"}},
      "ear.trustee.identifiers":{"validated":{}}}},
    "exp":1785700300,"iss":"CoCo-Attestation-Service"})";
  EXPECT_EQ(canonical_json(*claims), canonical_json(*parse_json(want)));
}

TEST_F(EmbeddedTest, HeaderCarriesTheKeyAndNoKid) {
  ASSERT_TRUE(claims_of(one(evidence())));
  EXPECT_EQ(header_.at("typ").as_string(), "JWT");
  EXPECT_EQ(header_.at("alg").as_string(), "ES256");
  EXPECT_FALSE(header_.contains("kid"));
  const json::object& jwk = header_.at("jwk").as_object();
  EXPECT_EQ(jwk.at("alg").as_string(), "ES256");
  EXPECT_EQ(jwk.at("x").as_string().size(), 43u);
  EXPECT_EQ(jwk.at("y").as_string().size(), 43u);
  EXPECT_FALSE(jwk.contains("x5c"));
}

TEST_F(EmbeddedTest, ReferenceValuesMakeItAffirming) {
  reference(
      R"({"launch_digest":["abcde"],"svn":["1"],"major_version":1,"minimum_minor_version":1})");
  auto claims = claims_of(one(evidence()));
  ASSERT_TRUE(claims);
  const json::value& cpu = claims->at("submods").at("cpu0");
  EXPECT_EQ(cpu.at("ear.status").as_string(), "affirming");
  EXPECT_EQ(cpu.at("ear.trustworthiness-vector").at("hardware").as_int64(), 2);
  EXPECT_EQ(cpu.at("ear.trustworthiness-vector").at("executables").as_int64(), 3);
}

TEST_F(EmbeddedTest, NumbersSubmodulesByClass) {
  std::vector<Evidence> all;
  all.push_back(evidence());
  all.push_back(evidence(Tee::sampledevice, "2"));
  auto claims = claims_of(std::move(all));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->at("submods").as_object().size(), 2u);
  EXPECT_TRUE(claims->at("submods").as_object().contains("cpu0"));
  const json::value& gpu = claims->at("submods").at("gpu0");
  EXPECT_FALSE(gpu.at("ear.veraison.annotated-evidence")
                   .at("runtime_data_claims")
                   .as_object()
                   .contains("additional-evidence"));
  EXPECT_EQ(gpu.at("ear.trustworthiness-vector").at("hardware").as_int64(), 97)
      << "a sample device is never recognised";
}

TEST_F(EmbeddedTest, EvidenceThatDoesNotHold) {
  const auto with = [](auto change) {
    Evidence e = evidence();
    change(e);
    return one(std::move(e));
  };
  EXPECT_FALSE(evaluate({})) << "no evidence";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.runtime_data["nonce"] = "other"; })))
      << "bound to another nonce";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.hash = crypto::HashAlgorithm::sha512; })))
      << "another hash";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.evidence.as_object()["svn"] = 1; })))
      << "svn is a string";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.evidence.as_object().erase("report_data"); })))
      << "not bound at all";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.evidence = "x"; }))) << "no object";
  EXPECT_FALSE(evaluate(with([](Evidence& e) { e.tee = Tee::snp; }))) << "no verifier for it here";
  std::vector<Evidence> one_bad;
  one_bad.push_back(evidence());
  one_bad.push_back(evidence(Tee::sampledevice));
  one_bad.back().runtime_data["nonce"] = "other";
  EXPECT_FALSE(evaluate(std::move(one_bad))) << "one bad piece fails the whole";
}

TEST_F(EmbeddedTest, InitDataIsEchoedWithItsClaims) {
  Evidence e = evidence();
  e.init_data = InitData{
      "toml", "algorithm = \"sha384\"\nversion = \"0.1.0\"\n\n[data]\n\"key1\" = \"value1\"\n"};
  auto claims = claims_of(one(std::move(e)));
  ASSERT_TRUE(claims);
  const json::value& annotated =
      claims->at("submods").at("cpu0").at("ear.veraison.annotated-evidence");
  EXPECT_EQ(annotated.at("init_data").as_string(),
            base64(*from_hex("ad344b89d2a0c99aad897d9b86bb5d3e47a81d10a68ff85d050dfac2463a542023b20"
                             "9996e7f8ff001e588df394d1d09")));
  EXPECT_EQ(to_json(annotated.at("init_data_claims")), R"({"key1":"value1"})");
}

TEST_F(EmbeddedTest, ABadPolicyFailsAttestationsUntilItIsReplaced) {
  for (const char* bad : {"package policy\ntrust_claims := {\"nonsense\": 2}",
                          "package policy\ntrust_claims := {\"hardware\": 300}"}) {
    ASSERT_TRUE(testing::run(service_->set_policy("default_cpu", bad)));
    auto judged = evaluate(one(evidence()));
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().kind, ErrorKind::unauthenticated);
  }
  ASSERT_TRUE(testing::run(
      service_->set_policy("default_cpu", "package policy\ntrust_claims := {\"hardware\": 97}")));
  auto claims = claims_of(one(evidence()));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->at("submods").at("cpu0").at("ear.status").as_string(), "contraindicated");
}

TEST_F(EmbeddedTest, PolicyUploadsAreChecked) {
  EXPECT_FALSE(testing::run(service_->set_policy("default_cpu", "not rego")));
  for (const char* id : {"", "a b", "a\nb", "ä", "a\\b"}) {
    EXPECT_FALSE(testing::run(service_->set_policy(id, "package policy"))) << id;
  }
  EXPECT_TRUE(testing::run(service_->set_policy("other/id.v-1_x", "package policy")));
}

TEST_F(EmbeddedTest, VerboseOrNot) {
  TokenBrokerOptions broker;
  broker.verbose_token = false;
  make_service(broker);
  auto claims = claims_of(one(evidence()));
  ASSERT_TRUE(claims) << "the binding is checked with it all the same";
  const json::value& runtime = claims->at("submods")
                                   .at("cpu0")
                                   .at("ear.veraison.annotated-evidence")
                                   .at("runtime_data_claims");
  EXPECT_FALSE(runtime.as_object().contains("additional-evidence"));
}

TEST_F(EmbeddedTest, ChallengesAreFreshForEveryTee) {
  std::set<std::string> nonces;
  for (Tee tee : {Tee::sample, Tee::snp, Tee::tdx, Tee::az_snp_vtpm, Tee::nvidia, Tee::tpm}) {
    auto challenge = testing::run(service_->challenge(
        tee, json::object{{"supported-hash-algorithms", json::array{"sha256"}}}));
    ASSERT_TRUE(challenge);
    EXPECT_EQ(challenge->nonce.size(), 44u);
    EXPECT_EQ(challenge->extra_params.as_string(), "") << "whatever is offered, it stays SHA-384";
    EXPECT_TRUE(nonces.insert(challenge->nonce).second);
  }
  EXPECT_FALSE(testing::run(service_->challenge(Tee::se, "")));
}

TEST_F(EmbeddedTest, StockPoliciesAreWrittenOnlyWhereAbsent) {
  EXPECT_EQ(testing::run(policies_->list())->size(), 4u);
  ASSERT_TRUE(testing::run(
      service_->set_policy("default_cpu", "package policy\ntrust_claims := {\"hardware\": 2}")));
  storage::Services services{system_files(), clock_, pool_};
  auto values = *storage::open_key_value({}, "reference_value", services);
  service_ = *testing::run(make({}, policies_, values, clock_));
  auto claims = claims_of(one(evidence()));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->at("submods").at("cpu0").at("ear.status").as_string(), "affirming")
      << "the administrator's stays";
}

TEST_F(EmbeddedTest, SignerFilesAtFaultAreNamed) {
  const auto dir =
      std::filesystem::temp_directory_path() / ("kbs-signer-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  const auto write = [&](const char* name, std::string_view text) {
    std::ofstream(dir / name) << text;
    return (dir / name).string();
  };
  const Secret p256 = crypto::PrivateKey::generate(crypto::KeyType::ec_p256)->to_pkcs8_pem();
  const Secret p384 = crypto::PrivateKey::generate(crypto::KeyType::ec_p384)->to_pkcs8_pem();
  struct Case {
    std::string key, cert, names;
    const char* why;
  };
  const Case cases[] = {
      {(dir / "absent.key").string(), "", "absent.key", "no such file"},
      {dir.string(), "", dir.string(), "a directory"},
      {write("p384.key", p384.expose_text()), "", "p384.key", "another curve"},
      {write("rubbish.key", "rubbish"), "", "rubbish.key", "no key"},
      {write("good.key", p256.expose_text()), write("no.crt", "no certificate"), "no.crt",
       "no certificate"},
  };
  for (const Case& c : cases) {
    TokenBrokerOptions broker;
    broker.signer = TokenBrokerOptions::Signer{c.key, c.cert, ""};
    storage::Services services{system_files(), clock_, pool_};
    auto made =
        testing::run(make(Options{broker}, policies_,
                          *storage::open_key_value({}, "reference_value", services), clock_));
    ASSERT_FALSE(made) << c.why;
    EXPECT_NE((made.error().message + made.error().detail).find(c.names), std::string::npos)
        << c.why << ": " << made.error().message;
  }
  std::filesystem::remove_all(dir);
}

TEST_F(EmbeddedTest, AcceptsTheSampleVector) {
  const char* env = std::getenv("VOUCHSAFE_VECTORS");
  const std::string dir = env ? env : "../shared/vectors";
  std::ifstream sample(dir + "/sample/evidence.json");
  std::ifstream runtime(dir + "/runtime-data/kat.json");
  if (!sample || !runtime) GTEST_SKIP() << "no vectors in " << dir << ": set VOUCHSAFE_VECTORS";
  const auto read = [](std::ifstream& file) {
    return *parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
  };
  const json::value body = read(sample);
  const json::array vectors = read(runtime).as_array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    Evidence e{Tee::sample, body, vectors[i].at("input").as_object(), crypto::HashAlgorithm::sha384,
               std::nullopt};
    EXPECT_EQ(canonical_json(e.runtime_data), vectors[i].at("canonical").as_string());
    EXPECT_EQ(evaluate(one(std::move(e))).has_value(), i == 1) << "vector " << i;
  }
}

}  // namespace
}  // namespace kbs::attestation::embedded
