#include "crypto/cms.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/random.h"
#include "crypto/testing/test_ca.h"

namespace kbs::crypto {
namespace {

using testing::issue;
using testing::Issued;
using testing::kTestDay;

constexpr int kFewIterations = 1000;

CmsSource source_of(const std::string& message) {
  return [&message](std::span<std::byte> into, std::uint64_t at) -> Result<std::size_t> {
    if (at >= message.size()) return std::size_t{0};
    const auto rest = as_bytes(message).subspan(at);
    const std::size_t size = std::min(rest.size(), into.size());
    std::copy_n(rest.begin(), size, into.begin());
    return size;
  };
}

CmsRecipients to_password(std::string_view password) {
  CmsRecipients recipients;
  recipients.password = Secret::from_text(password);
  recipients.iterations = kFewIterations;
  return recipients;
}

CmsRecipients to_certificates(std::vector<std::string> pems) {
  CmsRecipients recipients;
  recipients.certificates = std::move(pems);
  return recipients;
}

CmsKey password(std::string_view text) {
  CmsKey key;
  key.password = Secret::from_text(text);
  return key;
}

CmsKey private_key(const PrivateKey& of) {
  CmsKey key;
  key.key = of;
  return key;
}

std::string encrypt(const CmsRecipients& recipients, std::string_view text) {
  std::string message;
  auto writer = CmsWriter::begin(recipients, kTestDay, [&](std::span<const std::byte> bytes) {
    message += as_text(bytes);
    return Result<>();
  });
  EXPECT_TRUE(writer) << describe(writer.error());
  EXPECT_TRUE(writer->write(as_bytes(text)));
  EXPECT_TRUE(writer->finish());
  return message;
}

/// The text, or the error's kind in angle brackets.
std::string decrypt(const CmsKey& key, const std::string& message) {
  const auto failed = [](const Error& error) {
    return '<' + std::string(to_string(error.kind)) + '>';
  };
  auto reader = CmsReader::open(key, source_of(message));
  if (!reader) return failed(reader.error());
  std::string text;
  std::array<std::byte, 5000> piece{};
  for (;;) {
    auto got = reader->read(piece);
    if (!got) return failed(got.error());
    if (*got == 0) return text;
    text += as_text(std::span(piece).first(*got));
  }
}

std::string some_text(std::size_t size) {
  std::string text(size, '\0');
  random_bytes(std::as_writable_bytes(std::span(text)));
  return text;
}

Issued recipient(KeyType type, std::string usage = {}) {
  testing::CertificateOptions options;
  options.key_type = type;
  if (type == KeyType::ed25519) options.digest.clear();  // it signs without one
  if (!usage.empty()) options.extensions = {{"keyUsage", "critical," + usage}};
  return issue(options);
}

TEST(Cms, EveryRecipientAloneReadsWhatWasWritten) {
  const Issued rsa = recipient(KeyType::rsa);
  const Issued p256 = recipient(KeyType::ec_p256);
  const Issued p384 = recipient(KeyType::ec_p384, "keyAgreement");
  for (std::size_t size : {1, 4095, 4096, 4097, 3'000'000}) {
    SCOPED_TRACE(size);
    const std::string text = some_text(size);
    CmsRecipients all = to_password("correct horse");
    all.certificates = {rsa.pem, p256.pem, p384.pem};
    const std::string message = encrypt(all, text);
    EXPECT_TRUE(decrypt(password("correct horse"), message) == text);
    for (const Issued& one : {rsa, p256, p384}) {
      const std::string got = decrypt(private_key(one.key), message);
      EXPECT_TRUE(got == text) << got.substr(0, 80);
    }
  }
}

TEST(Cms, NobodyElseReadsIt) {
  const Issued rsa = recipient(KeyType::rsa);
  const Issued ec = recipient(KeyType::ec_p256);
  const std::string to_rsa = encrypt(to_certificates({rsa.pem}), "text");
  const std::string to_ec = encrypt(to_certificates({ec.pem}), "text");
  const std::string to_text = encrypt(to_password("right"), "text");
  struct Case {
    const std::string& message;
    CmsKey key;
    const char* want;
    const char* why;
  };
  Case cases[] = {
      {to_rsa, private_key(recipient(KeyType::rsa).key), "<denied>", "another RSA key"},
      {to_rsa, private_key(ec.key), "<denied>", "a key of another type"},
      {to_rsa, password("right"), "<denied>", "a password where only a key opens"},
      {to_ec, private_key(recipient(KeyType::ec_p256).key), "<denied>", "another EC key"},
      {to_ec, private_key(recipient(KeyType::ec_p384).key), "<denied>", "another curve"},
      {to_ec, private_key(rsa.key), "<denied>", "a key of another type"},
      {to_text, private_key(rsa.key), "<denied>", "a key where only a password opens"},
      {to_text, password("wrong"), "<denied>", "another password"},
      {to_text, password("righ"), "<denied>", "a part of the password"},
      {to_text, password(""), "<invalid_request>", "no password"},
      {to_text, CmsKey(), "<invalid_request>", "nothing to open it with"},
  };
  for (const Case& c : cases) EXPECT_EQ(decrypt(c.key, c.message), c.want) << c.why;
}

TEST(Cms, ASingleChangedByteNeverMakesAnotherText) {
  const std::string text = "a text that somebody wants to change";
  const std::string message = encrypt(to_password("p"), text);
  for (std::size_t i = 0; i < message.size(); ++i) {
    for (char flip : {'\x01', '\x80'}) {
      std::string damaged = message;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      // A longer iteration count is no change of the text, but would take its time.
      const std::size_t iterations = message.find("\x02\x02\x03\xE8");
      if (i >= iterations && i < iterations + 4) continue;
      const std::string got = decrypt(password("p"), damaged);
      // The version number of the recipient, for one, is of no consequence.
      EXPECT_TRUE(got == "<invalid_request>" || got == "<denied>" || got == text) << "byte " << i;
    }
  }
}

TEST(Cms, ATruncatedOrLengthenedMessageIsNoticed) {
  const std::string message = encrypt(to_password("p"), some_text(9000));
  for (std::size_t size = 0; size < message.size(); size += size < 300 ? 1 : 97) {
    EXPECT_EQ(decrypt(password("p"), message.substr(0, size)), "<invalid_request>") << size;
  }
  for (std::size_t cut = 1; cut < 40; ++cut) {
    EXPECT_EQ(decrypt(password("p"), message.substr(0, message.size() - cut)), "<invalid_request>");
  }
  EXPECT_EQ(decrypt(password("p"), message + '\0'), "<invalid_request>");
  EXPECT_EQ(decrypt(password("p"), message + message), "<invalid_request>");
}

TEST(Cms, PiecesLeftOutOrSwappedAreNoticed) {
  const std::string text = some_text(std::size_t{3} * 4096);
  const std::string message = encrypt(to_password("p"), text);
  const std::string header("\x04\x82\x10\x00", 4);
  const std::size_t first = message.find(header);
  const std::size_t second = message.find(header, first + 4100);
  ASSERT_NE(second, std::string::npos);
  ASSERT_EQ(second, first + 4100);
  std::string cut = message;
  cut.erase(first, 4100);
  EXPECT_EQ(decrypt(password("p"), cut), "<invalid_request>");
  std::string swapped = message;
  std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(first),
                   swapped.begin() + static_cast<std::ptrdiff_t>(second),
                   swapped.begin() + static_cast<std::ptrdiff_t>(second));
  EXPECT_EQ(decrypt(password("p"), swapped), "<invalid_request>");
}

TEST(Cms, AShortTagOrAnotherCipherIsRefused) {
  const std::string message = encrypt(to_password("p"), "text");
  // OpenSSL would compare only as many bytes as there are: one byte is guessed in 256 tries.
  std::string short_tag = message;
  const std::size_t tag = message.size() - 6 - 18;
  ASSERT_EQ(message.substr(tag, 2), std::string("\x04\x10", 2));
  short_tag.replace(tag, 18, std::string("\x04\x01") + message[tag + 2]);
  EXPECT_EQ(decrypt(password("p"), short_tag), "<invalid_request>");
  std::string other = message;
  const std::size_t cipher = message.find("\x60\x86\x48\x01\x65\x03\x04\x01\x2E");
  ASSERT_NE(cipher, std::string::npos);
  other[cipher + 8] = '\x2A';  // aes-256-cbc
  EXPECT_EQ(decrypt(password("p"), other), "<invalid_request>");
}

TEST(Cms, RecipientsThatCannotBeEncryptedToAreRefusedByNumber) {
  const Issued good = recipient(KeyType::ec_p256);
  testing::CertificateOptions old;
  old.not_before = kTestDay - std::chrono::hours{48};
  old.not_after = kTestDay - std::chrono::hours{24};
  testing::CertificateOptions early;
  early.not_before = kTestDay + std::chrono::hours{24};
  early.not_after = kTestDay + std::chrono::hours{48};
  struct Case {
    std::string pem;
    const char* message;
  };
  const Case cases[] = {
      {issue(old).pem, "expired"},
      {issue(early).pem, "not valid yet"},
      {recipient(KeyType::ed25519).pem, "must be RSA"},
      {recipient(KeyType::rsa, "digitalSignature").pem, "key usage"},
      {recipient(KeyType::ec_p256, "keyEncipherment").pem, "key usage"},
      {"no certificate", "in PEM"},
      {"", "in PEM"},
  };
  for (const Case& c : cases) {
    auto writer = CmsWriter::begin(to_certificates({good.pem, c.pem}), kTestDay,
                                   [](auto) { return Result<>(); });
    ASSERT_FALSE(writer) << c.message;
    EXPECT_EQ(writer.error().kind, ErrorKind::invalid_request);
    EXPECT_NE(writer.error().message.find("recipient 2"), std::string::npos);
    EXPECT_NE(writer.error().message.find(c.message), std::string::npos) << writer.error().message;
  }
  EXPECT_FALSE(CmsWriter::begin({}, kTestDay, [](auto) { return Result<>(); }));
  EXPECT_FALSE(CmsWriter::begin(to_password(""), kTestDay, [](auto) { return Result<>(); }));
}

TEST(Cms, AnEmptyMessageIsRefused) {
  auto writer = CmsWriter::begin(to_password("p"), kTestDay, [](auto) { return Result<>(); });
  ASSERT_TRUE(writer);
  const auto finished = writer->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::invalid_request);
}

