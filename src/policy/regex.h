#pragma once
/// Regular expressions in linear time: the Rust `regex` crate, whose dialect deployed ACLs are
/// written in.

#include <memory>
#include <string_view>

#include "base/result.h"

namespace kbs::policy {

/// One compiled expression. Immutable; usable from many threads.
class Regex {
 public:
  /// `invalid_request` with the parser's message when `pattern` is not a regular expression or
  /// would take more than 1 MiB.
  static Result<Regex> compile(std::string_view pattern);
  /// Whether it matches anywhere in `text` (anchor with ^ and $). `$` matches only at the very end.
  /// Text that is not UTF-8 never matches.
  bool matches(std::string_view text) const noexcept;

 private:
  std::shared_ptr<void> compiled_;
};

}  // namespace kbs::policy
