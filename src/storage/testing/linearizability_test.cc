#include "storage/testing/linearizability.h"

#include <gtest/gtest.h>

#include <vector>

namespace kbs::storage::testing {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using History = std::vector<Operation>;

/// A call from moment `from` to moment `to`. A write of "a" gives version "va".
Operation call(std::uint64_t from, std::uint64_t to, Kind kind, Outcome outcome,
               const std::string& value = "", const std::string& if_version = "") {
  const bool versioned = !value.empty() && outcome == Outcome::ok;
  return {kind, outcome, value, versioned ? "v" + value : "", if_version, from, to};
}
Operation read(std::uint64_t from, std::uint64_t to, const std::string& value) {
  return call(from, to, Kind::read, Outcome::ok, value);
}
Operation absent(std::uint64_t from, std::uint64_t to) {
  return call(from, to, Kind::read, Outcome::not_found);
}
Operation write(std::uint64_t from, std::uint64_t to, const std::string& value) {
  return call(from, to, Kind::write, Outcome::ok, value);
}
Operation lost(std::uint64_t from, const std::string& value) {
  return call(from, 0, Kind::write, Outcome::unknown, value);
}
Operation create(std::uint64_t from, std::uint64_t to, const std::string& value,
                 Outcome outcome = Outcome::ok) {
  return call(from, to, Kind::create, outcome, value);
}
Operation replace(std::uint64_t from, std::uint64_t to, const std::string& value,
                  const std::string& of, Outcome outcome = Outcome::ok) {
  return call(from, to, Kind::replace_if, outcome, value, of);
}
Operation remove(std::uint64_t from, std::uint64_t to, Outcome outcome = Outcome::ok) {
  return call(from, to, Kind::remove, outcome);
}
Operation remove_if(std::uint64_t from, std::uint64_t to, const std::string& of,
                    Outcome outcome = Outcome::ok) {
  return call(from, to, Kind::remove_if, outcome, "", of);
}

struct Case {
  History history;
  const char* why;
};

TEST(Linearizability, AcceptsWhatAnOrderExplains) {
  const Case cases[] = {
      {{}, "nothing happened"},
      {{absent(1, 2), write(3, 4, "a"), read(5, 6, "a")}, "one after the other"},
      {{write(1, 4, "a"), absent(2, 3)}, "a read beside a write sees the old"},
      {{write(1, 4, "a"), read(2, 3, "a")}, "or the new"},
      {{write(1, 8, "a"), write(2, 7, "b"), read(3, 4, "a"), read(5, 6, "b")},
       "of two writes at once either may be first"},
      {{write(1, 8, "a"), write(2, 7, "b"), read(3, 4, "b"), read(5, 6, "a")},
       "or the other way round"},
      {{write(1, 2, "a"), remove(3, 4), absent(5, 6), remove(7, 8, Outcome::not_found)},
       "deleted once"},
      {{create(1, 4, "a"), create(2, 3, "b", Outcome::conflict), read(5, 6, "a")},
       "one creator wins"},
      {{write(1, 2, "a"), replace(3, 4, "b", "va"), replace(5, 6, "c", "va", Outcome::conflict)},
       "the second comes too late"},
      {{write(1, 2, "a"), remove_if(3, 4, "vx", Outcome::conflict), remove_if(5, 6, "va")},
       "deleted at the right version only"},
      {{replace(1, 2, "a", "vx", Outcome::conflict)}, "what is absent is at no version"},
      {{write(1, 2, "a"), lost(3, "b"), read(4, 5, "a")}, "a lost write that never happened"},
      {{write(1, 2, "a"), lost(3, "b"), read(4, 5, "a"), read(6, 7, "b")},
       "a lost write that happened late"},
      {{lost(1, "b"), read(2, 3, "b"), replace(4, 5, "c", "vb")},
       "whoever read a lost write knows its version"},
  };
  for (const Case& c : cases) {
    const Verdict verdict = check_linearizable(c.history);
    EXPECT_EQ(verdict.kind, Verdict::Kind::linearizable) << c.why << verdict.why;
  }
}

TEST(Linearizability, RefusesWhatNoOrderExplains) {
  const Case cases[] = {
      {{read(1, 2, "a")}, "a value that nobody wrote"},
      {{read(1, 2, "a"), write(3, 4, "a")}, "a value from the future"},
      {{write(1, 2, "a"), absent(3, 4)}, "a lost acknowledged write"},
      {{write(1, 2, "a"), write(3, 4, "b"), read(5, 6, "a")}, "a stale read"},
      {{write(1, 2, "a"), write(3, 8, "b"), read(4, 5, "b"), read(6, 7, "a")},
       "seen new, then old again"},
      {{write(1, 10, "a"), write(2, 9, "b"), read(3, 4, "a"), read(5, 6, "b"), read(7, 8, "a")},
       "two values taking turns, written once each"},
      {{write(1, 2, "a"), remove(3, 4), read(5, 6, "a")}, "back from the dead"},
      {{write(1, 2, "a"), remove(3, 4), remove(5, 6)}, "deleted twice"},
      {{write(1, 2, "a"), remove(3, 4, Outcome::not_found)}, "there, and not found"},
      {{create(1, 4, "a"), create(2, 3, "b")}, "two creators win"},
      {{create(1, 2, "a", Outcome::conflict)}, "refused, though nothing was there"},
      {{write(1, 2, "a"), replace(3, 6, "b", "va"), replace(4, 5, "c", "va")}, "a lost update"},
      {{write(1, 2, "a"), replace(3, 4, "b", "va", Outcome::conflict)},
       "refused, though it was at that version"},
      {{write(1, 2, "a"), remove_if(3, 4, "vx")}, "deleted at another version"},
      {{write(1, 2, "a"), remove_if(3, 4, "va", Outcome::not_found)}, "there, and not found"},
      {{write(1, 2, "a"), call(3, 4, Kind::write, Outcome::conflict, "b")},
       "a plain write has no condition to fail"},
      {{write(1, 2, "a"), Operation{Kind::read, Outcome::ok, "a", "vx", "", 3, 4}},
       "the right value under a wrong version"},
      {{write(1, 2, "a"), lost(3, "b"), read(4, 5, "b"), read(6, 7, "a")},
       "a lost write that was undone"},
      {{read(1, 2, "b"), lost(3, "b")}, "a lost write seen before it was made"},
  };
  for (const Case& c : cases) {
    const Verdict verdict = check_linearizable(c.history);
    EXPECT_EQ(verdict.kind, Verdict::Kind::violated) << c.why;
    EXPECT_NE(verdict.why.find("no place"), std::string::npos) << "it says where: " << verdict.why;
  }
}

/// Writers and readers in step: each round `width` writes at once, then a read of the last of them.
History rounds(std::size_t count, std::size_t width, bool spoilt) {
  History history;
  std::uint64_t now = 0;
  for (std::size_t round = 0; round < count; ++round) {
    std::string last;
    for (std::size_t i = 0; i < width; ++i) {
      last = std::to_string(round) + "-" + std::to_string(i);
      history.push_back(write(now + 1 + i, now + 2 * width - i, last));
    }
    now += 2 * width;
    history.push_back(read(now + 1, now + 2, last));
    now += 2;
  }
  if (spoilt) history.push_back(read(now + 1, now + 2, "0-0"));
  return history;
}

TEST(Linearizability, LongHistoriesAreDecidedQuickly) {
  EXPECT_EQ(check_linearizable(rounds(100, 4, false)).kind, Verdict::Kind::linearizable);
  EXPECT_EQ(check_linearizable(rounds(100, 4, true)).kind, Verdict::Kind::violated)
      << "without memory of what was tried, 24 orders a round could not all be refuted";
}

TEST(Linearizability, WhatItCannotDecideItDoesNotPass) {
  EXPECT_EQ(check_linearizable(rounds(200, 4, false)).kind, Verdict::Kind::undecided) << "too long";
  EXPECT_EQ(check_linearizable(rounds(100, 4, true), 10).kind, Verdict::Kind::undecided)
      << "too many steps";
}

TEST(Linearizability, TheOrderInWhichCallsAreGivenDoesNotMatter) {
  History history = {read(5, 6, "a"), write(3, 4, "a"), absent(1, 2)};
  EXPECT_EQ(check_linearizable(history).kind, Verdict::Kind::linearizable);
  std::swap(history[0].value, history[1].value);
  history[0].value = "b";
  EXPECT_EQ(check_linearizable(history).kind, Verdict::Kind::violated);
}

}  // namespace
}  // namespace kbs::storage::testing
