#include "storage/mounts/routes.h"

#include <algorithm>

namespace kbs::storage {
namespace {

bool covers(std::string_view prefix, std::string_view repository, std::string_view type) {
  if (prefix.empty()) return true;
  if (!prefix.starts_with(repository)) return false;
  prefix.remove_prefix(repository.size());
  return prefix.empty() || (prefix.front() == '/' && prefix.substr(1) == type);
}

/// Whether all that begins with `text` lies below the mount prefix.
bool holds_all(std::string_view prefix, std::string_view text) {
  return prefix.empty() ||
         (text.size() > prefix.size() && text.starts_with(prefix) && text[prefix.size()] == '/');
}

}  // namespace

Routes::Routes(std::span<const Mount> mounts) {
  for (const Mount& mount : mounts) longest_first_.push_back(&mount);
  // Of two that cover one resource, the longer text has more segments.
  const auto longer = [](const Mount* a, const Mount* b) {
    return a->options.prefix.size() > b->options.prefix.size();
  };
  std::sort(longest_first_.begin(), longest_first_.end(), longer);
}

const Mount* Routes::find(std::string_view repository, std::string_view type) const noexcept {
  for (const Mount* mount : longest_first_) {
    if (covers(mount->options.prefix, repository, type)) return mount;
  }
  return nullptr;
}

const Mount* Routes::find_path(std::string_view path) const noexcept {
  const std::size_t first = path.find('/');
  if (first == std::string_view::npos) return nullptr;
  const std::size_t second = path.find('/', first + 1);
  if (second == std::string_view::npos) return nullptr;
  return find(path.substr(0, first), path.substr(first + 1, second - first - 1));
}

std::vector<const Mount*> Routes::below(std::string_view prefix) const {
  std::vector<const Mount*> all;
  for (const Mount* mount : longest_first_) {
    const std::string_view of_mount = mount->options.prefix;
    const bool all_here = holds_all(of_mount, prefix);
    const bool some_here = of_mount.starts_with(prefix) || prefix == std::string(of_mount) + '/';
    if (all_here || some_here) all.push_back(mount);
    if (all_here) break;  // the shorter ones are hidden there
  }
  return all;
}

}  // namespace kbs::storage
