#pragma once
/// What the cache knows, and which reads are under way: plain calls, thread-safe, never waiting for
/// long.

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/cached/cached.h"
#include "storage/cached/flight.h"

namespace kbs::storage::cached {

class Table {
 public:
  Table(const Options& options, const Clock& clock);

  struct Looked {
    Answer answer;  ///< to be given at once; else there is a flight to wait for
    std::shared_ptr<Flight> flight;
    bool leads = false;  ///< the flight is new, and the caller's to start
    bool stale = false;  ///< should the backend not answer, `stale` has something
  };
  Looked look(const std::string& path);
  /// A value past its `ttl` that may be served now; null when there is none (any more). From now on
  /// `look` gives it for a while without asking the backend.
  Answer stale(const std::string& path);
  /// Ends the flight and keeps its answer, unless a change came in between.
  void land(const std::string& path, const std::shared_ptr<Flight>& flight,
            Result<Resource> answer);
  /// Ends a flight that was broken off; who waits asks anew.
  void give_up(const std::string& path, const std::shared_ptr<Flight>& flight);
  /// A caller stopped waiting: a flight that nobody waits for is cancelled, and nobody joins it.
  void leave(const std::string& path, const std::shared_ptr<Flight>& flight);
  /// Forgets the entry; a flight under way goes on for those who wait, and nobody joins it.
  void drop(const std::string& path);
  /// The same for what lies at or below `prefix`, as a `ChangeListener` hears it.
  void drop_below(std::string_view prefix);
  std::uint64_t bytes() const;

 private:
  struct Entry {
    std::string path;
    Answer answer;
    SteadyTime asked;
    SteadyTime retry;  ///< past the `ttl`: before it, the backend is not asked again
    std::uint64_t bytes;
  };
  using Place = std::list<Entry>::iterator;
  struct Shard {
    mutable std::mutex lock;
    std::list<Entry> entries;  ///< most recently used first
    std::unordered_map<std::string_view, Place> by_path;
    std::unordered_map<std::string, std::shared_ptr<Flight>> flights;
    std::uint64_t bytes = 0;
  };

  Shard& shard(std::string_view path);
  bool is_fresh(const Entry& entry) const;
  bool may_be_stale(const Entry& entry) const;
  bool has_expired(const Answer& answer) const;
  void keep(Shard& in, const std::string& path, Answer answer, SteadyTime asked) const;
  static void erase(Shard& in, const std::string& path);
  static void erase(Shard& in, Place place);

  const Options options_;
  const Clock& clock_;
  std::vector<Shard> shards_;
  const std::uint64_t shard_bytes_;
};

}  // namespace kbs::storage::cached
