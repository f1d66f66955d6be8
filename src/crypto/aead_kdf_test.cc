#include <gtest/gtest.h>

#include "crypto/aead.h"
#include "crypto/kdf.h"

namespace kbs::crypto {
namespace {

Secret secret_hex(std::string_view text) { return Secret(*from_hex(text)); }

AeadNonce nonce_hex(std::string_view text) {
  const Bytes bytes = *from_hex(text);
  AeadNonce nonce{};
  std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  return nonce;
}

TEST(Aead, KeepsThePublishedVectors) {
  struct Case {
    const char* key;
    const char* nonce;
    const char* associated;
    const char* plaintext;
    const char* sealed;
    const char* why;
  };
  // "The Galois/Counter Mode of Operation", McGrew and Viega, test cases 13, 14 and 16.
  const Case cases[] = {
      {"0000000000000000000000000000000000000000000000000000000000000000",
       "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b", "nothing at all"},
      {"0000000000000000000000000000000000000000000000000000000000000000",
       "000000000000000000000000", "", "00000000000000000000000000000000",
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919", "one block"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
       "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
       "a6b525b16aedf5aa0de657ba637b39",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
       "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
       "associated data, and an end within a block"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Secret key = secret_hex(c.key);
    const Bytes associated = *from_hex(c.associated);
    const Bytes plaintext = *from_hex(c.plaintext);
    Bytes sealed(plaintext.size() + kAeadTagSize);
    aead_seal(key.expose(), nonce_hex(c.nonce), associated, plaintext, sealed);
    EXPECT_EQ(hex(sealed), c.sealed);
    Bytes opened(plaintext.size());
    EXPECT_TRUE(aead_open(key.expose(), nonce_hex(c.nonce), associated, sealed, opened));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(Aead, OpensNothingThatWasTouched) {
  const Secret key = secret_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const AeadNonce nonce = nonce_hex("cafebabefacedbaddecaf888");
  const std::string_view text = "the bytes of a secret";
  Bytes sealed(text.size() + kAeadTagSize);
  aead_seal(key.expose(), nonce, as_bytes("where"), as_bytes(text), sealed);
  Bytes opened(text.size());
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    Bytes touched = sealed;
    touched[at] ^= std::byte{1};
    EXPECT_FALSE(aead_open(key.expose(), nonce, as_bytes("where"), touched, opened)) << at;
    EXPECT_EQ(opened, Bytes(text.size())) << "no plaintext stays behind";
  }
  EXPECT_FALSE(aead_open(key.expose(), nonce, as_bytes("elsewhere"), sealed, opened));
  EXPECT_FALSE(aead_open(key.expose(), nonce, as_bytes("where"),
                         std::span(sealed).first(kAeadTagSize - 1), {}));
}

TEST(Kdf, HkdfKeepsAVectorOfRfc5869) {
  // A.3: no salt, no info.
  const Secret key = secret_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
  EXPECT_EQ(hex(hkdf_sha256(key, {}, 42).expose()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Kdf, ScryptKeepsTheVectorsOfRfc7914) {
  // §12.
  EXPECT_EQ(hex(scrypt(Secret(), {}, {4, 1, 1}, 64)->expose()),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(
      hex(scrypt(Secret::from_text("pleaseletmein"), as_bytes("SodiumChloride"), {14, 8, 1}, 64)
              ->expose()),
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Kdf, ScryptRefusesCostsThatWouldHurtTheHost) {
  struct Case {
    ScryptCosts costs;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {{17, 8, 1}, true, "the default"},
      {{19, 8, 1}, true, "512 MiB"},
      {{20, 8, 1}, false, "1 GiB"},
      {{17, 8, 16}, true, "sixteen times the default's time"},
      {{17, 8, 17}, false, "more than that"},
      {{0, 8, 1}, false, "N = 1"},
      {{255, 8, 1}, false, "N beyond any number"},
      {{17, 0, 1}, false, "r = 0"},
      {{17, 8, 0}, false, "p = 0"},
      {{1, 0xffffffff, 0xffffffff}, false, "no overflow helps"},
  };
  for (const Case& c : cases) EXPECT_EQ(bool(check(c.costs)), c.good) << c.why;
  EXPECT_FALSE(scrypt(Secret::from_text("x"), {}, {30, 8, 1}, 32));
}

}  // namespace
}  // namespace kbs::crypto
