#include "kbs/rcar/messages.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace kbs::rcar {
namespace {

// The key and nonce of spec/rcar-protocol.md §6.3.
constexpr std::string_view kKey =
    R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"})";
constexpr std::string_view kNonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string attestation(std::string_view key, std::string_view evidence,
                        std::string_view more = "") {
  return R"({"runtime-data":{"nonce":")" + std::string(kNonce) + R"(","tee-pubkey":)" +
         std::string(key) + R"(},"tee-evidence":)" + std::string(evidence) + std::string(more) +
         "}";
}
constexpr std::string_view kEvidence =
    R"({"primary_evidence":{"svn":"1"},"additional_evidence":""})";

TEST(Request, Parse) {
  struct Case {
    std::string_view body;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {R"({"version":"0.4.0","tee":"sample","extra-params":{}})", true, "the ordinary one"},
      {R"({"version":"0.4.0","tee":"sample","extra-params":""})", true,
       "extra-params may be any value"},
      {R"({"version":"0.4.0","tee":"sample","extra-params":null})", true, "null too"},
      {R"({"version":"0.4.0","tee":"sample","extra-params":5,"more":[]})", true,
       "unknown members are ignored"},
      {R"({"version":"0.4.0","tee":"sample"})", false, "extra-params is required"},
      {R"({"tee":"sample","extra-params":{}})", false, "version is required"},
      {R"({"version":"0.4.0","extra-params":{}})", false, "tee is required"},
      {R"({"version":"0.4.0","tee":"sev","extra-params":{}})", false, "a TEE of old"},
      {R"({"version":"0.4.0","tee":"Sample","extra-params":{}})", false,
       "names are case-sensitive"},
      {R"({"version":4,"tee":"sample","extra-params":{}})", false, "version is a string"},
      {R"({"version":"0.4.0","version":"0.4.0","tee":"sample","extra-params":{}})", false,
       "a repeated member"},
      {R"({"version":"0.4.0","tee":"sample","extra-params":{}} x)", false, "trailing bytes"},
      {"not json", false, "no JSON"},
      {"", false, "nothing"},
      {"[]", false, "no object"},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_request(c.body).has_value(), c.good) << c.why;
}

TEST(Version, OnlyTheOneWeSpeak) {
  struct Case {
    std::string_view version;
    std::optional<bool> want;  ///< nullopt: no semantic version at all
    const char* why;
  };
  const Case cases[] = {
      {"0.4.0", true, "ours"},
      {"0.4.0+build5", true, "build metadata does not count"},
      {"0.4.0+build.5-x", true, "whatever it holds"},
      {"0.4.0-rc1", false, "a pre-release is another version"},
      {"0.4.1", false, "newer"},
      {"0.3.9", false, "older"},
      {"1.0.0", false, "much newer"},
      {"0.1.0", false, "the first"},
      {"0.4", std::nullopt, "two numbers"},
      {"v0.4.0", std::nullopt, "a letter"},
      {"", std::nullopt, "nothing"},
      {"latest", std::nullopt, "a word"},
      {"0.04.0", std::nullopt, "a leading zero"},
      {"0.4.0-", std::nullopt, "an empty pre-release"},
      {"0.4.0+", std::nullopt, "empty metadata"},
      {"0.4.0-01", std::nullopt, "a numeric pre-release with a leading zero"},
      {"0.4.0.0", std::nullopt, "four numbers"},
      {" 0.4.0", std::nullopt, "a space"},
      {"0.4.99999999999999999999", std::nullopt, "a number without end"},
  };
  for (const Case& c : cases) {
    const auto got = speaks_version(c.version);
    EXPECT_EQ(got ? std::optional(*got) : std::nullopt, c.want) << c.why;
  }
}

TEST(Attestation, Parse) {
  struct Case {
    std::string body;
    bool good;
    const char* why;
  };
  const std::string rsa = R"({"kty":"RSA","alg":"RSA-OAEP-256","n":"AQAB","e":"AQAB"})";
  const Case cases[] = {
      {attestation(kKey, kEvidence), true, "the ordinary one"},
      {attestation(rsa, kEvidence), true,
       "an RSA key: its use is checked when a resource is asked for"},
      {attestation(kKey, kEvidence, R"(,"init-data":null)"), true, "init-data may be null"},
      {attestation(kKey, kEvidence, R"(,"init-data":{"format":"toml","body":""})"), true,
       "init-data"},
      {attestation(kKey, kEvidence, R"(,"init-data":{"format":"json","body":""})"), false,
       "only toml"},
      {attestation(kKey, kEvidence, R"(,"init-data":{"format":"toml"})"), false,
       "init-data without body"},
      {attestation(kKey, kEvidence, R"(,"init-data":"x")"), false, "init-data is an object"},
      {attestation(R"({"kty":"OKP","crv":"X25519","x":"AA"})", kEvidence), false,
       "an unknown kind of key"},
      {attestation(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})", kEvidence), false,
       "alg is required"},
      {attestation(R"({"kty":"EC","crv":"P-256","alg":1,"x":"AA","y":"AA"})", kEvidence), false,
       "alg is a string"},
      {attestation(kKey, R"({"primary_evidence":{}})"), false, "additional_evidence is required"},
      {attestation(kKey, R"({"primary_evidence":{},"additional_evidence":{}})"), false,
       "as a string"},
      {attestation(kKey, R"({"additional_evidence":""})"), false, "primary_evidence is required"},
      {attestation(kKey, R"({"primary_evidence":null,"additional_evidence":""})"), true,
       "of any type"},
      {attestation(kKey, R"("x")"), false, "tee-evidence is an object"},
      {R"({"tee-evidence":{}})", false, "runtime-data is required"},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_attestation(c.body).has_value(), c.good) << c.why;
}

