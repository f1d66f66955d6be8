#pragma once
/// The name of a resource: repository / type / tag.

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs {

/// Three segments of `[A-Za-z0-9_-][A-Za-z0-9_.-]*`. Because none can begin with a dot, no resource
/// can climb out of its repository or meet a file of ours.
struct ResourceId {
  std::string repository;
  std::string type;
  std::string tag;

  /// Exactly `repository/type/tag`; a name in one of the URI forms goes through ResourceUri first.
  static Result<ResourceId> parse(std::string_view path);

  /// `repository/type/tag`.
  std::string path() const { return repository + '/' + type + '/' + tag; }
  auto operator<=>(const ResourceId&) const = default;
};

/// Whether one segment is valid.
bool is_resource_segment(std::string_view segment) noexcept;

}  // namespace kbs
