#include "crypto/digest.h"

#include <gtest/gtest.h>

namespace kbs::crypto {
namespace {

TEST(Digest, KnownAnswers) {
  struct Case {
    HashAlgorithm algorithm;
    std::string_view text, want;
    const char* why;
  };
  const Case cases[] = {
      {HashAlgorithm::sha256, "abc",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-4 example"},
      {HashAlgorithm::sha256, "",
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "the empty message"},
      {HashAlgorithm::sha384, "abc",
       "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c"
       "825a7",
       "FIPS 180-4 example"},
      {HashAlgorithm::sha512, "abc",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3f"
       "eebbd"
       "454d4423643ce80e2a9ac94fa54ca49f",
       "FIPS 180-4 example"},
      {HashAlgorithm::sm3, "abc",
       "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", "GB/T 32905 example"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(hex(digest(c.algorithm, as_bytes(c.text))), c.want);
  }
  EXPECT_EQ(hex(sha256(as_bytes("abc"))), cases[0].want);
}

TEST(Digest, HmacKnownAnswers) {
  struct Case {
    Secret key;
    std::string_view data, want;
    const char* why;
  };
  const Case cases[] = {
      {Secret(Bytes(20, std::byte{0x0b})), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "RFC 4231 case 1"},
      {Secret::from_text("Jefe"), "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231 case 2"},
      {Secret(Bytes(131, std::byte{0xaa})),
       "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "RFC 4231 case 6"},
      {Secret(), "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
       "empty key, empty data"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(hex(hmac_sha256(c.key, as_bytes(c.data))), c.want);
  }
}

TEST(Digest, NamesRoundTripAndAreExact) {
  for (HashAlgorithm a :
       {HashAlgorithm::sha256, HashAlgorithm::sha384, HashAlgorithm::sha512, HashAlgorithm::sm3}) {
    EXPECT_EQ(hash_algorithm_from(to_string(a)), a);
  }
  for (std::string_view name : {"SHA256", "sha-256", "sha1", "md5", "", "sha256 "}) {
    EXPECT_FALSE(hash_algorithm_from(name)) << name;
  }
}

TEST(Digest, ConstantTimeComparison) {
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_TRUE(equal_in_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("ab")));
}

}  // namespace
}  // namespace kbs::crypto
