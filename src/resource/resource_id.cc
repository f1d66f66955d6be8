#include "resource/resource_id.h"

#include <algorithm>

namespace kbs {
namespace {

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

Error bad_path(boost::source_location where = BOOST_CURRENT_LOCATION) {
  return {ErrorKind::invalid_request,
          "a resource path is repository/type/tag: three segments of letters, digits, '_', '-' and "
          "'.', "
          "none beginning with '.'",
          {},
          where};
}

}  // namespace

bool is_resource_segment(std::string_view segment) noexcept {
  return !segment.empty() && is_name_char(segment.front()) &&
         std::all_of(segment.begin(), segment.end(),
                     [](char c) { return is_name_char(c) || c == '.'; });
}

Result<ResourceId> ResourceId::parse(std::string_view path) {
  const auto first = path.find('/');
  if (first == std::string_view::npos) return tl::unexpected(bad_path());
  const auto second = path.find('/', first + 1);
  if (second == std::string_view::npos) return tl::unexpected(bad_path());
  const std::string_view repository = path.substr(0, first);
  const std::string_view type = path.substr(first + 1, second - first - 1);
  const std::string_view tag = path.substr(second + 1);
  for (std::string_view segment : {repository, type, tag}) {
    if (!is_resource_segment(segment)) return tl::unexpected(bad_path());
  }
  return ResourceId{std::string(repository), std::string(type), std::string(tag)};
}

}  // namespace kbs
