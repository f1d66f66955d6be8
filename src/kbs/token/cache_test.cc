#include "kbs/token/cache.h"

#include <gtest/gtest.h>

namespace kbs::token {
namespace {

using crypto::PrivateKey;

constexpr SysTime kNow{std::chrono::seconds{1785700000}};

class CacheTest : public ::testing::Test {
 protected:
  CacheTest() {
    TrustOptions options;
    options.insecure_header_jwk = true;
    verifier_ = *TokenVerifier::make(std::move(options));
  }
  std::string token(int number, std::int64_t exp = 1785700300) {
    json::object jwk = key_.public_key().to_jwk();
    jwk["alg"] = "ES256";
    const std::string header = R"({"alg":"ES256","jwk":)" + to_json(jwk) + "}";
    const std::string payload =
        R"({"n":)" + std::to_string(number) + R"(,"exp":)" + std::to_string(exp) + "}";
    return *crypto::sign_jws(header, payload, key_, crypto::JwsAlgorithm::es256);
  }
  PrivateKey key_ = *PrivateKey::generate(crypto::KeyType::ec_p256);
  std::shared_ptr<const TokenVerifier> verifier_;
};

TEST_F(CacheTest, VerifiesOnceAndSharesTheResult) {
  TokenCache cache(1u << 20);
  const std::string text = token(1);
  auto first = cache.verify(*verifier_, 1, text, kNow);
  auto again = cache.verify(*verifier_, 1, text, kNow);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->get(), again->get());
}

TEST_F(CacheTest, AnEntryEndsWithItsToken) {
  TokenCache cache(1u << 20);
  const std::string text = token(1);
  ASSERT_TRUE(cache.verify(*verifier_, 1, text, kNow));
  EXPECT_FALSE(cache.verify(*verifier_, 1, text, kNow + std::chrono::seconds{361}));
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(CacheTest, NewTrustMaterialVoidsEverything) {
  TokenCache cache(1u << 20);
  const std::string text = token(1);
  ASSERT_TRUE(cache.verify(*verifier_, 1, text, kNow));
  auto nobody = *TokenVerifier::make(TrustOptions{});
  EXPECT_FALSE(cache.verify(*nobody, 2, text, kNow)) << "a cached yes must not outlive its reason";
}

TEST_F(CacheTest, StaysWithinItsBytesAndDropsTheLeastRecentlyUsed) {
  TokenCache cache(3 * 6500);  // room for three
  const std::string first = token(1);
  auto kept = cache.verify(*verifier_, 1, first, kNow);
  ASSERT_TRUE(kept);
  for (int i = 2; i <= 10; ++i) {
    ASSERT_TRUE(cache.verify(*verifier_, 1, token(i), kNow));
    auto again = cache.verify(*verifier_, 1, first, kNow);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->get(), kept->get()) << "used all along, it stays";
    EXPECT_LE(cache.bytes(), 3u * 6500u);
  }
  EXPECT_LE(cache.size(), 3u);
}

TEST_F(CacheTest, RefusalsAreNotKept) {
  TokenCache cache(1u << 20);
  EXPECT_FALSE(cache.verify(*verifier_, 1, token(1, 5), kNow));
  EXPECT_FALSE(cache.verify(*verifier_, 1, "junk", kNow));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace kbs::token
