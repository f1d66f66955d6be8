// The check itself: what it must let pass, and what it must not.
#include "crash/crash_check.h"

#include <gmock/gmock.h>

#include <deque>

namespace kbs::crash {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr unsigned kLimit = 2;
constexpr std::uint64_t kOpen = 0;  ///< not acknowledged

struct Line {
  Verb verb;
  Seq seq;
  std::uint64_t begun, ended;
};

struct Notes {
  explicit Notes(const std::vector<Line>& lines) {
    for (const Line& line : lines) {
      Note& note = notes.emplace_back();
      note.progress = line.ended == kOpen ? Progress::intended : Progress::acknowledged;
      note.verb = line.verb;
      note.seq = line.seq;
      note.begun = line.begun;
      note.ended = line.ended;
      all.push_back(&note);
    }
  }
  std::deque<Note> notes;
  std::vector<const Note*> all;
};

struct Case {
  const char* why;
  std::vector<Line> lines;
  Observed seen;
  const char* wrong;  ///< "" = nothing is
};

TEST(CrashCheck, OneWritersResource) {
  const KeyState before{1, {}, {}};
  const Case cases[] = {
      {"nothing happened", {}, {1, {}, true, ""}, ""},
      {"nothing happened, and it is gone", {}, {{}, {}, false, ""}, "current is none"},
      {"acknowledged", {{Verb::write, 2, 1, 2}}, {2, {1}, true, ""}, ""},
      {"acknowledged and lost", {{Verb::write, 2, 1, 2}}, {1, {}, true, ""}, "current is 1"},
      {"the old value is not kept", {{Verb::write, 2, 1, 2}}, {2, {}, true, ""}, "earlier"},
      {"under way: old", {{Verb::write, 2, 1, kOpen}}, {1, {}, true, ""}, ""},
      {"under way: new", {{Verb::write, 2, 1, kOpen}}, {2, {1}, true, ""}, ""},
      {"under way: neither", {{Verb::write, 2, 1, kOpen}}, {{}, {1}, false, ""}, "current"},
      {"under way: kept twice", {{Verb::write, 2, 1, kOpen}}, {1, {1}, true, ""}, "version 1"},
      {"torn", {}, {1, {}, true, "torn"}, "torn"},
      {"not listed", {}, {1, {}, false, ""}, "not listed"},
      {"deleted", {{Verb::remove, 0, 1, 2}}, {{}, {}, false, ""}, ""},
      {"deleted and there", {{Verb::remove, 0, 1, 2}}, {1, {}, true, ""}, "current is 1"},
      {"deleted, still listed", {{Verb::remove, 0, 1, 2}}, {{}, {}, true, ""}, "listed"},
      {"deleted, history there", {{Verb::remove, 0, 1, 2}}, {{}, {1}, false, ""}, "version 1"},
      {"pruned ones may be there",
       {{Verb::write, 2, 1, 2}, {Verb::write, 3, 3, 4}, {Verb::write, 4, 5, 6}},
       {4, {3, 2, 1}, true, ""},
       ""},
      {"and may not",
       {{Verb::write, 2, 1, 2}, {Verb::write, 3, 3, 4}, {Verb::write, 4, 5, 6}},
       {4, {3, 2}, true, ""},
       ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string wrong = check_owned(Notes(c.lines).all, before, kLimit, c.seen);
    EXPECT_THAT(wrong, HasSubstr(c.wrong));
    if (*c.wrong == '\0') EXPECT_THAT(wrong, IsEmpty());
  }
}

TEST(CrashCheck, AResourceThatAllWrite) {
  const KeyState before{1, {}, {}};
  // 2 and 3 at the same time, then 4, which nobody acknowledged.
  const std::vector<Line> lines = {
      {Verb::write, 2, 1, 4}, {Verb::write, 3, 2, 3}, {Verb::write, 4, 5, kOpen}};
  const Case cases[] = {
      {"either order", lines, {2, {3, 1}, true, ""}, ""},
      {"or the other", lines, {3, {2, 1}, true, ""}, ""},
      {"the one under way", lines, {4, {2, 3}, true, ""}, ""},
      {"one that was under way may be kept", lines, {3, {4, 2}, true, ""}, "stands before it"},
      {"the value from before", lines, {1, {}, true, ""}, "acknowledged after 1"},
      {"gone", lines, {{}, {}, false, ""}, "is gone"},
      {"nobody's", lines, {9, {}, true, ""}, "nobody wrote"},
      {"twice", lines, {2, {3, 3}, true, ""}, "twice"},
      {"too few are kept", lines, {2, {3}, true, ""}, "keeps 1"},
      {"out of order", lines, {2, {1, 3}, true, ""}, "stands before it"},
      {"torn", lines, {2, {3, 1}, true, "torn"}, "torn"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string wrong = check_shared(Notes(c.lines).all, before, kLimit, c.seen);
    EXPECT_THAT(wrong, HasSubstr(c.wrong));
    if (*c.wrong == '\0') EXPECT_THAT(wrong, IsEmpty());
  }
}

TEST(CrashValues, TellWhoseTheyAre) {
  const std::string value = value_of("r/t/a", 7, 300);
  EXPECT_EQ(value.size(), 300u);
  EXPECT_EQ(seq_of("r/t/a", value), Seq{7});
  EXPECT_EQ(seq_of("r/t/b", value), std::nullopt);
  for (const std::string& torn : {std::string(), value.substr(0, 299), value + "x",
                                  value_of("r/t/a", 8, 300).substr(0, 150) + value.substr(150)}) {
    EXPECT_EQ(seq_of("r/t/a", torn), std::nullopt) << torn.size();
  }
}

}  // namespace
}  // namespace kbs::crash
