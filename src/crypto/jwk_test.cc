#include <gtest/gtest.h>

#include "crypto/key.h"
#include "crypto/testing/vectors.h"

namespace kbs::crypto {
namespace {

using testing::with;

json::object object(std::string_view text) { return parse_json_object(text).value(); }

// The guest key of the worked example in jwe-response.md §5.
const json::object& ec_jwk() {
  static const json::object jwk = object(
      R"({"kty":"EC","crv":"P-256","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"})");
  return jwk;
}

const json::object& rsa_jwk() {
  static const json::object jwk = testing::vectors("jose/jwe.json").at(2).at("private").as_object();
  return jwk;
}

TEST(Jwk, ThumbprintsAreThoseOfTheRfcs) {
  for (const json::value& row : testing::vectors("jose/thumbprints.json")) {
    SCOPED_TRACE(row.at("source").as_string());
    const auto key = PublicKey::from_jwk(row.at("jwk").as_object());
    ASSERT_TRUE(key) << describe(key.error());
    EXPECT_EQ(key->thumbprint(), std::string_view(row.at("thumbprint").as_string()));
  }
}

TEST(Jwk, PublicMembersRoundTripInOrder) {
  EXPECT_EQ(to_json(PublicKey::from_jwk(ec_jwk())->to_jwk()), to_json(ec_jwk()));
  for (KeyType type :
       {KeyType::rsa, KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521, KeyType::ed25519}) {
    const PublicKey key = PrivateKey::generate(type)->public_key();
    const json::object jwk = key.to_jwk();
    EXPECT_EQ(jwk.begin()->key(), "kty");
    EXPECT_FALSE(jwk.contains("d"));
    const auto again = PublicKey::from_jwk(jwk);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->type(), type);
    EXPECT_EQ(*again, key);
  }
}

TEST(Jwk, CoordinatesKeepTheirLeadingZeros) {
  // RFC 7518 §6.2.1.2; in the P-521 vector the top byte of every coordinate is 00 or 01.
  const json::value row = testing::vectors("jose/jwe.json").at(1);
  const auto key = PublicKey::from_jwk(row.at("jwk").as_object());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->to_jwk().at("x").as_string().size(), 88u);
  EXPECT_EQ(key->to_jwk().at("x"), row.at("jwk").at("x"));
}

