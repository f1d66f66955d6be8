#include <vector>

#include "kbs/config/load.h"

namespace kbs::config {
namespace {

/// The alternatives that stand outside every group and class: `^/kbs/a$|.*$` has two, and the plain
/// text test of the reference sees only the two ends.
std::vector<std::string_view> alternatives(std::string_view pattern) {
  std::vector<std::string_view> out;
  int depth = 0;
  bool in_class = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    switch (pattern[i]) {
      case '\\':
        ++i;
        break;
      case '[':
        in_class = true;
        break;
      case ']':
        in_class = false;
        break;
      case '(':
        if (!in_class) ++depth;
        break;
      case ')':
        if (!in_class) --depth;
        break;
      case '|':
        if (!in_class && depth == 0) {
          out.push_back(pattern.substr(begin, i - begin));
          begin = i + 1;
        }
        break;
      default:
        break;
    }
  }
  out.push_back(pattern.substr(begin));
  return out;
}

/// `\$` is a dollar sign in the path, not its end.
bool ends_with_anchor(std::string_view text) {
  if (!text.ends_with('$')) return false;
  std::size_t backslashes = 0;
  for (std::size_t i = text.size() - 1; i > 0 && text[i - 1] == '\\'; --i) ++backslashes;
  return backslashes % 2 == 0;
}

}  // namespace

Result<> check_acl_pattern(std::string_view pattern) {
  for (std::string_view part : alternatives(pattern)) {
    if (!part.starts_with("^/kbs") || !ends_with_anchor(part)) {
      return fail(ErrorKind::invalid_request,
                  "must begin with \"^/kbs\" and end with \"$\", in each of its alternatives, so "
                  "that it says "
                  "the whole path");
    }
  }
  return {};
}

}  // namespace kbs::config
