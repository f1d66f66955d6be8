#pragma once
/// Key-encryption keys that this process holds itself.

#include <optional>
#include <string>

#include "crypto/kdf.h"
#include "storage/encrypted/encrypted.h"

namespace kbs::storage::encrypted {

/// A KEK of 32 uniformly random bytes. Its id is `kind`, a colon and 16 hex digits made of the key
/// by a MAC. `wrap` and `unwrap` do not suspend.
KekPtr local_kek(std::string_view kind, Secret key);

/// How a key is made of a passphrase; stands in the store's header.
struct ScryptSalt {
  crypto::ScryptCosts costs;
  std::array<std::byte, 16> salt{};
};
/// Blocks for about half a second.
Result<KekPtr> kek_from_passphrase(const Secret& passphrase, const ScryptSalt& how);

/// 1 to 64 characters of [A-Za-z0-9_.:-].
bool is_key_id(std::string_view text) noexcept;

}  // namespace kbs::storage::encrypted
