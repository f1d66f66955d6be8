#pragma once
/// Our binary forms: big-endian numbers and counted bytes, written plainly and read with suspicion.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "crypto/secret.h"

namespace kbs::storage::encrypted {

/// Names one stored value: random, never used twice.
using Seq = std::array<std::byte, 16>;
using Uuid = std::array<std::byte, 16>;
using Magic = std::array<std::byte, 8>;

/// Like PNG's: a first byte that no text begins with, a line feed that shows a mangled copy.
constexpr Magic magic_of(const char (&word)[7]) {
  Magic magic{std::byte{0x89}};
  for (std::size_t i = 0; i < 6; ++i) magic[i + 1] = static_cast<std::byte>(word[i]);
  magic[7] = std::byte{'\n'};
  return magic;
}

/// Appends to a buffer that wipes itself.
class Writer {
 public:
  explicit Writer(SecretBytes& out) : out_(out) {}
  template <class Number>
  Writer& number(Number value) {
    for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
      out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> shift));
    }
    return *this;
  }
  Writer& raw(std::span<const std::byte> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  /// A length of the type `Count`, then the bytes.
  template <class Count>
  Writer& counted(std::span<const std::byte> bytes) {
    return number(static_cast<Count>(bytes.size())).raw(bytes);
  }
  template <class Count>
  Writer& counted(std::string_view text) {
    return counted<Count>(as_bytes(text));
  }

 private:
  SecretBytes& out_;
};

/// Takes bytes from the front. The first thing that is not there makes everything after it zero or
/// empty and `ok` false: one look at the end is enough.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  bool ok() const noexcept { return ok_; }
  std::span<const std::byte> rest() const noexcept { return rest_; }

  std::span<const std::byte> take(std::uint64_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  template <class Number>
  Number number() {
    std::uint64_t value = 0;
    for (std::byte b : take(sizeof(Number))) {
      value = (value << 8) | std::to_integer<std::uint64_t>(b);
    }
    return static_cast<Number>(value);
  }
  template <std::size_t Size>
  std::array<std::byte, Size> array() {
    std::array<std::byte, Size> bytes{};
    const auto taken = take(Size);
    for (std::size_t i = 0; i < taken.size(); ++i) bytes[i] = taken[i];
    return bytes;
  }
  template <class Count>
  std::span<const std::byte> counted() {
    return take(number<Count>());
  }
  template <class Count>
  std::string_view text() {
    return as_text(counted<Count>());
  }

 private:
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

}  // namespace kbs::storage::encrypted
