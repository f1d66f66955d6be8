#pragma once
/// The store's header: who the store is, and its own key under every KEK that may open it.

#include <optional>
#include <string>
#include <vector>

#include "storage/encrypted/bytes.h"
#include "storage/encrypted/kek.h"

namespace kbs::storage::encrypted {

/// The store's key under one KEK.
struct HeaderKey {
  std::string id;
  std::optional<ScryptSalt> scrypt;  ///< of a passphrase
  std::string wrapped;
};

/// The manifest's beginning, if the store has one. Each beginning has keys of its own, so that
/// nothing of an abandoned journal fits into a later one.
struct Era {
  Uuid id{};
  std::uint64_t first = 1;  ///< number of its first journal record
};

struct Header {
  Uuid store{};
  std::optional<Era> manifest;
  std::vector<HeaderKey> keys;  ///< 1 … kMaxHeaderKeys

  const HeaderKey* find(std::string_view id) const noexcept;
};

inline constexpr std::size_t kMaxHeaderKeys = 8;

/// A header as it was read: its form is right and its costs are bounded; nothing is believed before
/// `is_genuine`.
struct UncheckedHeader {
  Header header;
  std::span<const std::byte> signed_bytes;
  std::span<const std::byte> mac;
};
/// The spans lie in `bytes`. `internal` when malformed.
Result<UncheckedHeader> parse_header(std::span<const std::byte> bytes);
bool is_genuine(const UncheckedHeader& unchecked, const Secret& store_key);

SecretBytes write_header(const Header& header, const Secret& store_key);

/// What is bound to the wrapped store key.
std::string store_key_context(const Uuid& store);

}  // namespace kbs::storage::encrypted
