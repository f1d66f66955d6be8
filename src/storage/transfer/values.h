#pragma once
/// Inside this folder only: reading resources and telling whether they are the same.

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "crypto/digest.h"
#include "storage/transfer/transfer.h"

namespace kbs::storage::transfer {

/// The resource, or nullopt for certain absence.
awaitable<Result<std::optional<Resource>>> read_if_there(BackendPtr backend, ResourceId id,
                                                         VersionId version = {});

/// The difference that matters: "value", "expiry", or nullopt. Expiries are compared by the second,
/// and only where the target can keep them.
std::optional<std::string> difference(const Resource& a, const Resource& b,
                                      const Capabilities& target);
bool same_expiry(std::optional<SysTime> a, std::optional<SysTime> b, const Capabilities& target);

/// Stands for a value while histories are compared: a MAC under a key that lives and dies with the
/// run.
using Tag = std::array<std::byte, 32>;

/// Takes a value in pieces of `kPiece` bytes, the last one shorter.
class ValueTag {
 public:
  static constexpr std::size_t kPiece = 64u << 10;
  explicit ValueTag(const Secret& key) : key_(key) {}
  void take(std::span<const std::byte> piece);
  const Tag& tag() const noexcept { return tag_; }

 private:
  const Secret& key_;
  Tag tag_{};
};
Tag value_tag(const Secret& value, const Secret& key);

struct PastValue {
  VersionId version;
  Tag tag{};
  bool current = false;
  std::optional<SysTime> not_after;
};

/// All readable versions, oldest first; what has expired or goes away meanwhile is left out. Empty
/// when there is nothing.
awaitable<Result<std::vector<PastValue>>> history_of(BackendPtr backend, ResourceId id,
                                                     std::shared_ptr<const Secret> key);

/// `have` lies in the target, `want` in the source. The index in `want` from which on they must
/// still be written, its size when none: `have` is a stretch of `want` (begun, or shortened at its
/// old end since), or ends with all of it. Nullopt: they have grown apart.
std::optional<std::size_t> first_missing(std::span<const PastValue> have,
                                         std::span<const PastValue> want);

/// Every path that `side` serves under a prefix, page by page.
class Listing {
 public:
  Listing(Side side, std::string prefix);
  /// The next; nullopt at the end.
  awaitable<Result<std::optional<std::string>>> next();

 private:
  Side side_;
  ListOptions options_;
  Page page_;
  std::size_t at_ = 0;
  bool begun_ = false;
};

bool serves(const Side& side, const ResourceId& id);

/// "message (detail)": the reader is the operator.
std::string text_of(const Error& error);

}  // namespace kbs::storage::transfer
