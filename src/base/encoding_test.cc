#include "base/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kbs {
namespace {

std::optional<std::string> text_of(const Result<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

TEST(Base64, EncodesTheExamplesOfTheRfc) {
  struct Case {
    std::string_view bytes, standard, url;
  };
  const Case cases[] = {
      // RFC 4648 §10, and one with both letters that the alphabets do not share
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foob", "Zm9vYg==", "Zm9vYg"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xfb\xff\xfe", "+//+", "-__-"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.standard);
    EXPECT_EQ(base64(as_bytes(c.bytes)), c.standard);
    EXPECT_EQ(base64url(as_bytes(c.bytes)), c.url);
    EXPECT_EQ(text_of(from_base64(c.standard)), c.bytes);
    EXPECT_EQ(text_of(from_base64url(c.url)), c.bytes);
  }
}

TEST(Base64, RefusesWhatTheRfcDoesNotAllow) {
  struct Case {
    std::string_view text;
    bool standard, url, lenient;
    const char* why;
  };
  const Case cases[] = {
      {"Zg==", true, false, true, "padding belongs to the standard form only"},
      {"Zg", false, true, true, "no padding belongs to base64url only"},
      {"Zg=", false, false, false, "half of the padding"},
      {"Zg===", false, false, false, "one sign of padding too many"},
      {"Zm9v====", false, false, false, "padding where none is due"},
      {"Z===", false, false, false, "one letter carries no byte"},
      {"Z", false, false, false, "one letter carries no byte"},
      {"=", false, false, false, "padding alone"},
      {"====", false, false, false, "padding alone, the right length"},
      {"Zg==Zg==", false, false, false, "padding in the middle"},
      {"Zh==", false, false, false, "trailing bits are not zero"},
      {"Zh", false, false, false, "trailing bits are not zero, without padding"},
      {"Zm9", false, false, false, "trailing bits are not zero, two bytes"},
      {"-__-", false, true, true, "the URL alphabet"},
      {"+//+", true, false, true, "the standard alphabet"},
      {"+/_-", false, false, true, "both alphabets at once"},
      {"Zm9v\n", false, false, true, "a line feed"},
      {"Zm\r\n9v", false, false, true, "a line feed inside"},
      {"Zm9v ", false, false, false, "a space"},
      {"Zm9\xc3", false, false, false, "not ASCII"},
      {std::string_view("Zm9\0", 4), false, false, false, "a zero byte"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.text) + ": " + c.why);
    EXPECT_EQ(from_base64(c.text).has_value(), c.standard);
    EXPECT_EQ(from_base64url(c.text).has_value(), c.url);
    EXPECT_EQ(from_base64_lenient(c.text).has_value(), c.lenient);
  }
  EXPECT_EQ(from_base64url("Z").error().kind, ErrorKind::invalid_request);
}

TEST(Base64, KnowsEveryByteOfItsAlphabetAndNoOther) {
  for (int c = 0; c < 256; ++c) {
    const char letter = static_cast<char>(c);
    for (std::size_t place = 0; place < 4; ++place) {
      std::string text = "AAAA";
      text[place] = letter;
      const bool shared =
          (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      EXPECT_EQ(from_base64(text).has_value(),
                shared || c == '+' || c == '/' || (c == '=' && place == 3))
          << c << " at " << place;
      EXPECT_EQ(from_base64url(text).has_value(), shared || c == '-' || c == '_') << c;
    }
  }
}

TEST(Base64, ReturnsEveryBytesOfEveryLength) {
  Bytes bytes;
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string url = base64url(bytes);
    EXPECT_EQ(from_base64url(url).value(), bytes);
    EXPECT_EQ(from_base64(base64(bytes)).value(), bytes);
    EXPECT_EQ(base64url_decoded_size(url), size);
    Bytes into(size);
    ASSERT_TRUE(from_base64url_into(url, into));
    EXPECT_EQ(into, bytes);
    bytes.push_back(static_cast<std::byte>(size * 151 + 43));
  }
}