TEST(Evidence, BindsThePrimaryEvidenceToEverything) {
  auto parsed = parse_attestation(attestation(kKey, kEvidence));
  ASSERT_TRUE(parsed);
  auto all =
      evidence_of(std::move(*parsed), attestation::Tee::sample, crypto::HashAlgorithm::sha384);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1u);
  const std::string canonical = canonical_json(all->front().runtime_data);
  EXPECT_EQ(hex(crypto::digest(crypto::HashAlgorithm::sha384, as_bytes(canonical))),
            "8647fcd1769a6dccaf397db5ba3e5b8e0e75e09640abbec3d163620b825c11d54477c351f58b47353540d9"
            "6c3528176d");
}

TEST(Evidence, BindsDevicesToKeyAndNonceAlone) {
  const std::string evidence =
      R"({"primary_evidence":{},"additional_evidence":"{\"sampledevice\":{\"svn\":\"2\",\"report_data\":\"plI9UY3ak+trBJDTpvKoBkzH5oVukaTE93hyJ3mkWGOI6OHzgs6fZpHt4jsgMynq\"}}"})";
  auto parsed = parse_attestation(attestation(kKey, evidence));
  ASSERT_TRUE(parsed);
  auto all =
      evidence_of(std::move(*parsed), attestation::Tee::sample, crypto::HashAlgorithm::sha384);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  const auto digest_of = [](const attestation::Evidence& e) {
    return hex(
        crypto::digest(crypto::HashAlgorithm::sha384, as_bytes(canonical_json(e.runtime_data))));
  };
  EXPECT_EQ(digest_of((*all)[0]),
            "0f5f5d76a46245d46a4d62a6e001de127eddc89be1a7d012a6baba39ffc009514167a5a2717a1c9ea6be8a"
            "0787408553");
  EXPECT_EQ(digest_of((*all)[1]),
            "a6523d518dda93eb6b0490d3a6f2a8064cc7e6856e91a4c4f778722779a4586388e8e1f382ce9f6691ede2"
            "3b203329ea");
  EXPECT_EQ((*all)[1].tee, attestation::Tee::sampledevice);
}

TEST(Evidence, DropsMembersThatTheKeyDoesNotHave) {
  const std::string key =
      std::string(kKey.substr(0, kKey.size() - 1)) + R"(,"kid":"x","use":"enc"})";
  auto parsed = parse_attestation(attestation(key, kEvidence));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->tee_pubkey.size(), 5u);
  EXPECT_FALSE(parsed->tee_pubkey.contains("kid"));
}

TEST(Evidence, AdditionalEvidenceIsAnObjectAsText) {
  struct Case {
    std::string_view text;
    std::optional<std::size_t> want;  ///< pieces of evidence
    const char* why;
  };
  const Case cases[] = {
      {"", 1, "none"},
      {"{}", 1, "legal, and part of the hash"},
      {"nonsense", std::nullopt, "no JSON"},
      {"[]", std::nullopt, "no object"},
      {R"({"unknowntee":{}})", std::nullopt, "no such TEE"},
      {R"({"sampledevice":{},"nvidia":{}})", 3, "two devices"},
      {R"({"sampledevice":{},"sampledevice":{}})", std::nullopt, "one device twice"},
  };
  for (const Case& c : cases) {
    Attestation attestation;
    attestation.nonce = kNonce;
    attestation.additional_evidence = c.text;
    auto all = evidence_of(std::move(attestation), attestation::Tee::sample,
                           crypto::HashAlgorithm::sha384);
    EXPECT_EQ(all ? std::optional(all->size()) : std::nullopt, c.want) << c.why;
  }
}

}  // namespace
}  // namespace kbs::rcar
