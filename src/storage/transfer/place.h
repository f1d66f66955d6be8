#pragma once
/// Inside this folder only: putting one resource into a target, whether it comes from a store or
/// from an archive.

#include "storage/transfer/values.h"

namespace kbs::storage::transfer {

enum class Outcome { gone, copied, overwritten, equal, skipped };

/// Whether resources can be taken from there at all; the error names the side and the remedy.
Result<> check_source(const Side& from, bool history);
Result<> check_target(const Side& to, bool history);

/// A resource of another mount: told here, because it would never be found there.
tl::unexpected<Error> not_served(const Side& to);
/// That the target has a history which is not the source's.
Note apart(const ResourceId& id);

/// Writes `resource` unless it is there already, as `options` say; counts what it wrote.
awaitable<Result<Outcome>> place(Side to, ResourceId id, Resource resource, Options options,
                                 Report& report);

/// Where a history goes on in the target.
struct HistoryPlan {
  std::size_t first = 0;               ///< index of the first version to write
  bool apart = false;                  ///< the target has another history
  std::optional<VersionId> current{};  ///< of the target; nullopt = not there
};
awaitable<Result<HistoryPlan>> plan_history(Side to, ResourceId id, std::span<const PastValue> want,
                                            std::shared_ptr<const Secret> key);
/// Writes the next version, and moves the plan's `current`.
awaitable<Result<>> append(Side to, ResourceId id, Resource resource, HistoryPlan& plan,
                           const Options& options, Report& report);

/// Counts the outcome of one resource, and tells `options.progress`.
void settle(const std::string& path, Result<Outcome> outcome, const Options& options,
            Report& report);

}  // namespace kbs::storage::transfer
