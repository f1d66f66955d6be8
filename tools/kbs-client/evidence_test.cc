#include "kbs-client/evidence.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>

namespace kbs::client {
namespace {

// The worked example of spec/rcar-protocol.md §6.3.
constexpr std::string_view kNonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

json::object example_key() {
  return parse_json_object(
             R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c",)"
             R"("y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"})")
      .value();
}

AttesterSet sample_only() {
  AttesterSet set;
  set.primary = sample_attester();
  return set;
}

TEST(RuntimeData, HashesAsTheWorkedExample) {
  struct Case {
    crypto::HashAlgorithm hash;
    std::string_view want;
  };
  const Case cases[] = {
      {crypto::HashAlgorithm::sha256,
       "3279466ef5b7e3827c5d9740f24a4db2574feb6b48f6e4e2dc141e04fcd3114e"},
      {crypto::HashAlgorithm::sha384,
       "8647fcd1769a6dccaf397db5ba3e5b8e0e75e09640abbec3d163620b825c11d54477c351f58b47353540d96c352"
       "8176d"},
      {crypto::HashAlgorithm::sha512,
       "0db3c7b0d589ba22c3666ca3c8788633e353b67e79d02d1ea15bc9940be384efab0e2aaa090552160274b0fa01a"
       "25673d8c03bf805a009"
       "c6f7b9f8aed1ab6640"},
  };
  const std::string text = runtime_data_text(kNonce, example_key(), "");
  for (const Case& c : cases) EXPECT_EQ(hex(crypto::digest(c.hash, as_bytes(text))), c.want);
}

TEST(RuntimeData, OfDevicesHasNoAdditionalEvidence) {
  const std::string text = runtime_data_text(kNonce, example_key(), std::nullopt);
  EXPECT_EQ(text.size(), 219u);
  EXPECT_EQ(base64(crypto::digest(crypto::HashAlgorithm::sha384, as_bytes(text))),
            "plI9UY3ak+trBJDTpvKoBkzH5oVukaTE93hyJ3mkWGOI6OHzgs6fZpHt4jsgMynq");
}

TEST(Evidence, SampleCarriesTheHash) {
  auto evidence =
      make_evidence(sample_only(), kNonce, example_key(), crypto::HashAlgorithm::sha384);
  ASSERT_TRUE(evidence);
  EXPECT_EQ(
      to_json(*evidence),
      R"({"primary_evidence":{"svn":"1","report_data":"hkf80XaabcyvOX21uj5bjg514JZAq77D0WNiC4JcEdVEd8NR9YtHNTVA)"
      R"(2Ww1KBdt"},"additional_evidence":""})");
}

TEST(Evidence, PrimaryBindsTheDevices) {
  AttesterSet set = sample_only();
  set.devices.push_back(sample_device_attester());
  auto evidence = make_evidence(set, kNonce, example_key(), crypto::HashAlgorithm::sha384);
  ASSERT_TRUE(evidence);
  EXPECT_EQ(
      string_member(*evidence, "additional_evidence"),
      R"({"sampledevice":{"svn":"2","report_data":"plI9UY3ak+trBJDTpvKoBkzH5oVukaTE93hyJ3mkWGOI6OHzgs6fZpHt4jsgM)"
      R"(ynq"}})");
  auto bound = from_hex(
      "0f5f5d76a46245d46a4d62a6e001de127eddc89be1a7d012a6baba39ffc009514167a5a2717a1c9ea6be8a078740"
      "8553");
  ASSERT_TRUE(bound);
  EXPECT_EQ(string_member(evidence->at("primary_evidence").as_object(), "report_data"),
            base64(*bound));
}

TEST(SelectedHash, FollowsTheChallenge) {
  struct Case {
    std::string_view extra_params;
    std::optional<crypto::HashAlgorithm> want;
    const char* why;
  };
  const Case cases[] = {
      {R"("")", crypto::HashAlgorithm::sha384, "nothing selected"},
      {"null", crypto::HashAlgorithm::sha384, "nothing at all"},
      {"{}", crypto::HashAlgorithm::sha384, "other parameters only"},
      {R"({"selected-hash-algorithm":"SHA512"})", crypto::HashAlgorithm::sha512, "any case (C-07)"},
      {R"({"selected-hash-algorithm":"sm3"})", crypto::HashAlgorithm::sm3, "SM3"},
      {R"({"selected-hash-algorithm":"sha-384"})", std::nullopt, "unknown name: abort"},
      {R"({"selected-hash-algorithm":384})", std::nullopt, "not a string: abort"},
      {R"({"selected-hash-algorithm":null})", std::nullopt, "null is not a string either"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto got = selected_hash(parse_json(c.extra_params).value());
    EXPECT_EQ(got ? std::optional(*got) : std::nullopt, c.want);
  }
}

TEST(DetectAttesters, AddsTheSampleDeviceOnRequestOnly) {
  EXPECT_EQ(detect_attesters(false).primary->tee(), "sample");
  EXPECT_TRUE(detect_attesters(false).devices.empty());
  ASSERT_EQ(detect_attesters(true).devices.size(), 1u);
  EXPECT_EQ(detect_attesters(true).devices.front()->tee(), "sampledevice");
}

}  // namespace
}  // namespace kbs::client
