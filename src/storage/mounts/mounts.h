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
///
/// Listings: cursors hold all their state, memory is a page of each of at most three mounts. A
/// mount that cannot list is left out (`unsupported` when there is no other below the prefix); one
/// that is down fails the page and is named: nothing is missing silently.
class Mounts final : public Backend {
 public:
  /// Refuses, naming both: equal prefixes, equal names; and a bad name (1 to 64 characters of a
  /// resource segment) or prefix. No default mount is needed: what no mount covers is `not_found`,
  /// on writing `invalid_request`.
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
  /// Changes in every mount that notices them; null when one of these cannot just now.
  std::shared_ptr<void> watch(ChangeListener listener) override;
  /// Asks all at once, each within its timeout. The failure of the first that fails, in the order
  /// of the configuration, with its name.
  awaitable<Result<>> health() override;

 private:
  struct State;
  explicit Mounts(std::unique_ptr<State> state);
  /// The backend of a well-formed id; `not_found` when no mount covers it.
  Result<Backend*> route(const ResourceId& id) const;
  std::unique_ptr<State> state_;
};

/// Puts the decorators of `options` around an opened backend, from the inside: cache, encryption,
/// read-only, deadline, observation. `observer` may be null and outlives the mount.
///
/// `invalid_request`, without the mount's name (the caller says it), for what cannot work:
/// `keep_deleted` on a backend without undelete; encryption over one that cannot be written, under
/// a name template that does not say all of repository, type and tag, or with
/// `allow_collisions`; a timeout of nothing. Only a warning in the log for what is idle:
/// `keep_deleted` on a read-only mount, `guest_versions` or a number of `versions` on a backend
/// that keeps none, a cache that keeps nothing.
///
/// The mount's calls end within `timeout`, as `unavailable`; a change that was cut off may still
/// happen. Their errors name the mount, but for `not_found` and `conflict`. Executors as in
/// storage/deadline.h.
awaitable<Result<Mount>> decorate(MountOptions options, BackendPtr raw, Services services,
                                  MountObserver* observer);

/// Makes an earlier version the current one by writing its value anew (its content type and expiry
/// go with it): `conflict` if somebody writes meanwhile, where the backend can tell. Nothing is
/// written when it is current already; a deleted resource is `not_found`: it wants `undelete`
/// first. The value stays in this process.
awaitable<Result<VersionId>> roll_back(Backend& backend, ResourceId id, VersionId version);

}  // namespace kbs::storage
