#pragma once
/// What `make_backend` needs of a key-value store: to tell one write of a key from the next.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/backend.h"

namespace kbs::storage::kv {

/// Thread-safe. Each call is one step: between its condition and its deed nobody else gets in.
class VersionedStore {
 public:
  virtual ~VersionedStore() = default;

  struct Item {
    Secret value;
    VersionId version;
    SysTime updated;  ///< not later than the first moment at which it is known to be there
  };
  /// With `version` ("" = any) only what is at it. nullopt when absent.
  virtual awaitable<Result<std::optional<Item>>> look_up(std::string key, VersionId version) = 0;

  struct Condition {
    std::optional<VersionId> if_version;
    bool create_only = false;
  };
  /// `conflict` when the condition does not hold.
  virtual awaitable<Result<VersionId>> store(std::string key, Secret value,
                                             Condition condition) = 0;
  /// `not_found`, or `conflict` when it is at another version.
  virtual awaitable<Result<>> drop(std::string key, std::optional<VersionId> if_version) = 0;

  struct Line {
    std::string key;
    VersionId version;
    SysTime updated;
    std::uint64_t size;
  };
  virtual awaitable<Result<std::vector<Line>>> lines() = 0;
  /// Can it be read?
  virtual awaitable<Result<>> check_health() = 0;
};

}  // namespace kbs::storage::kv
