#include "kbs-client/guest.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "crypto/jwe.h"
#include "kbs-client/testing/scripted_transport.h"

namespace kbs::client {
namespace {

using testing::answer;
using testing::kbs_error;
using testing::ScriptedTransport;
using testing::Seen;
using Targets = std::vector<std::string>;

constexpr std::string_view kChallenge = R"({"nonce":"bm9uY2U=","extra-params":""})";
constexpr std::string_view kGet = "/kbs/v0/resource/default/key/1";
const std::string kAuth = "/kbs/v0/auth";
const std::string kAttest = "/kbs/v0/attest";

/// A guest against a script; time stands still and is counted.
struct Fixture {
  explicit Fixture(ScriptedTransport::Handler handler) : transport(std::move(handler)) {
    attesters.primary = sample_attester();
  }
  Guest guest(std::optional<std::string> init_data = std::nullopt) {
    return Guest(transport, key, attesters, std::move(init_data), sleep);
  }
  Result<Secret> get() { return guest().get_resource(parse_guest_uri("default/key/1").value()); }
  std::string jwe(std::string_view text) const {
    return crypto::encrypt_jwe(crypto::TeePublicKey::from_jwk(key.jwk()).value(), as_bytes(text))
        .value();
  }

  GuestKey key = GuestKey::generate().value();
  AttesterSet attesters;
  ScriptedTransport transport;
  std::vector<long> slept;
  Guest::Sleep sleep = [this](std::chrono::milliseconds time) {
    slept.push_back(static_cast<long>(time.count()));
  };
};

/// Answers handshakes; `get` answers the rest.
ScriptedTransport::Handler with_handshake(ScriptedTransport::Handler get) {
  return [get](const Seen& request) -> Result<HttpResponse> {
    if (request.target == kAuth) return answer(200, kChallenge);
    if (request.target == kAttest) return answer(200, R"({"token":"a.b.c"})");
    return get(request);
  };
}

TEST(Guest, AttestsOnlyWhenToldTo) {  // C-01
  Fixture* self = nullptr;
  int gets = 0;
  Fixture f(with_handshake([&](const Seen&) -> Result<HttpResponse> {
    return ++gets == 1 ? kbs_error(401, "no token") : answer(200, self->jwe("secret"));
  }));
  self = &f;
  auto got = f.get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->expose_text(), "secret");
  EXPECT_EQ(f.transport.targets(), (Targets{std::string(kGet), kAuth, kAttest, std::string(kGet)}));
}

TEST(Guest, GivesUpAfterThreeGets) {
  Fixture f(with_handshake([](const Seen&) { return kbs_error(401, "Access denied by policy"); }));
  auto got = f.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "request unauthorized");
  EXPECT_NE(got.error().detail.find("Access denied by policy"), std::string::npos);
  EXPECT_EQ(f.transport.targets(), (Targets{std::string(kGet), kAuth, kAttest, std::string(kGet),
                                            kAuth, kAttest, std::string(kGet)}));
}

TEST(Guest, WhatIsFinalEndsAtOnce) {
  struct Case {
    HttpResponse response;
    std::string_view begins;
    ErrorKind kind;
    const char* why;
  };
  Case cases[] = {
      {kbs_error(404, "Plugin x not found"), "KBS resource not found: Plugin x",
       ErrorKind::not_found, "C-03"},
      {kbs_error(403, "policy says no"), "the server answered 403: policy says no",
       ErrorKind::denied, "precise mode"},
      {kbs_error(400, "key unusable"), "the server answered 400: key unusable",
       ErrorKind::invalid_request, "400"},
      {kbs_error(500, "broken"), "the server answered 500: broken", ErrorKind::internal, "500"},
      {kbs_error(503, "down"), "the server answered 503: down", ErrorKind::unavailable,
       "503 without Retry-After"},
      {answer(401, "<html>"), "deserialize http response failed: ", ErrorKind::internal,
       "a proxy's 401"},
      {answer(404, ""), "deserialize http response failed: ", ErrorKind::internal,
       "a web server's 404"},
      {answer(200, "plain"), "deserialize http response failed: ", ErrorKind::internal,
       "not a JWE"},
      {answer(200, R"({"protected":"","encrypted_key":"","iv":"","ciphertext":""})"),
       "deserialize http response failed: ", ErrorKind::internal, "a member is missing"},
      {answer(200, R"({"protected":"","encrypted_key":"","iv":"","ciphertext":"","tag":""})"),
       "decrypt KBS response body failed: ", ErrorKind::internal, "a JWE that nobody can open"},
  };
  for (Case& c : cases) {
    SCOPED_TRACE(c.why);
    Fixture f([&c](const Seen&) -> Result<HttpResponse> { return std::move(c.response); });
    auto got = f.get();
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().message.starts_with(c.begins)) << got.error().message;
    EXPECT_EQ(got.error().kind, c.kind);
    EXPECT_EQ(f.transport.seen.size(), 1u);
  }
}

TEST(Guest, AForeignKeysResponseDoesNotOpen) {
  Fixture other([](const Seen&) { return answer(500); });
  const std::string jwe = other.jwe("secret");
  Fixture f([&](const Seen&) { return answer(200, jwe); });
  auto got = f.get();
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with("decrypt KBS response body failed: "));
}

TEST(Guest, AFailingHandshakeEndsTheFetch) {
  Fixture f([](const Seen& request) {
    return kbs_error(401, request.target == kAuth ? "no version" : "no token");
  });
  auto got = f.get();
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with("RCAR handshake failed: "));
  EXPECT_NE(got.error().message.find("no version"), std::string::npos) << "the server's own words";
  EXPECT_EQ(f.transport.seen.size(), 2u);
}

