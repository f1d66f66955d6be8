#include "server/mounts.h"

#include "base/run.h"

namespace kbs::server {
namespace {

tl::unexpected<Error> about(const storage::MountOptions& options, Error error) {
  error.message = "mount \"" + options.name + "\" (" + options.backend + "): " + error.message;
  return tl::unexpected(std::move(error));
}

}  // namespace

void MountMetrics::called(const std::string& mount, std::string_view operation,
                          std::chrono::microseconds took, const Error* failure) {
  metrics_.mount_called(mount, operation, took, failure == nullptr ? nullptr : &failure->kind);
}

Result<storage::Mount> open_mount(const config::MountConfig& config, storage::Services services,
                                  storage::MountObserver* observer) {
  auto raw = config.make(services);
  if (!raw) return about(config.options, std::move(raw).error());
  auto mount = run_to_end(storage::decorate(config.options, std::move(*raw), services, observer));
  if (!mount) return about(config.options, std::move(mount).error());
  return mount;
}

Result<std::shared_ptr<storage::Mounts>> open_mounts(const std::vector<config::MountConfig>& config,
                                                     storage::Services services,
                                                     storage::MountObserver* observer) {
  std::vector<storage::Mount> mounts;
  mounts.reserve(config.size());
  for (const config::MountConfig& one : config) {
    KBS_TRY(storage::Mount mount, open_mount(one, services, observer));
    mounts.push_back(std::move(mount));
  }
  return storage::Mounts::make(std::move(mounts));
}

}  // namespace kbs::server
