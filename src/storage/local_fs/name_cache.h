#pragma once
/// The sorted names of directories, remembered for a moment: a listing by pages would otherwise
/// read and sort a large directory again for each page.

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/files.h"

namespace kbs::storage::local_fs {

/// What of a directory can stand for resources.
struct SortedNames {
  std::vector<std::string> segments;  ///< as `Order` says
  std::vector<std::string> flat;      ///< the resources' paths, sorted
};

/// How `SortedNames::segments` are spelled and sorted: the tags of a type, or directories with a
/// `/` behind them, so that their contents sort like them.
enum class Order { tags, directories };

/// Thread-safe. Holds the two large directories listed last, for half a minute at most; they go
/// when the next listing finds them older, not before.
class NameCache {
 public:
  /// The names in `dir` as they are now: remembered ones are used only if the directory cannot have
  /// changed since.
  Step<std::shared_ptr<const SortedNames>> names(FileOps& files, int dir, Order order);
  /// Forgets everything: a listing came to its end.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    Stat info{};
    Order order{};
    Clock::time_point listed{};
    std::shared_ptr<const SortedNames> names;
  };

  std::shared_ptr<const SortedNames> find(const Stat& info, Order order);
  void keep(const Stat& info, Order order, std::shared_ptr<const SortedNames> names);

  std::mutex lock_;
  std::array<Slot, 2> slots_;  ///< the one used last first
};

}  // namespace kbs::storage::local_fs
