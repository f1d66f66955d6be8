#pragma once
/// The process that is killed: threads that write, delete, bring back, as fast as they can.

#include <string>
#include <vector>

#include "crash/journal.h"
#include "crash/store.h"

namespace kbs::crash {

inline constexpr std::size_t kOwnedKeys = 44;  ///< each written by one thread only
inline constexpr std::size_t kSharedKeys = 6;  ///< overwritten by all
inline constexpr std::size_t kKeys = kOwnedKeys + kSharedKeys;
inline constexpr std::size_t kThreads = 4;

std::string path_of(std::size_t key);

/// One process of a round.
struct Assignment {
  std::string directory;
  Shape shape;
  FailPoint fail_point;
  bool careless = false;  ///< see `KillingFiles`
  std::uint64_t seed = 0;
  unsigned process = 0;
  unsigned processes = 1;
  std::vector<KeyState> known;  ///< of all keys, as the round begins
};

/// Works until `journal.stop` or death. Returns the exit status.
int write_until_killed(const Assignment& assignment, Journal& journal);

}  // namespace kbs::crash