TEST(Cms, AFailureOfTheSinkIsTheWritersFailure) {
  std::size_t room = 10'000;
  auto writer =
      CmsWriter::begin(to_password("p"), kTestDay, [&](std::span<const std::byte> b) -> Result<> {
        if (b.size() > room) return fail(ErrorKind::unavailable, "the disk is full");
        room -= b.size();
        return {};
      });
  ASSERT_TRUE(writer);
  const auto written = writer->write(as_bytes(some_text(20'000)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "the disk is full");
  const auto finished = writer->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().message, "the disk is full");
}

TEST(Cms, AFailureOfTheSourceIsTheReadersFailure) {
  const std::string message = encrypt(to_password("p"), some_text(20'000));
  std::uint64_t broken_from = message.size();
  const CmsSource whole = source_of(message);
  auto reader = CmsReader::open(
      password("p"), [&](std::span<std::byte> into, std::uint64_t at) -> Result<std::size_t> {
        if (at >= broken_from) return fail(ErrorKind::unavailable, "the disk is gone");
        return whole(into, at);
      });
  // Opening looks at the end as well.
  EXPECT_FALSE(reader);
  broken_from = UINT64_MAX;
  reader = CmsReader::open(password("p"),
                           [&](std::span<std::byte> into, std::uint64_t at) -> Result<std::size_t> {
                             if (at >= broken_from)
                               return fail(ErrorKind::unavailable, "the disk is gone");
                             return whole(into, at);
                           });
  ASSERT_TRUE(reader);
  broken_from = 10'000;
  std::array<std::byte, 4096> piece{};
  Result<std::size_t> got = std::size_t{1};
  while (got && *got > 0) got = reader->read(piece);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "the disk is gone");
}

}  // namespace
}  // namespace kbs::crypto
