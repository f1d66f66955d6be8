#pragma once
/// From `[[mounts]]` to a storage that serves.

#include <memory>
#include <vector>

#include "kbs/config/config.h"
#include "kbs/metrics/metrics.h"
#include "storage/mounts/mounts.h"

namespace kbs::server {

/// Counts what the mounts do. `metrics` outlives it.
class MountMetrics final : public storage::MountObserver {
 public:
  explicit MountMetrics(metrics::Metrics& metrics) : metrics_(metrics) {}
  void called(const std::string& mount, std::string_view operation, std::chrono::microseconds took,
              const Error* failure) override;

 private:
  metrics::Metrics& metrics_;
};

/// Opens one mount, decorators and all. Blocks. Errors begin with the mount's name.
Result<storage::Mount> open_mount(const config::MountConfig& config, storage::Services services,
                                  storage::MountObserver* observer);

/// Opens all of them; the first that cannot be opened fails the whole. `observer` outlives them.
Result<std::shared_ptr<storage::Mounts>> open_mounts(const std::vector<config::MountConfig>& config,
                                                     storage::Services services,
                                                     storage::MountObserver* observer);

}  // namespace kbs::server
