#pragma once
/// Encryption at rest over any backend: what the store holds, it cannot read, move, or go back on
/// unnoticed. Design decision 9; the format stands in docs/encryption-at-rest.md.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/backend.h"
#include "storage/key_value.h"
#include "storage/settings.h"

namespace kbs::storage::encrypted {

/// Wraps data keys. Thread-safe. Files and passphrases are here; PKCS#11 and cloud keys implement
/// it later.
class KeyEncryptionKey {
 public:
  virtual ~KeyEncryptionKey() = default;
  /// Names the key in envelopes: 1 to 64 characters of [A-Za-z0-9_.:-], tells nothing of the key.
  virtual const std::string& id() const noexcept = 0;
  /// `associated` is bound to the result and must be given again to `unwrap`.
  virtual awaitable<Result<std::string>> wrap(const Secret& data_key, std::string associated) = 0;
  /// `internal` when the wrapped key or `associated` is not what `wrap` made; `unavailable` when
  /// the key cannot be asked now.
  virtual awaitable<Result<Secret>> unwrap(std::string wrapped, std::string associated) = 0;
};
using KekPtr = std::shared_ptr<KeyEncryptionKey>;

/// A KEK of exactly 32 raw bytes (or 64 hex digits, or base64 of 32 bytes) in a file. Refuses a
/// file that others may read, unless it belongs to a mounted Secret (a link through `..data`).
Result<KekPtr> kek_from_file(const std::string& path);

/// Where a mount's KEK comes from: exactly one of the three.
struct KekSource {
  std::string key_file;
  std::optional<SecretSource> passphrase;  ///< scrypt; its salt and costs stand in the store
  KekPtr key{};                            ///< one that is open already: PKCS#11, a cloud's
};

struct Options {
  KekSource key;                    ///< wraps new data keys
  std::vector<KekSource> previous;  ///< may still unwrap older ones
  bool accept_plaintext =
      false;             ///< serve what lies there unencrypted and was never encrypted here
  bool manifest = true;  ///< keep and check the authenticated manifest
};

/// The repository name, inside the inner backend, of what the decorator keeps for itself. No
/// resource of that name is served, listed or written through it.
inline constexpr std::string_view kOwnRepository = "_kbs";

struct RewrapReport {
  std::uint64_t seen = 0;       ///< versions looked at, earlier ones included
  std::uint64_t rewrapped = 0;  ///< of these, how many were under another key and now are not
  std::uint64_t plaintext = 0;  ///< of these, how many were not encrypted and now are
};

/// The decorator, with what only the host's commands do.
class Encrypted : public Backend {
 public:
  /// Wraps every data key that is not under the current KEK anew: values, history, and the store's
  /// own records. Online; can be broken off at any point and started again.
  virtual awaitable<Result<RewrapReport>> rewrap() = 0;
  /// Reads everything and compares it with the manifest; the paths of what disagrees.
  virtual awaitable<Result<std::vector<std::string>>> verify() = 0;
};

/// Opens or begins the store in `inner`. Version ids are its own. `mount` names it in messages.
/// `invalid_request` when the key is not the store's (says which key id the store wants).
/// `uncached` is `inner` without its cache, where it has one: changes, and reads that a cache has
/// made doubtful, start from it.
awaitable<Result<std::shared_ptr<Encrypted>>> make(BackendPtr inner, Options options,
                                                   Services services, std::string mount,
                                                   BackendPtr uncached = nullptr);

}  // namespace kbs::storage::encrypted
