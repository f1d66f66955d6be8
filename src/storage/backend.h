#pragma once
/// Where resources live. The heart of the product: every HSM, vault and database stands behind
/// this.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "resource/resource_id.h"

namespace kbs::storage {

/// Opaque, ordered only by the backend; "" = the current one.
using VersionId = std::string;

/// What a backend can do. The conformance suite holds it to every word.
struct Capabilities {
  bool write = false;
  bool remove = false;
  bool list = false;
  bool versions = false;         ///< keeps and serves earlier values
  bool compare_and_set = false;  ///< honours `if_version` and `create_only` atomically
  bool undelete = false;         ///< honours `keep_for_undelete`
  bool expiry = false;           ///< honours `not_after`: an expired value is not found
  bool replace = false;          ///< `replace`: exchanges the bytes of one version in its place
  bool notices_changes = false;  ///< `watch` tells of changes made by other hands
  std::uint64_t max_value_bytes = 0;  ///< 0: no limit of its own; above it, `too_large`
  std::size_t max_path_bytes = 0;     ///< of repository/type/tag; 0: no limit of its own
  std::size_t max_segment_bytes = 0;  ///< of each of the three; 0: no limit of its own
};

/// What is known of a value without reading it.
struct Metadata {
  std::string content_type;
  std::uint64_t size = 0;
  SysTime updated{};
  std::optional<SysTime> not_after;
};

/// A backend without `versions` still serves the current version by its id; any other is
/// `not_found`.
struct ReadOptions {
  VersionId version;
};
/// What a backend cannot honour (see `Capabilities`) it refuses as `unsupported`, never forgets
/// silently: an expiry or a precondition. `content_type` is kept where there is room for it.
struct WriteOptions {
  std::optional<VersionId> if_version;  ///< replace only this version, else `conflict`
  bool create_only = false;             ///< `conflict` when it exists
  std::string content_type;
  std::optional<SysTime> not_after;
};
struct RemoveOptions {
  std::optional<VersionId> if_version;
  bool keep_for_undelete = false;
};
/// Entries that stay while somebody pages are listed exactly once.
struct ListOptions {
  std::string prefix;        ///< of the path text, "repo/ty" included
  std::size_t limit = 1000;  ///< entries per page, 1 … 1,000
  std::string cursor;        ///< from the page before; opaque
};

struct Resource {
  Secret value{};
  VersionId version;
  Metadata metadata;
};

/// One line of a listing; never a value.
struct Entry {
  std::string path;
  VersionId version;
  Metadata metadata;
  bool current = true;  ///< in a list of versions: whether a plain read gives this one
};
struct Page {
  std::vector<Entry> entries;  ///< ordered by path; versions of one resource: newest first
  std::string next;            ///< cursor of the next page; "" at the end
};

/// Told that something at or below `prefix` ("" = everything, "r/t/", "r/t/tag") may have changed
/// by other hands. Called from any thread; must be quick and must not call back into the backend.
using ChangeListener = std::function<void(std::string_view prefix)>;

/// One instance serves every request, many at once, from any thread. It keeps bytes and never
/// decides who may read them: policy has already said yes when it is called. Every call has a
/// deadline and can be cancelled (Asio cancellation slot). Error kinds: `not_found` only for true
/// absence; `unavailable` if asking again later may help; `unsupported`, `conflict`, `too_large`,
/// `rate_limited` as they say.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const Capabilities& capabilities() const noexcept = 0;
  virtual awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) = 0;
  /// A read-only backend inherits all of these: they answer `unsupported`.
  virtual awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options);
  /// Destroys the resource and its history; with `keep_for_undelete` both stay, unseen by `read`
  /// and `list`, until `undelete`, `destroy` or a plain `remove`, which then succeeds.
  virtual awaitable<Result<>> remove(ResourceId id, RemoveOptions options);
  /// Makes the newest kept version current again. `conflict` when the resource exists, `not_found`
  /// when nothing was kept.
  virtual awaitable<Result<>> undelete(ResourceId id);
  virtual awaitable<Result<Page>> list(ListOptions options);
  /// The current version and the kept ones, newest first (`prefix` is ignored); also of a resource
  /// kept for undelete. Expired ones are listed. `not_found` when there is none.
  virtual awaitable<Result<Page>> versions(ResourceId id, ListOptions options);
  /// Destroys one earlier version for good; `conflict` for the current one of a resource that
  /// exists.
  virtual awaitable<Result<>> destroy(ResourceId id, VersionId version);
  /// Exchanges the bytes of one existing version, atomically and durably, for a new form of the
  /// same value (a data key wrapped anew): dates, expiry, content type and order stay, nothing
  /// joins the history. The id of the current version may change. `not_found` when that version is
  /// gone, `conflict` when a current one was replaced meanwhile.
  virtual awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value);
  /// Reports changes while the returned subscription lives; null when this backend cannot
  /// (`notices_changes`) or the system has no watches left.
  virtual std::shared_ptr<void> watch(ChangeListener listener);
  /// Can it serve now? For /readyz and `kbs config check --connect`.
  virtual awaitable<Result<>> health() = 0;
};

using BackendPtr = std::shared_ptr<Backend>;

/// Refuses a page size outside 1 … 1,000 as `invalid_request`.
Result<> check(const ListOptions& options);
/// Refuses an id that did not come through `ResourceId::parse` and a name over the limits of
/// `capabilities`: no backend trusts its caller with the shape of a name.
Result<> check(const ResourceId& id, const Capabilities& capabilities);
/// Refuses what `capabilities` do not hold: an expiry, a precondition, a value over the limit.
Result<> check(const WriteOptions& options, std::uint64_t value_bytes,
               const Capabilities& capabilities);
Result<> check(const RemoveOptions& options, const Capabilities& capabilities);

}  // namespace kbs::storage
