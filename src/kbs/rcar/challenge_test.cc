#include "kbs/rcar/challenge.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/random.h"

namespace kbs::rcar {
namespace {

OpenChallenge sample_challenge() {
  OpenChallenge c{};
  for (std::size_t i = 0; i < c.session.size(); ++i) c.session[i] = static_cast<std::byte>(i);
  c.nonce_digest = crypto::sha256(as_bytes("nonce"));
  c.tee = attestation::Tee::snp;
  c.hash = crypto::HashAlgorithm::sha512;
  c.expires = SysTime{std::chrono::seconds{1785700300}};
  return c;
}

TEST(ChallengeCookie, CarriesWhatWasPromised) {
  const ChallengeCodec codec = ChallengeCodec::random();
  const OpenChallenge c = sample_challenge();
  const auto opened = codec.open(codec.seal(c));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->session, c.session);
  EXPECT_EQ(opened->nonce_digest, c.nonce_digest);
  EXPECT_EQ(opened->tee, c.tee);
  EXPECT_EQ(opened->hash, c.hash);
  EXPECT_EQ(opened->protocol, c.protocol);
  EXPECT_EQ(opened->expires, c.expires);
}

TEST(ChallengeCookie, IsMadeOfTokenCharactersWithinTheAgreedLength) {
  const std::string cookie = ChallengeCodec::random().seal(sample_challenge());
  EXPECT_GE(cookie.size(), 32u);
  EXPECT_LE(cookie.size(), 3800u);
  EXPECT_EQ(
      cookie.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
}

TEST(ChallengeCookie, EverySingleChangedCharacterIsNoticed) {
  const ChallengeCodec codec = ChallengeCodec::random();
  const std::string good = codec.seal(sample_challenge());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(codec.open(bad)) << "position " << i;
  }
}

TEST(ChallengeCookie, RefusesWhatWeDidNotMake) {
  const ChallengeCodec codec = ChallengeCodec::random();
  const std::string good = codec.seal(sample_challenge());
  struct Case {
    std::string cookie;
    const char* why;
  };
  const Case cases[] = {
      {"", "nothing"},
      {"5f0c6a3e9c1b4d7f8a2e6b1c0d9f4e3a", "a session id of the reference"},
      {good.substr(0, good.size() - 1), "cut short"},
      {good + "A", "one character more"},
      {std::string(good.size(), '.'), "outside the alphabet"},
      {std::string(10000, 'A'), "long"},
      {"../../etc/passwd", "a path"},
      {ChallengeCodec::random().seal(sample_challenge()), "made by another server"},
  };
  for (const Case& c : cases) EXPECT_FALSE(codec.open(c.cookie)) << c.why;
}

TEST(ChallengeCookie, KeysRotateWithoutLosingOpenHandshakes) {
  const Secret old_key = crypto::random_secret(32);
  const Secret new_key = crypto::random_secret(48);
  const std::string cookie = ChallengeCodec(old_key).seal(sample_challenge());
  EXPECT_TRUE(ChallengeCodec(new_key, old_key).open(cookie)) << "the previous key still verifies";
  EXPECT_FALSE(ChallengeCodec(new_key).open(cookie)) << "a key before that does not";
  EXPECT_TRUE(
      ChallengeCodec(new_key).open(ChallengeCodec(new_key, old_key).seal(sample_challenge())))
      << "the current key signs";
}

}  // namespace
}  // namespace kbs::rcar
