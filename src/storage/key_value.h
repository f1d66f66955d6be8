#pragma once
/// The key-value layer: policies, reference values, sessions, in the reference's namespaces, so
/// that an existing installation is read as it stands. Facts: spec/resource-backends.md §§2.2–8.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/file.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::storage {

/// One namespace of one store. Thread-safe. Keys are letters, digits, `-`, `_`, `.` and `/` on
/// writing in file stores (`invalid_request` otherwise); memory and LocalJson accept any text.
class KeyValue {
 public:
  virtual ~KeyValue() = default;
  /// nullopt when absent.
  virtual awaitable<Result<std::optional<Secret>>> get(std::string key) = 0;
  /// Stores durably; with `overwrite` false only when absent. True when stored.
  virtual awaitable<Result<bool>> set(std::string key, Secret value, bool overwrite = true) = 0;
  /// True when something was there.
  virtual awaitable<Result<bool>> remove(std::string key) = 0;
  /// All keys, sorted.
  virtual awaitable<Result<std::vector<std::string>>> list() = 0;
};

using KeyValuePtr = std::shared_ptr<KeyValue>;

enum class KeyValueType { memory, local_fs, local_json };

/// What every store needs of its surroundings. Referents outlive the stores.
struct Services {
  FileOps& files;
  const Clock& clock;
  asio::thread_pool& blocking;
};

struct KeyValueConfig {
  KeyValueType type = KeyValueType::memory;
  std::string dir_path;  ///< of local_fs or local_json
};

/// Opens `name_space` ("kbs", "reference_value", …; no empty, "." or ".." segment). Creates
/// directories 0700 and files 0600. Each call with the same config and namespace opens its own
/// handle on the same files; memory stores are separate per call.
Result<KeyValuePtr> open_key_value(const KeyValueConfig& config, const std::string& name_space,
                                   Services services);

}  // namespace kbs::storage
