#pragma once
/// Did concurrent calls on one resource behave as if they had come one after the other? A checker
/// in the manner of Wing & Gong (1993), with Lowe's memoization (2017).

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

namespace kbs::storage::testing {

/// One call on one resource, with the moments at which it was made and answered.
struct Operation {
  enum class Kind { read, write, create, replace_if, remove, remove_if };
  /// `unknown`: it failed in a way that does not tell whether it happened (a timeout). It may have,
  /// at any time after `invoked`, or never.
  enum class Outcome { ok, not_found, conflict, unknown };

  Kind kind = Kind::read;
  Outcome outcome = Outcome::ok;
  std::string value;       ///< written, or read; no two writes of a history write the same
  std::string version;     ///< that the call returned; "" = not told
  std::string if_version;  ///< of replace_if and remove_if
  std::uint64_t invoked = 0;
  std::uint64_t responded = 0;
};

/// Moments of a history: all different, in the order in which they are asked for. Thread-safe.
class Moments {
 public:
  std::uint64_t next() noexcept { return ++last_; }

 private:
  std::atomic<std::uint64_t> last_{0};
};

/// The longest history that is looked at.
inline constexpr std::size_t kMaxHistory = 512;

struct Verdict {
  enum class Kind {
    linearizable,
    violated,
    undecided  ///< too long, or the search took too many steps
  };
  Kind kind;
  std::string why;  ///< for people: the history, and how far an order could be found
};

/// `history` is of one resource that was absent before it; in any order. `max_steps` bounds the
/// search.
Verdict check_linearizable(std::span<const Operation> history, std::size_t max_steps = 2'000'000);

}  // namespace kbs::storage::testing