TEST(Base64, WritesEveryThreeBytesAsFourLettersWhereverTheyStand) {
  // Every 24 bits in steps that touch all groups of six, at every place of a run long enough for
  // vectors.
  Bytes bytes;
  std::string letters;
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (unsigned i = 0; i < 40'000; ++i) {
    const unsigned group = (i * 2'654'435u) & 0xff'ffff;
    for (unsigned shift : {16u, 8u, 0u}) bytes.push_back(static_cast<std::byte>(group >> shift));
    for (unsigned shift : {18u, 12u, 6u, 0u}) letters += alphabet[(group >> shift) & 63];
  }
  EXPECT_EQ(base64url(bytes), letters);
  std::ranges::replace(letters, '-', '+');
  std::ranges::replace(letters, '_', '/');
  EXPECT_EQ(base64(bytes), letters);
}

TEST(Base64, DecodesIntoTheCallersMemoryOnlyIfItFits) {
  Bytes small(2), right(3), large(4);
  EXPECT_FALSE(from_base64url_into("Zm9v", small));
  EXPECT_TRUE(from_base64url_into("Zm9v", right));
  EXPECT_FALSE(from_base64url_into("Zm9v", large));
  EXPECT_EQ(from_base64url_into("Zm9*", right).error().kind, ErrorKind::invalid_request);
}

TEST(Base64, AppendsToWhatIsThere) {
  std::string out = "header.";
  append_base64url(out, as_bytes("foob"));
  EXPECT_EQ(out, "header.Zm9vYg");
}

TEST(Hex, GoesThereAndBack) {
  EXPECT_EQ(hex(as_bytes(std::string_view("\x00\x7f\xff", 3))), "007fff");
  EXPECT_EQ(text_of(from_hex("007fFF")), std::string("\x00\x7f\xff", 3));
  EXPECT_EQ(text_of(from_hex("")), "");
  for (std::string_view bad : {"0", "0g", "g0", "0x00", " 00", "+1", "\xff\xff"}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(from_hex(bad));
  }
}

TEST(PercentDecode, DecodesOnceAndLeavesWhatIsMalformed) {
  struct Case {
    std::string_view text, path, form;
    const char* why;
  };
  const Case cases[] = {
      {"a%2Fb%2fc", "a/b/c", "a/b/c", "either case"},
      {"%252F", "%2F", "%2F", "one pass only"},
      {"a+b", "a+b", "a b", "a plus is a space only in forms"},
      {"%2B", "+", "+", "an escaped plus is a plus"},
      {"%", "%", "%", "nothing after the sign"},
      {"%2", "%2", "%2", "half an escape at the end"},
      {"%zz%41", "%zzA", "%zzA", "a malformed escape stays"},
      {"%%41", "%A", "%A", "a sign before an escape"},
      {"%00", std::string_view("\0", 1), std::string_view("\0", 1), "a zero byte is a byte"},
      {"%ff", "\xff", "\xff", "not UTF-8"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(percent_decode(c.text), c.path);
    EXPECT_EQ(form_decode(c.text), c.form);
  }
}

TEST(Utf8, AcceptsWhatRfc3629AcceptsAndRepairsTheRest) {
  constexpr std::string_view r = "\xEF\xBF\xBD";  // U+FFFD
  const auto many = [&](int n) {
    std::string s;
    while (n-- > 0) s += r;
    return s;
  };
  struct Case {
    std::string text, repaired;
    const char* why;
  };
  const Case cases[] = {
      {"", "", "nothing"},
      {"plain ASCII, longer than eight bytes", "plain ASCII, longer than eight bytes", "ASCII"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "two bytes"},
      {"\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80", "\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80",
       "three bytes"},
      {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "four bytes"},
      {"\x80", many(1), "a continuation without a start"},
      {"a\xc3", "a" + many(1), "cut short"},
      {"\xc3(", many(1) + "(", "not continued"},
      {"\xc0\xaf", many(2), "an overlong slash"},
      {"\xe0\x9f\xbf", many(3), "overlong, three bytes"},
      {"\xf0\x8f\xbf\xbf", many(4), "overlong, four bytes"},
      {"\xed\xa0\x80", many(3), "a surrogate"},
      {"\xf4\x90\x80\x80", many(4), "beyond U+10FFFF"},
      {"\xfe\xff", many(2), "bytes that never occur"},
      {"\xf0\x9f\x98x", many(1) + "x", "one sign for the longest good start"},
      {"12345678\xff"
       "12345678",
       "12345678" + many(1) + "12345678", "between runs of eight"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(is_utf8(c.text), c.text == c.repaired);
    EXPECT_EQ(to_valid_utf8(c.text), c.repaired);
    EXPECT_TRUE(is_utf8(c.repaired));
  }
}

}  // namespace
}  // namespace kbs