TEST(Jwk, RefusesWhatIsNotAPublicKey) {
  struct Case {
    json::object jwk;
    ErrorKind kind;
    const char* why;
  };
  const auto invalid = ErrorKind::invalid_request;
  const auto unsupported = ErrorKind::unsupported;
  const json::object ed =
      object(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  const std::string even_modulus = [] {
    std::string n(rsa_jwk().at("n").as_string());
    n.replace(n.size() - 2, 2, "hg");  // ...87 becomes ...86
    return n;
  }();
  const Case cases[] = {
      {{}, invalid, "nothing"},
      {with(ec_jwk(), "kty", nullptr), invalid, "no kty"},
      {with(ec_jwk(), "kty", 1), invalid, "kty not a string"},
      {with(ec_jwk(), "kty", "ec"), unsupported, "names are case-sensitive"},
      {object(R"({"kty":"oct","k":"AAAA"})"), unsupported, "a symmetric key"},
      {object(R"({"kty":"AKP","alg":"ML-KEM-768+A192KW","pub":"AAAA"})"), unsupported, "a KEM key"},
      {with(ec_jwk(), "crv", nullptr), invalid, "no crv"},
      {with(ec_jwk(), "crv", "secp256k1"), unsupported, "a curve we do not have"},
      {with(ec_jwk(), "crv", "P-384"), invalid, "coordinates of another curve's length"},
      {with(ec_jwk(), "crv", "P-521"), invalid, "coordinates of another curve's length"},
      {with(ec_jwk(), "x", nullptr), invalid, "no x"},
      {with(ec_jwk(), "y", nullptr), invalid, "no y"},
      {with(ec_jwk(), "x", 5), invalid, "x not a string"},
      {with(ec_jwk(), "x", ""), invalid, "x empty"},
      {with(ec_jwk(), "x", "Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c="), invalid, "padding"},
      {with(ec_jwk(), "x", "Abd8l/Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c"), invalid,
       "the other alphabet"},
      {with(ec_jwk(), "x", "Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1d"), invalid,
       "trailing bits not zero"},
      {with(ec_jwk(), "x", "t3yX9ndMhVRrCHM5kxc3IFlPFw4gPVIuKUDVyUUDVw"), invalid, "31 bytes"},
      {with(ec_jwk(), "x", "AAG3fJf2d0yFVGsIczmTFzcgWU8XDiA9Ui4pQNXJRQNX"), invalid, "33 bytes"},
      {with(ec_jwk(), "x", "AAd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c"), invalid,
       "not on the curve"},
      {with(with(ec_jwk(), "x", std::string(43, 'A')), "y", std::string(43, 'A')), invalid,
       "the origin is not on the curve"},
      {with(ec_jwk(), "x", "_____wAAAAEAAAAAAAAAAAAAAAD_______________8"), invalid,
       "x is the field prime"},
      {with(rsa_jwk(), "n", nullptr), invalid, "no modulus"},
      {with(rsa_jwk(), "e", nullptr), invalid, "no exponent"},
      {with(rsa_jwk(), "n", ""), invalid, "an empty modulus"},
      {with(rsa_jwk(), "n", "AQAB"), invalid, "a tiny modulus"},
      {with(rsa_jwk(), "n", std::string(171, '_')), invalid, "1026 bits"},
      {with(rsa_jwk(), "n", base64url(Bytes(1025, std::byte{0xff}))), invalid, "8200 bits"},
      {with(rsa_jwk(), "n", base64url(Bytes(100000, std::byte{0xff}))), invalid, "absurdly long"},
      {with(rsa_jwk(), "n", even_modulus), invalid, "an even modulus"},
      {with(rsa_jwk(), "e", "AQ"), invalid, "exponent 1: no encryption at all"},
      {with(rsa_jwk(), "e", "AA"), invalid, "exponent 0"},
      {with(rsa_jwk(), "e", "Ag"), invalid, "an even exponent"},
      {with(rsa_jwk(), "e", "AQAAAAAAAAAB"), invalid, "an exponent of 65 bits"},
      {with(rsa_jwk(), "e", "AQAB="), invalid, "padding"},
      {with(ed, "crv", "X25519"), unsupported, "not a signature key"},
      {with(ed, "crv", "Ed448"), unsupported, "not in our list"},
      {with(ed, "x", nullptr), invalid, "no x"},
      {with(ed, "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"), invalid, "31 bytes"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = PublicKey::from_jwk(c.jwk);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, c.kind) << describe(got.error());
  }
}

TEST(Jwk, PointsMustBeOnTheirCurve) {
  // An import that let one through would hand out, share by share, what it is multiplied with.
  for (KeyType type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521}) {
    const json::object good = PrivateKey::generate(type)->public_key().to_jwk();
    const json::object other = PrivateKey::generate(type)->public_key().to_jwk();
    SCOPED_TRACE(good.at("crv").as_string());
    ASSERT_TRUE(PublicKey::from_jwk(good));
    const std::string zero(good.at("x").as_string().size(), 'A');
    const json::object bad[] = {
        with(good, "y", other.at("y")),  // of another point
        with(with(good, "x", good.at("y")), "y", good.at("x")),
        with(with(good, "x", zero), "y", zero),  // as infinity is sometimes written
        with(good, "y", zero),
    };
    for (const json::object& jwk : bad) {
      const auto got = PublicKey::from_jwk(jwk);
      ASSERT_FALSE(got) << to_json(jwk);
      EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
    }
    // What was refused leaves no trace in the next import.
    EXPECT_EQ(to_json(PublicKey::from_jwk(good)->to_jwk()), to_json(good));
    EXPECT_FALSE(*PublicKey::from_jwk(good) == *PublicKey::from_jwk(other));
  }
}

TEST(Jwk, IgnoresWhatItDoesNotNeed) {
  json::object jwk = ec_jwk();
  for (std::string_view name : {"d", "kid", "use", "alg", "x5c"}) jwk[name] = json::array{1};
  EXPECT_TRUE(PublicKey::from_jwk(jwk));
}

TEST(Jwk, PrivateKeysMustBelongTogether) {
  const json::array rows = testing::vectors("jose/jwe.json");
  const json::array signers = testing::vectors("jose/jws.json");
  const json::object p256 = rows[0].at("private").as_object();
  const json::object rsa = rows[2].at("private").as_object();
  const json::object rsa_crt = signers[0].at("jwk").as_object();
  const json::object ed = signers[4].at("jwk").as_object();
  for (const json::object* jwk : {&p256, &rsa, &rsa_crt, &ed}) {
    const auto key = PrivateKey::from_jwk(*jwk);
    ASSERT_TRUE(key) << describe(key.error());
    EXPECT_EQ(key->public_key(), PublicKey::from_jwk(*jwk).value());
  }
  struct Case {
    json::object jwk;
    const char* why;
  };
  const Case cases[] = {
      {with(p256, "d", nullptr), "no private member"},
      {with(p256, "d", rows[0].at("ephemeral").at("d")), "another key's scalar"},
      {with(p256, "d", std::string(43, 'A')), "scalar zero"},
      {with(p256, "d", "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"), "scalar equal to the order"},
      {with(p256, "d", "1SZ1yFd_d0MtFzdE5roVmqRMYw23PYZJo-afWbbO"), "a short scalar"},
      {with(rsa, "d", nullptr), "no private exponent"},
      {with(rsa_crt, "q", nullptr), "primes without their companions"},
      {with(rsa_crt, "q", rsa_crt.at("p")), "primes of another modulus"},
      {with(rsa_crt, "oth", json::array{}), "more than two primes"},
      {with(ed, "d", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
       "another public half: signing with it would give the key away"},
      {object(R"({"kty":"oct","k":"AAAA"})"), "a symmetric key"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_FALSE(PrivateKey::from_jwk(c.jwk));
  }
}

}  // namespace
}  // namespace kbs::crypto