TEST(Guest, WaitsForABusyServerWithinItsThreeTries) {
  Fixture f([](const Seen&) -> Result<HttpResponse> {
    HttpResponse busy = kbs_error(503, "vault down");
    busy.retry_after = std::chrono::seconds(2);
    return busy;
  });
  auto got = f.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(f.transport.seen.size(), 3u);
  EXPECT_EQ(f.slept, (std::vector<long>{2000, 2000}));
}

TEST(Guest, IsNotParkedByAnAbsurdRetryAfter) {
  int asked = 0;
  Fixture f([&](const Seen&) -> Result<HttpResponse> {
    if (++asked > 1) return kbs_error(404, "gone");
    HttpResponse busy = kbs_error(503, "later");
    busy.retry_after = std::chrono::seconds(1'000'000'000);
    return busy;
  });
  EXPECT_FALSE(f.get());
  EXPECT_EQ(f.slept, (std::vector<long>{30'000}));
}

TEST(Guest, AttestTriesFiveTimesASecondApart) {  // C-05
  Fixture f([](const Seen&) { return kbs_error(401, "not today"); });
  auto got = f.guest().attest();
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with(
      "RCAR handshake failed: Unable to get token. RCAR handshake retried 5 times."))
      << got.error().message;
  EXPECT_NE(got.error().message.find("not today"), std::string::npos);
  EXPECT_EQ(f.transport.targets(), (Targets{kAuth, kAuth, kAuth, kAuth, kAuth}));
  EXPECT_EQ(f.slept, (std::vector<long>{1000, 1000, 1000, 1000}));
}

TEST(Guest, AttestReturnsTokenAndCookie) {
  Fixture f([](const Seen& request) -> Result<HttpResponse> {
    if (request.target == kAttest) return answer(200, R"({"token":"a.b.c"})");
    HttpResponse challenge = answer(200, kChallenge);
    challenge.session_cookie = "0123";
    return challenge;
  });
  auto got = f.guest().attest();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token.expose_text(), "a.b.c");
  EXPECT_EQ(got->cookie, "0123");
}

TEST(Guest, SaysTheBodiesTheServerExpects) {  // C-06
  Fixture f(with_handshake([](const Seen&) { return answer(500); }));
  ASSERT_TRUE(f.guest("algorithm = \"sha384\"\n").attest());
  ASSERT_EQ(f.transport.seen.size(), 2u);
  EXPECT_EQ(
      f.transport.seen[0].body,
      R"({"version":"0.4.0","tee":"sample","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512",)"
      R"("sm3"]}})");
  EXPECT_EQ(f.transport.seen[0].content_type, "application/json");
  auto attestation = parse_json_object(f.transport.seen[1].body);
  ASSERT_TRUE(attestation);
  EXPECT_EQ(to_json(attestation->at("init-data")),
            R"({"format":"toml","body":"algorithm = \"sha384\"\n"})");
  EXPECT_EQ(to_json(attestation->at("runtime-data").at("nonce")), R"("bm9uY2U=")");
  EXPECT_EQ(to_json(attestation->at("runtime-data").at("tee-pubkey")), to_json(f.key.jwk()));
  EXPECT_TRUE(attestation->at("tee-evidence").as_object().contains("primary_evidence"));
}

TEST(Guest, RefusesAChallengeItCannotHonour) {
  for (std::string_view challenge :
       {R"([])", R"({"extra-params":""})", R"({"nonce":5,"extra-params":""})",
        R"({"nonce":"n","extra-params":{"selected-hash-algorithm":"md5"}})"}) {
    SCOPED_TRACE(challenge);
    Fixture f([&](const Seen&) { return answer(200, challenge); });
    EXPECT_FALSE(f.guest().handshake());
    EXPECT_EQ(f.transport.seen.size(), 1u);
  }
}

TEST(Passport, SendsTheTokenOnceAndNeverAttests) {
  Fixture f([](const Seen&) { return kbs_error(401, "expired"); });
  const Secret token = Secret::from_text("a.b.c");
  auto got = get_resource_with_token(f.transport, f.key, token,
                                     parse_guest_uri("default/key/1").value(), f.sleep);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "request unauthorized");
  ASSERT_EQ(f.transport.seen.size(), 1u);
  EXPECT_EQ(f.transport.seen[0].bearer, "a.b.c");
}

TEST(GuestKey, DeclaresTheAlgorithmOfItsType) {
  struct Case {
    crypto::KeyType type;
    std::string_view alg;  // empty: refused
  };
  const Case cases[] = {{crypto::KeyType::rsa, "RSA-OAEP-256"},
                        {crypto::KeyType::ec_p256, "ECDH-ES+A256KW"},
                        {crypto::KeyType::ec_p521, "ECDH-ES+A256KW"},
                        {crypto::KeyType::ec_p384, ""},
                        {crypto::KeyType::ed25519, ""}};
  for (const Case& c : cases) {
    auto pem = crypto::PrivateKey::generate(c.type).value().to_pkcs8_pem();
    auto key = GuestKey::from_pem(pem.expose_text());
    ASSERT_EQ(bool(key), !c.alg.empty());
    if (key) {
      EXPECT_EQ(string_member(key->jwk(), "alg"), c.alg);
      EXPECT_EQ(key->jwk().size(), c.type == crypto::KeyType::rsa ? 4u : 5u)
          << "other members would be hashed";
    }
  }
}

}  // namespace
}  // namespace kbs::client
