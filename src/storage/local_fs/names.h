#pragma once
/// How the name of a resource is spelled on disk: as a tree, or as one escaped file name.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "resource/resource_id.h"
#include "storage/local_fs/local_fs.h"

namespace kbs::storage::local_fs {

/// What nearly every file system of Linux holds in one name.
inline constexpr std::size_t kMaxName = 255;

/// Both spellings of one resource.
struct Names {
  explicit Names(const ResourceId& id);

  std::string path;                 ///< `r/t/tag`: the resource's own name, and its place in a tree
  std::array<std::string, 2> dirs;  ///< `r`, `t`
  std::string tag;
  std::string flat;  ///< `r\x2Ft\x2Ftag`

  /// Whether a file system can hold that spelling.
  bool fits(Layout layout) const noexcept;
  const std::string& of(Layout layout) const noexcept {
    return layout == Layout::flat ? flat : path;
  }
};

/// The resource a flat file name stands for, if for any.
std::optional<ResourceId> resource_of_flat_name(std::string_view name);

}  // namespace kbs::storage::local_fs
