#include "base/encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/base64_x86.h"

namespace kbs {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Pair = std::array<char, 2>;

/// Two letters for every twelve bits: half the steps of a table of single letters.
constexpr auto make_pairs(std::string_view alphabet) {
  std::array<Pair, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {alphabet[i >> 6], alphabet[i & 63]};
  }
  return pairs;
}

constexpr std::uint32_t kBad = 0x8000'0000;

/// The value of each letter shifted to where it stands in its group of four; `kBad` for any other
/// byte, so that one OR over a group tells whether all of it is in the alphabet.
struct DecodeTable {
  std::array<std::array<std::uint32_t, 256>, 4> at{};
  explicit constexpr DecodeTable(std::string_view alphabet) {
    for (auto& place : at) place.fill(kBad);
    for (std::uint32_t value = 0; value < 64; ++value) {
      const auto letter = static_cast<unsigned char>(alphabet[value]);
      for (std::uint32_t place = 0; place < 4; ++place)
        at[place][letter] = value << (18 - 6 * place);
    }
  }
};

constexpr auto kStandardPairs = make_pairs(kStandard);
constexpr auto kUrlPairs = make_pairs(kUrl);
constexpr DecodeTable kStandardTable(kStandard);
constexpr DecodeTable kUrlTable(kUrl);

constexpr std::size_t encoded_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }

/// Writes the letters of `bytes` without padding; returns the end.
char* encode(std::span<const std::byte> bytes, const std::array<Pair, 4096>& pairs, char* out) {
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  const char letter62 = pairs[62][1], letter63 = pairs[63][1];
  const std::size_t ahead = encode_base64_x86(in, bytes.size(), letter62, letter63, out);
  in += ahead;
  out += ahead / 3 * 4;
  std::size_t left = bytes.size() - ahead;
  for (; left >= 3; left -= 3, in += 3, out += 4) {
    const std::uint32_t group = (std::uint32_t{in[0]} << 16) | (std::uint32_t{in[1]} << 8) | in[2];
    std::memcpy(out, pairs[group >> 12].data(), 2);
    std::memcpy(out + 2, pairs[group & 0xfff].data(), 2);
  }
  if (left == 0) return out;
  const std::uint32_t group =
      (std::uint32_t{in[0]} << 16) | (left == 2 ? std::uint32_t{in[1]} << 8 : 0);
  std::memcpy(out, pairs[group >> 12].data(), 2);
  if (left == 1) return out + 2;
  out[2] = pairs[group & 0xfff][0];
  return out + 3;
}

constexpr std::size_t decoded_size(std::size_t letters) {
  return letters / 4 * 3 + (letters % 4) * 3 / 4;
}

/// Decodes letters without padding into `out`, which holds `decoded_size` bytes. Null, or what is
/// wrong.
const char* decode(std::string_view text, const DecodeTable& table, std::byte* out) {
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  const auto& at = table.at;
  std::uint32_t seen = 0;
  std::size_t left = text.size();
  for (; left >= 4; left -= 4, in += 4, out += 3) {
    const std::uint32_t group = at[0][in[0]] | at[1][in[1]] | at[2][in[2]] | at[3][in[3]];
    seen |= group;
    out[0] = static_cast<std::byte>(group >> 16);
    out[1] = static_cast<std::byte>(group >> 8);
    out[2] = static_cast<std::byte>(group);
  }
  if (left == 1) return "base64: wrong length";
  if (left > 1) {
    const std::uint32_t group = at[0][in[0]] | at[1][in[1]] | (left == 3 ? at[2][in[2]] : 0);
    seen |= group;
    out[0] = static_cast<std::byte>(group >> 16);
    if (left == 3) out[1] = static_cast<std::byte>(group >> 8);
    // Bits that no byte takes must be zero, or two texts would mean the same bytes.
    const std::uint32_t trailing = group & (left == 3 ? 0xffu : 0xffffu);
    if (!(seen & kBad) && trailing != 0) return "base64: trailing bits are not zero";
  }
  return seen & kBad ? "base64: a character outside the alphabet" : nullptr;
}

Result<Bytes> decode_all(std::string_view text, const DecodeTable& table) {
  Bytes bytes(decoded_size(text.size()));
  if (const char* wrong = decode(text, table, bytes.data()))
    return fail(ErrorKind::invalid_request, wrong);
  return bytes;
}

