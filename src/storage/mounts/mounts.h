#pragma once
/// Several named backends behind one: resources go to the mount with the longest matching prefix.
/// Design decision 6.

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/backend.h"
#include "storage/cached/cached.h"
#include "storage/encrypted/encrypted.h"
#include "storage/registry.h"

namespace kbs::storage {

struct MountOptions {
  std::string name;     ///< for people, metrics and `kbs storage`; unique
  std::string prefix;   ///< "" (the default mount), "repository" or "repository/type"; unique
  std::string backend;  ///< the kind: "local_fs"
  BackendTraits traits;
  bool read_only = false;
  bool guest_versions = false;                ///< guests may ask for `?version=`
  bool keep_deleted = false;                  ///< DELETE keeps for undelete
  std::chrono::milliseconds timeout{30'000};  ///< of every call
  std::optional<cached::Options> cache;
  std::optional<encrypted::Options> encryption;
};

struct Mount {
  MountOptions options;
  BackendPtr backend;  ///< with all its decorators
};

/// Told of every call that reached a mount's backend; for metrics. Thread-safe, quick.
class MountObserver {
 public:
  virtual ~MountObserver() = default;
  /// `operation`: "read", "write", "remove", "undelete", "list", "versions", "destroy", "replace",
  /// "health"; `failure` null = it went well.
  virtual void called(const std::string& mount, std::string_view operation,
                      std::chrono::microseconds took, const Error* failure) = 0;
};

/// Routes by longest match on whole segments. Immutable and thread-safe. As a Backend it merges
/// listings in order and serves every capability that one of its mounts has; a call that the mount
/// of that resource cannot serve is refused there. A mount lists and serves only what routes to it:
/// what lies in its backend under another mount's prefix is unseen. Writes to a read-only mount are
/// `unsupported` and name the mount.
class Mounts final : public Backend {
 public:
  /// Refuses, naming both: equal prefixes, equal names, a bad prefix or name. No default mount is
  /// needed: what no mount covers is `not_found` on reading, `invalid_request` on writing.
  static Result<std::shared_ptr<Mounts>> make(std::vector<Mount> mounts);
  ~Mounts() override;

  /// Where a resource lives; null when no mount covers it.
  const Mount* find(const ResourceId& id) const noexcept;
  const Mount* by_name(std::string_view name) const noexcept;
  std::span<const Mount> all() const noexcept;

  const Capabilities& capabilities() const noexcept override;
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override;
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override;
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override;
  awaitable<Result<>> undelete(ResourceId id) override;
  awaitable<Result<Page>> list(ListOptions options) override;
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override;
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override;
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override;
  awaitable<Result<>> health() override;  ///< the first failure, with the mount's name

 private:
  struct State;
  explicit Mounts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Puts the decorators of `options` around an opened backend, from the inside: cache, encryption,
/// read-only, deadline, observation. `observer` may be null and outlives the mount.
awaitable<Result<Mount>> decorate(MountOptions options, BackendPtr raw, Services services,
                                  MountObserver* observer);

/// Makes an earlier version the current one by writing its value anew (its content type and expiry
/// go with it): `conflict` if somebody writes meanwhile, where the backend can tell. The value
/// stays in this process.
awaitable<Result<VersionId>> roll_back(Backend& backend, ResourceId id, VersionId version);

}  // namespace kbs::storage
