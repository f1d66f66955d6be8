// Values as text: compact, or canonical (RFC 8785).
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "base/json.h"

namespace kbs {
namespace {

/// What follows the backslash for each byte that must be escaped, 'u' for \u00xx, or 0.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

/// Whether one of eight bytes must be escaped: below 0x20, a quote or a backslash. Borrows may make
/// it true for a byte that need not, never the other way.
bool any_escape(const char* eight) {
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
  std::uint64_t word;
  std::memcpy(&word, eight, sizeof word);
  const std::uint64_t quote = word ^ (ones * '"');
  const std::uint64_t backslash = word ^ (ones * '\\');
  const std::uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                              ((backslash - ones) & ~backslash);
  return (found & (ones * 0x80)) != 0;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (text.size() - i > sizeof(std::uint64_t) && !any_escape(text.data() + i)) {
      i += sizeof(std::uint64_t);
    }
    const auto c = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[c];
    if (escape == 0) continue;
    out += text.substr(done, i - done);
    done = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "00";
      out += digits[c >> 4];
      out += digits[c & 15];
    }
  }
  out += text.substr(done);
  out += '"';
}

template <class Integer>
void append_integer(std::string& out, Integer number) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

/// ECMA-262, Number::toString: the shortest digits that read back the same, laid out by their
/// exponent.
void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {  // JSON has no word for it, and `parse_json` never makes one
    out += "null";
    return;
  }
  if (number == 0) {  // also minus zero
    out += '0';
    return;
  }
  if (number < 0) {
    out += '-';
    number = -number;
  }
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::scientific)
          .ptr;
  const std::string_view whole(text.data(), static_cast<std::size_t>(end - text.data()));
  const std::size_t e = whole.find('e');
  std::string digits(1, whole[0]);
  if (e > 2) digits += whole.substr(2, e - 2);
  int exponent = 0;
  const std::size_t sign_size = whole[e + 1] == '+' ? 2 : 1;
  std::from_chars(whole.data() + e + sign_size, whole.data() + whole.size(), exponent);

  const int size = static_cast<int>(digits.size());
  const int point = exponent + 1;  // how many digits stand before the decimal point
  if (size <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - size), '0');
  } else if (0 < point && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (size > 1) (out += '.') += digits.substr(1);
    out += 'e';
    out += exponent < 0 ? '-' : '+';
    append_integer(out, std::abs(exponent));
  }
}

/// Whether `a` comes before `b` by UTF-16 code units. UTF-8 bytes have that order too, except that
/// the surrogates of U+10000 and above come before U+E000 to U+FFFF, whose first byte is EE or EF.
bool before_in_utf16(std::string_view a, std::string_view b) {
  const auto rank = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0xee || byte == 0xef ? byte + 0x10 : byte;
  };
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() || y == b.end()) return a.size() < b.size();
  return rank(*x) < rank(*y);
}

class Writer {
 public:
  Writer(std::string& out, bool canonical) : out_(out), canonical_(canonical) {}

  void write(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        out_ += "null";
        break;
      case json::kind::bool_:
        out_ += value.get_bool() ? "true" : "false";
        break;
      case json::kind::int64:
        write_integer(value.get_int64());
        break;
      case json::kind::uint64:
        write_integer(value.get_uint64());
        break;
      case json::kind::double_:
        append_double(out_, value.get_double());
        break;
      case json::kind::string:
        append_string(out_, view(value.get_string()));
        break;
      case json::kind::array:
        write_array(value.get_array());
        break;
      case json::kind::object:
        write_object(value.get_object());
        break;
    }
  }

 private:
  static std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

  template <class Integer>
  void write_integer(Integer number) {
    // Canonical numbers are doubles (RFC 8785 §3.2.2.3): past 2^53 an integer is written as its
    // nearest one.
    constexpr Integer limit = Integer{1} << 53;
    const bool exact =
        number <= limit && (std::is_unsigned_v<Integer> || number >= Integer{0} - limit);
    if (canonical_ && !exact) return append_double(out_, static_cast<double>(number));
    append_integer(out_, number);
  }

  void write_array(const json::array& array) {
    out_ += '[';
    bool first = true;
    for (const json::value& element : array) {
      if (!first) out_ += ',';
      first = false;
      write(element);
    }
    out_ += ']';
  }

  void write_member(const json::key_value_pair& member, bool first) {
    if (!first) out_ += ',';
    append_string(out_, {member.key().data(), member.key().size()});
    out_ += ':';
    write(member.value());
  }

  void write_object(const json::object& object) {
    out_ += '{';
    bool first = true;
    if (canonical_) {
      for (const json::key_value_pair* member : sorted(object)) {
        write_member(*member, std::exchange(first, false));
      }
    } else {
      for (const json::key_value_pair& member : object)
        write_member(member, std::exchange(first, false));
    }
    out_ += '}';
  }

  static std::vector<const json::key_value_pair*> sorted(const json::object& object) {
    std::vector<const json::key_value_pair*> members;
    members.reserve(object.size());
    for (const json::key_value_pair& member : object) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
      return before_in_utf16({a->key().data(), a->key().size()},
                             {b->key().data(), b->key().size()});
    });
    return members;
  }

  std::string& out_;
  bool canonical_;
};

}  // namespace

std::string to_json(const json::value& value) {
  std::string out;
  Writer(out, false).write(value);
  return out;
}

std::string canonical_json(const json::value& value) {
  std::string out;
  Writer(out, true).write(value);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  if (is_utf8(text)) return append_string(out, text);
  append_string(out, to_valid_utf8(text));
}

}  // namespace kbs
