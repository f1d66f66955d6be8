#include "storage/testing/linearizability.h"

#include <algorithm>
#include <bitset>
#include <functional>
#include <optional>
#include <unordered_set>
#include <vector>

namespace kbs::storage::testing {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using Mask = std::bitset<kMaxHistory>;

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

bool writes(const Operation& op) {
  return op.kind == Kind::write || op.kind == Kind::create || op.kind == Kind::replace_if;
}

/// The state of the resource is the write whose value it holds, or none.
using State = int;
constexpr State kAbsent = -1;

class Search {
 public:
  Search(std::vector<Operation> history, std::size_t max_steps)
      : ops_(std::move(history)), steps_left_(max_steps) {
    for (Operation& op : ops_) {
      if (op.outcome == Outcome::unknown) op.responded = kNever;
    }
    std::sort(ops_.begin(), ops_.end(),
              [](const Operation& a, const Operation& b) { return a.invoked < b.invoked; });
    learn_versions();
  }

  Verdict run() {
    const bool found = visit(Mask(), kAbsent, 0);
    if (found) return {Verdict::Kind::linearizable, ""};
    if (steps_left_ == 0) {
      return {Verdict::Kind::undecided, "the search took too many steps" + story()};
    }
    return {Verdict::Kind::violated, "no order explains it; the furthest got by all but" + story()};
  }

 private:
  /// A write that timed out did not tell its version; whoever read its value knows it.
  void learn_versions() {
    for (Operation& write : ops_) {
      if (!writes(write) || !write.version.empty()) continue;
      for (const Operation& read : ops_) {
        if (read.kind == Kind::read && read.outcome == Outcome::ok && read.value == write.value) {
          write.version = read.version;
        }
      }
    }
  }

  const Operation& held(State state) const { return ops_[static_cast<std::size_t>(state)]; }

  bool version_is(State state, const std::string& version) const {
    return state != kAbsent && held(state).version == version;
  }

  /// What the resource holds after `op`, if it could have been answered so in `state`.
  std::optional<State> apply(std::size_t at, State state) const {
    const Operation& op = ops_[at];
    const auto self = static_cast<State>(at);
    switch (op.outcome) {
      case Outcome::ok:
      case Outcome::unknown:  // that it never happened is another branch, see `visit`
        return apply_ok(op, self, state);
      case Outcome::not_found:
        if (writes(op) || state != kAbsent) return std::nullopt;
        return state;
      case Outcome::conflict: {
        const bool refused = op.kind == Kind::create
                                 ? state != kAbsent
                                 : (op.kind == Kind::replace_if || op.kind == Kind::remove_if) &&
                                       !version_is(state, op.if_version);
        if (!refused) return std::nullopt;
        return state;
      }
    }
    return std::nullopt;
  }

  std::optional<State> apply_ok(const Operation& op, State self, State state) const {
    const bool present = state != kAbsent;
    switch (op.kind) {
      case Kind::read:
        if (!present || held(state).value != op.value) return std::nullopt;
        if (!op.version.empty() && held(state).version != op.version) return std::nullopt;
        return state;
      case Kind::write:
        return self;
      case Kind::create:
        return present ? std::nullopt : std::optional(self);
      case Kind::replace_if:
        return version_is(state, op.if_version) ? std::optional(self) : std::nullopt;
      case Kind::remove:
        return present ? std::optional(kAbsent) : std::nullopt;
      case Kind::remove_if:
        return version_is(state, op.if_version) ? std::optional(kAbsent) : std::nullopt;
    }
    return std::nullopt;
  }

  /// Whether the calls not in `done` can still be ordered, with the resource in `state`. `first` is
  /// the earliest of them: all before it are done.
  bool visit(const Mask& done, State state, std::size_t first) {
    while (first < ops_.size() && done[first]) ++first;
    if (only_unknown_left(done, first)) return true;
    if (steps_left_ == 0 || !seen_.insert({done, state}).second) return false;
    --steps_left_;
    if (done.count() >= furthest_.count()) furthest_ = done;
    // Who was invoked after the first answer among those left cannot come before that one.
    std::uint64_t first_answer = kNever;
    for (std::size_t i = first; i < ops_.size(); ++i) {
      if (done[i]) continue;
      if (ops_[i].invoked > first_answer) break;
      first_answer = std::min(first_answer, ops_[i].responded);
    }
    for (std::size_t i = first; i < ops_.size() && ops_[i].invoked <= first_answer; ++i) {
      if (done[i]) continue;
      const auto next = apply(i, state);
      if (!next) continue;
      Mask with = done;
      with.set(i);
      if (visit(with, *next, first)) return true;
    }
    return false;
  }

  /// What is unknown may never have happened, so it need not find a place.
  bool only_unknown_left(const Mask& done, std::size_t first) const {
    for (std::size_t i = first; i < ops_.size(); ++i) {
      if (!done[i] && ops_[i].outcome != Outcome::unknown) return false;
    }
    return true;
  }

  /// The configurations themselves, not only their hashes: a collision would be a false alarm.
  struct Seen {
    Mask done;
    State state;
    bool operator==(const Seen& other) const = default;
  };
  struct HashSeen {
    std::size_t operator()(const Seen& seen) const noexcept {
      return std::hash<Mask>()(seen.done) * 31 + std::hash<int>()(seen.state);
    }
  };

  std::string story() const;

  std::vector<Operation> ops_;
  std::size_t steps_left_;
  std::unordered_set<Seen, HashSeen> seen_;
  Mask furthest_;
};

const char* text(Kind kind) {
  constexpr const char* kTexts[] = {"read", "write", "create", "replace_if", "remove", "remove_if"};
  return kTexts[static_cast<std::size_t>(kind)];
}
const char* text(Outcome outcome) {
  constexpr const char* kTexts[] = {"ok", "not_found", "conflict", "unknown"};
  return kTexts[static_cast<std::size_t>(outcome)];
}

std::string Search::story() const {
  std::string lines;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    const Operation& op = ops_[i];
    lines += '\n' + std::to_string(op.invoked) + " … " +
             (op.responded == kNever ? "?" : std::to_string(op.responded)) + "  " + text(op.kind) +
             ' ' + op.value.substr(0, 24) + (op.if_version.empty() ? "" : " if " + op.if_version) +
             " -> " + text(op.outcome) + ' ' + op.version + (furthest_[i] ? "" : "   <- no place");
  }
  return lines;
}

}  // namespace

Verdict check_linearizable(std::span<const Operation> history, std::size_t max_steps) {
  if (history.size() > kMaxHistory) {
    return {Verdict::Kind::undecided,
            "the history is too long: " + std::to_string(history.size()) + " calls"};
  }
  return Search({history.begin(), history.end()}, max_steps).run();
}

}  // namespace kbs::storage::testing
