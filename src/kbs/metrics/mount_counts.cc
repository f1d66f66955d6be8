#include "kbs/metrics/mount_counts.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace kbs::metrics {

MountCounts::Mount& MountCounts::at(std::string_view mount) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = mounts_.find(mount); found != mounts_.end()) return *found->second;
  }
  const std::unique_lock lock(mutex_);
  const auto [place, added] = mounts_.try_emplace(std::string(mount));
  if (added) place->second = std::make_unique<Mount>();
  return *place->second;
}

void MountCounts::called(std::string_view mount, std::string_view operation,
                         std::chrono::microseconds took, const ErrorKind* failure) {
  const auto found = std::find(kOperations.begin(), kOperations.end() - 1, operation);
  Calls& calls = at(mount)[static_cast<std::size_t>(found - kOperations.begin())];
  const std::chrono::nanoseconds precise = std::max(took, std::chrono::microseconds{0});
  calls.duration.observe(static_cast<std::uint64_t>(precise.count()));
  if (failure != nullptr) {
    calls.errors[static_cast<std::size_t>(*failure)].fetch_add(1, std::memory_order_relaxed);
  }
}

void MountCounts::expose(Exposition& out) const {
  std::vector<std::pair<std::string_view, const Mount*>> all;
  {
    // Entries stay where they are: the lock is held for pointers only.
    const std::shared_lock lock(mutex_);
    for (const auto& [name, mount] : mounts_) all.emplace_back(name, mount.get());
  }
  for (const auto& [name, mount] : all) {
    for (std::size_t i = 0; i < kOperations.size(); ++i) {
      const Calls& calls = (*mount)[i];
      const std::uint64_t count = calls.duration.read().count;
      if (count == 0) continue;
      out.series("kbs_mount_operations_total", "Total count of calls to the backend of a mount",
                 {{"mount", name}, {"operation", kOperations[i]}}, count);
      out.histogram("kbs_mount_operation_duration_seconds",
                    "Distribution of the duration of calls to the backend of a mount",
                    {{"mount", name}, {"operation", kOperations[i]}}, calls.duration);
      for (std::size_t kind = 0; kind < calls.errors.size(); ++kind) {
        const std::uint64_t errors = calls.errors[kind].load(std::memory_order_relaxed);
        if (errors == 0) continue;
        out.series("kbs_mount_errors_total",
                   "Total count of calls to the backend of a mount that failed",
                   {{"mount", name},
                    {"operation", kOperations[i]},
                    {"kind", to_string(static_cast<ErrorKind>(kind))}},
                   errors);
      }
    }
  }
}

}  // namespace kbs::metrics
