#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {
namespace {

/// What the reference writes for `/` (backslash, x, 2, F). No segment can hold a backslash:
/// reversible.
constexpr std::string_view kSlash = R"(\x2F)";

}  // namespace

Names::Names(const ResourceId& id) : path(id.path()), dirs{id.repository, id.type}, tag(id.tag) {
  flat.reserve(path.size() + 2 * (kSlash.size() - 1));
  flat.append(id.repository).append(kSlash).append(id.type).append(kSlash).append(id.tag);
}

bool Names::fits(Layout layout) const noexcept {
  if (layout == Layout::flat) return flat.size() <= kMaxName;
  return dirs[0].size() <= kMaxName && dirs[1].size() <= kMaxName && tag.size() <= kMaxName;
}

std::optional<ResourceId> resource_of_flat_name(std::string_view name) {
  const std::size_t first = name.find(kSlash);
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = name.find(kSlash, first + kSlash.size());
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view repository = name.substr(0, first);
  const std::string_view type = name.substr(first + kSlash.size(), second - first - kSlash.size());
  const std::string_view tag = name.substr(second + kSlash.size());
  for (std::string_view segment : {repository, type, tag}) {
    if (!is_resource_segment(segment)) return std::nullopt;
  }
  return ResourceId{std::string(repository), std::string(type), std::string(tag)};
}

}  // namespace kbs::storage::local_fs
