#pragma once
/// The form of one stored value. docs/encryption-at-rest.md has it byte by byte.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "storage/encrypted/bytes.h"

namespace kbs::storage::encrypted {

inline constexpr std::size_t kMaxContentType = 255;
inline constexpr std::size_t kMaxKeyId = 64;
inline constexpr std::size_t kMaxWrapped = 4096;
/// What an envelope adds to its value beside content type, key id and wrapped key.
inline constexpr std::size_t kEnvelopeBytes = 74 + crypto::kAeadTagSize;

/// What goes with a value and may not be changed without its key.
struct Bound {
  Uuid store{};
  Seq seq{};
  std::string content_type;
  std::optional<SysTime> not_after;
};

/// One envelope, taken apart but not believed. The spans lie in the bytes it was read from.
struct Envelope {
  Bound bound;
  std::string key_id;
  std::span<const std::byte> wrapped;
  crypto::AeadNonce nonce{};
  std::span<const std::byte> sealed;  ///< ciphertext and tag

  std::uint64_t value_bytes() const noexcept { return sealed.size() - crypto::kAeadTagSize; }
};

/// Whether the bytes claim to be an envelope, of whatever version.
bool is_envelope(std::span<const std::byte> bytes) noexcept;
/// `internal` for everything that `seal` does not write, saying what is wrong with it.
Result<Envelope> parse_envelope(std::span<const std::byte> bytes);

/// Under which key the data key is wrapped: the part that may change in place.
struct Wrapping {
  std::string key_id;
  std::string wrapped;
};

/// `data_key` serves this one call and never again. `path` ("default/key/1") is bound as well.
SecretBytes seal(const Bound& bound, std::string_view path, const Wrapping& wrapping,
                 const Secret& data_key, const crypto::AeadNonce& nonce,
                 std::span<const std::byte> value);
/// `internal` when it is not the value that was sealed for this path under this key.
Result<Secret> open(const Envelope& envelope, std::string_view path, const Secret& data_key);
/// The same envelope with its data key wrapped anew.
SecretBytes with_wrapping(const Envelope& envelope, const Wrapping& wrapping);

/// What is bound to the wrapped data key of a value.
std::string data_key_context(const Uuid& store, const Seq& seq);

}  // namespace kbs::storage::encrypted
