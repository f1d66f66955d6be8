#include "crash/values.h"

#include <algorithm>
#include <charconv>

namespace kbs::crash {
namespace {

/// xorshift64*: eight bytes at a time, different for each write.
class Filler {
 public:
  explicit Filler(std::string_view header) {
    for (const char c : header) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    state_ |= 1;
  }
  std::uint64_t next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

std::string header_of(std::string_view path, Seq seq, std::size_t length) {
  return "value " + std::string(path) + ' ' + std::to_string(seq) + ' ' + std::to_string(length) +
         '\n';
}

template <class T>
bool take_number(std::string_view& text, char end, T& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  if (parsed.ec != std::errc() || parsed.ptr == text.data() + text.size() || *parsed.ptr != end) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()) + 1);
  return true;
}

}  // namespace

std::string value_of(std::string_view path, Seq seq, std::size_t length) {
  std::string value = header_of(path, seq, length);
  Filler filler(value);
  if (value.size() >= length) return value;
  value.reserve(length + 8);
  while (value.size() < length) {
    const std::uint64_t word = filler.next();
    value.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  value.resize(length);
  return value;
}

std::optional<Seq> seq_of(std::string_view path, std::string_view value) {
  const std::string start = "value " + std::string(path) + ' ';
  if (!value.starts_with(start)) return std::nullopt;
  std::string_view rest = value.substr(start.size());
  Seq seq = 0;
  std::size_t length = 0;
  if (!take_number(rest, ' ', seq) || !take_number(rest, '\n', length)) return std::nullopt;
  if (length > std::max<std::size_t>(value.size(), 256)) return std::nullopt;
  if (value_of(path, seq, length) != value) return std::nullopt;
  return seq;
}

}  // namespace kbs::crash
