#pragma once
/// Opening a store: from the configured keys and the header to the store's own key.

#include <functional>
#include <string>
#include <vector>

#include "storage/encrypted/header.h"

namespace kbs::storage::encrypted {

inline ResourceId header_id() { return {std::string(kOwnRepository), "store", "header"}; }

/// What opened a store, immutable. The first of `keys` wraps; all of them unwrap.
struct StoreKeys {
  Uuid store{};
  Secret store_key;
  std::vector<KekPtr> keys;
  Header header;       ///< as it was when the store was opened
  bool fresh = false;  ///< it did not exist before

  KeyEncryptionKey& current() const noexcept { return *keys.front(); }
  KeyEncryptionKey* find(std::string_view id) const noexcept;
  /// A key of the store's for one purpose.
  Secret derive(std::string_view purpose, std::span<const std::byte> context) const;
};

/// Reads the header of `inner`, or begins a store (with a manifest if `options` say so). Afterwards
/// the header knows the configured key, so that whatever is wrapped under it can be opened after a
/// restart (a passphrase's salt stands only there). `invalid_request` when no configured key fits:
/// the message names those that would.
awaitable<Result<StoreKeys>> open_keys(BackendPtr inner, Options options, Services services,
                                       std::string mount);

/// Changes the header, again if another process changed it meanwhile. `edit` answers whether there
/// is anything to write. Returns the header as it is now.
using HeaderEdit = std::function<Result<bool>(Header&)>;
awaitable<Result<Header>> edit_header(BackendPtr inner, const Secret& store_key, HeaderEdit edit);

}  // namespace kbs::storage::encrypted
