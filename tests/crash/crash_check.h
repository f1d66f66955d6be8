#pragma once
/// After a crash: is what was acknowledged there, and nothing that should not be?

#include <string>
#include <vector>

#include "crash/crash_writer.h"

namespace kbs::crash {

/// Opens the store that the writers of `journal` left. "" when every promise is kept, otherwise the
/// first that is not. `known` goes from what was there before the round to what is there now.
std::string check_after_crash(const std::string& directory, const Shape& shape,
                              const Journal& journal, std::vector<KeyState>& known);

/// What one writer, one operation after the other, may have left of its resource.
std::string check_owned(const std::vector<const Note*>& notes, const KeyState& before,
                        unsigned limit, const Observed& seen);
/// What several writers, all at once, may have left of one that they only overwrite.
std::string check_shared(const std::vector<const Note*>& notes, const KeyState& before,
                         unsigned limit, const Observed& seen);

}  // namespace kbs::crash
