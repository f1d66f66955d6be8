#pragma once
/// Moving house: resources from one store to another, compared, and only then removed. On the host
/// alone; no route of the server reaches this.
///
/// Nothing here keeps a journal: what is done already is told by comparing the values themselves,
/// so a run that was broken off anywhere is resumed by running it again.
///
/// Every function runs on its caller's executor, which must run one thing at a time (a context with
/// one thread, a strand).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/backend.h"

namespace kbs::storage::transfer {

/// One end of a transfer.
struct Side {
  BackendPtr backend;
  std::string name;  ///< for messages: the mount, or what the user wrote
  /// What a server would look for there; what lies there besides stays unseen. Empty = everything.
  std::function<bool(const ResourceId& id)> serves;
};

/// What to do with a resource that the target has with another value.
enum class IfExists {
  fail,       ///< leave it and report it as a problem
  skip,       ///< leave it and note it
  overwrite,  ///< write the source's current value over it; its history there goes on
};

struct Options {
  std::string prefix;    ///< of the path text
  bool history = false;  ///< earlier versions too, oldest first
  bool dry_run = false;  ///< read and compare, write nothing
  IfExists if_exists = IfExists::fail;
  bool drop_expiry = false;        ///< copy what expires into a store that cannot let it expire
  std::size_t in_flight = 8;       ///< resources at a time; each holds a value or two in memory
  std::size_t max_problems = 100;  ///< then give up: the target may be gone
  /// Told of every resource when it is done. Quick; on the same executor.
  std::function<void(const std::string& path, std::string_view outcome)> progress;
};

/// Something about one resource, for people. Never of its value.
struct Note {
  std::string path;
  std::string text;
};

struct Report {
  std::uint64_t seen = 0;         ///< resources looked at
  std::uint64_t copied = 0;       ///< of these: were not there, or only in part
  std::uint64_t overwritten = 0;  ///< were there with another value
  std::uint64_t equal = 0;        ///< were there already
  std::uint64_t skipped = 0;      ///< were there with another value, and still are
  std::uint64_t versions = 0;     ///< values written, earlier ones included
  std::uint64_t bytes = 0;        ///< of these
  std::vector<Note> notes;        ///< what should be known
  std::vector<Note> problems;     ///< what went wrong; everything else is done
  bool gave_up = false;           ///< after too many problems

  bool good() const noexcept { return problems.empty(); }
};

/// Copies what the source serves under the prefix. A resource is one atomic write (with history,
/// one for each version: readers of the target see the older values pass by); one that somebody
/// changes meanwhile is a problem, not overwritten. In a dry run the report tells what would have
/// become of each resource, problems included. Fails as a whole, before anything is written, when
/// the source cannot list, the target cannot be written, or one of them keeps no history that was
/// asked for.
awaitable<Result<Report>> copy(Side from, Side to, Options options);

struct Comparison {
  std::uint64_t compared = 0;
  std::uint64_t equal = 0;
  std::vector<std::string> missing;  ///< in the target
  std::vector<std::string> extra;    ///< in the target only; unknown when it cannot list
  std::vector<Note> different;       ///< "value", "expiry" or "history"
  std::vector<Note> problems;        ///< could not be compared
  bool extra_unknown = false;

  bool good() const noexcept {
    return missing.empty() && extra.empty() && different.empty() && problems.empty();
  }
};

/// Compares every value under the prefix, in constant time; with `history`, earlier versions too:
/// those of the target must end with all those of the source. Of `options` counts what is about
/// reading.
awaitable<Result<Comparison>> verify(Side from, Side to, Options options);

struct Migration {
  Report copy;
  Comparison comparison;       ///< extra resources in the target are none of its business
  std::uint64_t removed = 0;   ///< from the source
  std::vector<Note> problems;  ///< could not be removed

  bool good() const noexcept {
    return copy.good() && comparison.missing.empty() && comparison.different.empty() &&
           comparison.problems.empty() && problems.empty();
  }
};

/// `copy`, then `verify`; and only when all is well, and with `remove_source`, each resource is
/// compared once more and removed from the source, history included. One that changed there
/// meanwhile stays (where the source can tell: `compare_and_set`). `invalid_request` when removing
/// would lose earlier versions that were not copied, unless `drop_history`.
awaitable<Result<Migration>> migrate(Side from, Side to, Options options, bool remove_source,
                                     bool drop_history = false);

}  // namespace kbs::storage::transfer
