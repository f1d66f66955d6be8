#pragma once
/// What a store must hold after a row of operations on one resource, and whether it does.

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crash/values.h"

namespace kbs::crash {

enum class Verb { write, create, remove, keep, undelete, destroy, replace };
const char* to_string(Verb verb) noexcept;

/// One operation. `replace` exchanges the current version, `keep` is a deletion that `undelete`
/// takes back.
struct Operation {
  Verb verb{};
  Seq seq = 0;  ///< of what is written; of `destroy` which of the earlier versions, 1 the newest
};

/// One resource, as its acknowledged operations leave it.
struct KeyState {
  std::optional<Seq> current;
  std::deque<Seq> earlier;  ///< newest first; those that must be there
  std::set<Seq> pruned;     ///< over the limit: may be there or not

  bool operator==(const KeyState&) const = default;
};

/// The state after `operation` where at most `limit` earlier versions are kept; nullopt when a
/// store refuses it (nothing to delete, nothing to bring back, it exists already).
std::optional<KeyState> after(const KeyState& state, const Operation& operation, unsigned limit);

/// What a store says of one resource.
struct Observed {
  std::optional<Seq> current;
  std::vector<Seq> earlier;  ///< newest first
  bool listed = false;
  std::string wrong;  ///< torn, unreadable or contradictory: no state allows it
};

/// "" when `seen` is `state`, otherwise how it differs.
std::string difference(const KeyState& state, const Observed& seen);
std::string describe(const KeyState& state);
std::string describe(const Observed& seen);

/// A state that is what was seen, to go on from.
KeyState adopt(const Observed& seen, unsigned limit);

}  // namespace kbs::crash
