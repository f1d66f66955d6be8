#pragma once
/// The type of everything that must not leak.

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "base/encoding.h"

namespace kbs {

/// Overwrites memory in a way the compiler may not drop (OPENSSL_cleanse).
void wipe(void* data, std::size_t size) noexcept;

/// Wipes what it frees.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    wipe(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// A growing buffer for bytes on their way into a `Secret`.
using SecretBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

/// Bytes that must not outlive their use: move-only, wiped when freed, compared in constant time.
/// A vector, not a string: a short string lives inside its object, where no allocator wipes it.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::byte> b) : bytes_(b.begin(), b.end()) {}
  explicit Secret(SecretBytes&& b) noexcept : bytes_(std::move(b)) {}
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// For tests and constants: the bytes of a text.
  static Secret from_text(std::string_view text) { return Secret(as_bytes(text)); }
  /// A second, independent copy, said in so many words.
  Secret clone() const { return Secret(std::span<const std::byte>(bytes_)); }

  /// The one door out: search for it in review. Nothing prints or formats a Secret.
  [[nodiscard]] std::span<const std::byte> expose() const noexcept { return bytes_; }
  /// The same as text, for values that are text (a PEM, a token).
  [[nodiscard]] std::string_view expose_text() const noexcept { return as_text(bytes_); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  /// Gives the buffer away.
  SecretBytes release() && noexcept { return std::move(bytes_); }

  /// Constant time in the contents; lengths are not secret.
  friend bool operator==(const Secret& a, const Secret& b) noexcept;

 private:
  SecretBytes bytes_;
};

}  // namespace kbs
