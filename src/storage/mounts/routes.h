#pragma once
/// Which mount a path belongs to.

#include <span>
#include <string_view>
#include <vector>

#include "storage/mounts/mounts.h"

namespace kbs::storage {

/// Looks from the longest prefix to the shortest. The mounts outlive it.
class Routes {
 public:
  explicit Routes(std::span<const Mount> mounts);

  const Mount* find(std::string_view repository, std::string_view type) const noexcept;
  /// Of `repository/type/tag`; null also for what is no such path.
  const Mount* find_path(std::string_view path) const noexcept;
  /// The mounts that may hold something whose path text begins with `prefix`, those left out that
  /// a longer mount prefix hides there.
  std::vector<const Mount*> below(std::string_view prefix) const;

 private:
  std::vector<const Mount*> longest_first_;
};

}  // namespace kbs::storage
