#pragma once
/// Where a listing over many mounts stands, as text: how far it came, and the page that each mount
/// was read from. Mounts whose turn has not come, or is over, need no word.

#include <string>
#include <vector>

#include "base/result.h"

namespace kbs::storage {

struct MergedCursor {
  struct Part {
    std::string mount;
    bool done = false;
    std::string cursor;  ///< of the mount's page that holds its next entry
  };
  std::string last;  ///< the last path given
  std::vector<Part> parts;
};

std::string to_text(const MergedCursor& cursor);
/// `invalid_request` when it is none of ours.
Result<MergedCursor> parse_cursor(std::string_view text);

}  // namespace kbs::storage
