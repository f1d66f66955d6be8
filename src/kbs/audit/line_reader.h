#pragma once
/// A trail's lines, one after the other, in little memory.

#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace kbs::audit {

/// Hands out a file's lines without their line feeds. Views live until the next call.
class LineReader {
 public:
  static Result<LineReader> open(const std::string& path);
  /// The next line, or null at the end. `complete` tells whether a line feed ended it.
  Result<std::optional<std::string_view>> next(bool& complete);

 private:
  explicit LineReader(Fd fd) : fd_(std::move(fd)) {}
  Result<> fill();

  Fd fd_;
  off_t offset_ = 0;
  std::string buffer_;
  std::size_t at_ = 0;
  bool end_ = false;
};

}  // namespace kbs::audit
