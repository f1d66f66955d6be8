#pragma once
/// Inside this folder only: one resource here and there.

#include "storage/transfer/place.h"

namespace kbs::storage::transfer {

struct Verdict {
  std::optional<VersionId> source{};  ///< what is there now; nullopt = nothing
  std::optional<VersionId> target{};
  /// "missing", "extra", "value", "expiry", "history"; nullopt = equal.
  std::optional<std::string> difference{};
};

awaitable<Result<Verdict>> compare(Side from, Side to, ResourceId id, bool history,
                                   std::shared_ptr<const Secret> key);

}  // namespace kbs::storage::transfer