/// How many "=" end `text`, if they are what RFC 4648 asks for.
std::optional<std::size_t> padding(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t last = text.find_last_not_of('=');
  const std::size_t letters = last == std::string_view::npos ? 0 : last + 1;
  const std::size_t count = text.size() - letters;
  if (count > 2) return std::nullopt;
  return count;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode_as(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      out += ' ';
    } else if (c == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
               hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

/// One step through UTF-8: how many bytes, and whether they are a code point. Of a malformed
/// sequence the longest start that could have been well-formed, at least one byte (Unicode 15,
/// §3.9, "maximal subpart").
struct Utf8Step {
  std::size_t size;
  bool good;
};

Utf8Step utf8_step(const unsigned char* in, std::size_t left) {
  const unsigned char lead = in[0];
  if (lead < 0x80) return {1, true};
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte decides about overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (left < 2 || in[1] < low || in[1] > high) return {1, false};
  for (std::size_t i = 2; i < size; ++i) {
    if (left <= i || (in[i] & 0xc0) != 0x80) return {i, false};
  }
  return {size, true};
}

/// The first malformed sequence at or after `from`, or the size of `text`.
std::size_t find_malformed(std::string_view text, std::size_t from) {
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t i = from;
  while (i < text.size()) {
    std::uint64_t eight;
    if (text.size() - i >= sizeof eight) {  // most text is ASCII: eight bytes at a time
      std::memcpy(&eight, in + i, sizeof eight);
      if ((eight & 0x8080'8080'8080'8080) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const Utf8Step step = utf8_step(in + i, text.size() - i);
    if (!step.good) return i;
    i += step.size;
  }
  return text.size();
}

}  // namespace

void append_base64url(std::string& out, std::span<const std::byte> bytes) {
  const std::size_t before = out.size();
  out.resize(before + encoded_size(bytes.size()));
  encode(bytes, kUrlPairs, out.data() + before);
}

std::string base64url(std::span<const std::byte> bytes) {
  std::string out;
  append_base64url(out, bytes);
  return out;
}

Result<Bytes> from_base64url(std::string_view text) { return decode_all(text, kUrlTable); }

std::size_t base64url_decoded_size(std::string_view text) noexcept {
  return decoded_size(text.size());
}

Result<> from_base64url_into(std::string_view text, std::span<std::byte> out) {
  if (out.size() != decoded_size(text.size())) {
    return fail(ErrorKind::internal, "base64: the buffer has the wrong size");
  }
  if (const char* wrong = decode(text, kUrlTable, out.data())) {
    return fail(ErrorKind::invalid_request, wrong);
  }
  return {};
}

std::string base64(std::span<const std::byte> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '=');
  encode(bytes, kStandardPairs, out.data());
  return out;
}

Result<Bytes> from_base64(std::string_view text) {
  const std::optional<std::size_t> pad = padding(text);
  if (!pad) return fail(ErrorKind::invalid_request, "base64: wrong padding");
  return decode_all(text.substr(0, text.size() - *pad), kStandardTable);
}

Result<Bytes> from_base64_lenient(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  for (char c : text) {
    if (c == '\n' || c == '\r') continue;
    letters += c == '-' ? '+' : c == '_' ? '/' : c;
  }
  if (letters.ends_with('=')) return from_base64(letters);
  return decode_all(letters, kStandardTable);
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(bytes.size() * 2, '0');
  char* to = out.data();
  for (std::byte b : bytes) {
    *to++ = digits[std::to_integer<unsigned>(b) >> 4];
    *to++ = digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(ErrorKind::invalid_request, "hex: odd number of digits");
  Bytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(ErrorKind::invalid_request, "hex: a character that is no digit");
    bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return bytes;
}

std::string percent_decode(std::string_view text) { return percent_decode_as(text, false); }

std::string form_decode(std::string_view text) { return percent_decode_as(text, true); }

bool is_utf8(std::string_view text) noexcept { return find_malformed(text, 0) == text.size(); }

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t bad = find_malformed(text, start);
    out += text.substr(start, bad - start);
    if (bad == text.size()) break;
    out += "\xEF\xBF\xBD";
    start = bad +
            utf8_step(reinterpret_cast<const unsigned char*>(text.data()) + bad, text.size() - bad)
                .size;
  }
  return out;
}

}  // namespace kbs
