#include "storage/transfer/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/manual_clock.h"
#include "storage/testing/faulty_backend.h"
#include "storage/transfer/stores_for_test.h"
#include "storage/transfer/values.h"

namespace kbs::storage::transfer {
namespace {

using kbs::testing::ManualClock;
using storage::testing::FaultyBackend;
using storage::testing::Op;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text(const Report& r) {
  return "seen " + std::to_string(r.seen) + " copied " + std::to_string(r.copied) +
         " overwritten " + std::to_string(r.overwritten) + " equal " + std::to_string(r.equal) +
         " skipped " + std::to_string(r.skipped) + " problems " + std::to_string(r.problems.size());
}

Report copied(const TestSide& from, const TestSide& to, Options options = {}) {
  auto report = run(copy(from.side(), to.side(), std::move(options)));
  if (!report) throw std::runtime_error(describe(report.error()));
  return std::move(*report);
}

Comparison compared(const TestSide& from, const TestSide& to, Options options = {}) {
  auto report = run(verify(from.side(), to.side(), std::move(options)));
  if (!report) throw std::runtime_error(describe(report.error()));
  return std::move(*report);
}

Options with_history() {
  Options options;
  options.history = true;
  return options;
}
Options if_exists(IfExists what) {
  Options options;
  options.if_exists = what;
  return options;
}

TEST(Copy, EverythingIsThereAfterwardsAndASecondRunChangesNothing) {
  const TestSide from = memory_side();
  for (int i = 0; i < 2500; ++i) {
    from.put("r/t" + std::to_string(i % 7) + "/" + std::to_string(i),
             std::string(static_cast<std::size_t>(i), 'v'));
  }
  const TestSide to = memory_side();
  EXPECT_EQ(text(copied(from, to)),
            "seen 2500 copied 2500 overwritten 0 equal 0 skipped 0 problems 0");
  EXPECT_EQ(to.all(), from.all());
  EXPECT_EQ(text(copied(from, to)),
            "seen 2500 copied 0 overwritten 0 equal 2500 skipped 0 problems 0");
}

TEST(Copy, EveryByteOfAValueAndItsContentTypeGoesAlong) {
  const TestSide from = memory_side();
  std::string value;
  for (int i = 0; i < 256; ++i) value.push_back(static_cast<char>(i));
  WriteOptions options;
  options.content_type = "application/x-pem-file";
  from.put("r/t/1", value, options);
  from.put("r/t/empty", "");
  const DirectorySide to;
  (void)copied(from, to);
  EXPECT_EQ(to.get("r/t/1"), value);
  EXPECT_EQ(to.get("r/t/empty"), "");
}

TEST(Copy, OnlyWhatIsUnderThePrefix) {
  const TestSide from = memory_side();
  for (const char* path : {"a/t/1", "ab/t/1", "b/t/1"}) from.put(path, path);
  const TestSide to = memory_side();
  Options options;
  options.prefix = "a/";
  (void)copied(from, to, options);
  EXPECT_THAT(to.all(), ElementsAre(std::pair("a/t/1", "a/t/1")));
}

TEST(Copy, ADryRunTellsTheSameAndWritesNothing) {
  const TestSide from = memory_side();
  for (const char* path : {"r/t/equal", "r/t/new", "r/t/other"}) from.put(path, "value");
  const TestSide to = memory_side();
  to.put("r/t/equal", "value");
  to.put("r/t/other", "another");
  const auto before = to.all();
  for (IfExists what : {IfExists::fail, IfExists::skip, IfExists::overwrite}) {
    Options options = if_exists(what);
    options.dry_run = true;
    const Report dry = copied(from, to, options);
    EXPECT_EQ(to.all(), before);
    const TestSide scratch = memory_side();
    (void)copied(to, scratch);
    EXPECT_EQ(text(dry), text(copied(from, scratch, if_exists(what))));
  }
}

TEST(Copy, AResourceWithAnotherValueIsTreatedAsAsked) {
  struct Case {
    IfExists what;
    const char* value;
    const char* report;
    const char* why;
  };
  const Case cases[] = {
      {IfExists::fail, "theirs", "seen 1 copied 0 overwritten 0 equal 0 skipped 0 problems 1",
       "by default nothing is overwritten, and the operator hears of it"},
      {IfExists::skip, "theirs", "seen 1 copied 0 overwritten 0 equal 0 skipped 1 problems 0",
       "left alone on purpose"},
      {IfExists::overwrite, "ours", "seen 1 copied 0 overwritten 1 equal 0 skipped 0 problems 0",
       "replaced on purpose"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const TestSide from = memory_side();
    from.put("r/t/1", "ours");
    const TestSide to = memory_side();
    to.put("r/t/1", "theirs");
    EXPECT_EQ(text(copied(from, to, if_exists(c.what))), c.report);
    EXPECT_EQ(to.get("r/t/1"), c.value);
  }
}

TEST(Copy, NoReportHoldsAValue) {
  const TestSide from = memory_side();
  from.put("r/t/1", "hush-hush");
  const TestSide to = memory_side();
  to.put("r/t/1", "psst-psst");
  for (IfExists what : {IfExists::fail, IfExists::skip}) {
    const Report report = copied(from, to, if_exists(what));
    for (const auto& notes : {report.notes, report.problems}) {
      for (const Note& note : notes) {
        EXPECT_THAT(note.text, ::testing::Not(HasSubstr("hush")));
        EXPECT_THAT(note.text, ::testing::Not(HasSubstr("psst")));
      }
    }
  }
}

TEST(Copy, WhatTheTargetCannotHoldIsToldInADryRunAlready) {
  const TestSide from = memory_side();
  from.put("r/t/long", std::string(100, 'x'));
  from.put("repository/type/" + std::string(40, 'n'), "v");
  WriteOptions expiring;
  expiring.not_after = SysTime(std::chrono::seconds(4'000'000'000));
  from.put("r/t/expires", "v", expiring);
  from.put("r/t/fits", "v");
  auto small = std::make_shared<FaultyBackend>(memory_side().backend);
  Capabilities can = small->capabilities();
  can.max_value_bytes = 50;
  can.max_segment_bytes = 30;
  can.expiry = false;
  small->declare(can);
  const TestSide to{small, "small"};
  for (bool dry : {true, false}) {
    Options options;
    options.dry_run = dry;
    options.in_flight = 1;
    const Report report = copied(from, to, options);
    ASSERT_EQ(report.problems.size(), 3u);
    EXPECT_EQ(report.problems[0].path, "r/t/expires");
    EXPECT_THAT(report.problems[0].text, HasSubstr("--drop-expiry"));
    EXPECT_EQ(report.problems[1].path, "r/t/long");
    EXPECT_EQ(report.problems[2].path, "repository/type/" + std::string(40, 'n'));
    EXPECT_EQ(report.copied, 1u);
    EXPECT_EQ(to.all().size(), dry ? 0u : 1u);
  }
  Options dropping;
  dropping.drop_expiry = true;
  (void)copied(from, to, dropping);
  EXPECT_EQ(to.get("r/t/expires"), "v");
  EXPECT_EQ(compared(from, to).different.size(), 0u)
      << "an expiry that the target cannot keep is no difference";
}

TEST(Copy, AnExpiryGoesAlongAndCountsInTheComparison) {
  const ManualClock clock;
  const TestSide from = memory_side(10, clock);
  WriteOptions expiring;
  expiring.not_after = clock.now() + std::chrono::hours(1);
  from.put("r/t/1", "v", expiring);
  const TestSide to = memory_side(10, clock);
  to.put("r/t/1", "v");
  Report report = copied(from, to);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0].text, HasSubstr("expiry"));
  EXPECT_THAT(compared(from, to).different[0].text, "expiry");
  (void)copied(from, to, if_exists(IfExists::overwrite));
  EXPECT_EQ(run(to.backend->read(id("r/t/1"), {}))->metadata.not_after, expiring.not_after);
  EXPECT_TRUE(compared(from, to).good());
}

TEST(Copy, StoresThatCannotDoItAreRefusedBeforeAnythingIsWritten) {
  const TestSide good = memory_side();
  good.put("r/t/1", "v");
  struct Case {
    bool Capabilities::* lacks;
    bool source;
    const char* message;
  };
  const Case cases[] = {
      {&Capabilities::list, true, "cannot list"},
      {&Capabilities::write, false, "cannot be written"},
      {&Capabilities::versions, true, "leave out --history"},
      {&Capabilities::versions, false, "leave out --history"},
  };
  for (const Case& c : cases) {
    auto poor = std::make_shared<FaultyBackend>(memory_side().backend);
    Capabilities can = poor->capabilities();
    can.*c.lacks = false;
    poor->declare(can);
    const Side side{poor, "poor", {}};
    auto result = c.source ? run(copy(side, good.side(), with_history()))
                           : run(copy(good.side(), side, with_history()));
    ASSERT_FALSE(result) << c.message;
    EXPECT_THAT(result.error().message, HasSubstr(c.message));
    EXPECT_THAT(result.error().message, HasSubstr("poor"));
    EXPECT_EQ(poor->calls(), 0u);
  }
}

TEST(Copy, WhatAServerWouldNotLookForThereIsAProblem) {
  const TestSide from = memory_side();
  from.put("mine/t/1", "v");
  from.put("yours/t/1", "v");
  const TestSide to = memory_side();
  Side side = to.side();
  side.serves = [](const ResourceId& resource) { return resource.repository == "mine"; };
  const Report report = run(copy(from.side(), side, {})).value();
  EXPECT_EQ(report.copied, 1u);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].path, "yours/t/1");
  EXPECT_THAT(run(verify(from.side(), side, {}))->missing, ElementsAre("yours/t/1"));
}

TEST(Copy, GivesUpWhenTheTargetIsGone) {
  const TestSide from = memory_side();
  for (int i = 0; i < 1000; ++i) from.put("r/t/" + std::to_string(i), "v");
  auto gone = std::make_shared<FaultyBackend>(memory_side().backend);
  gone->fail_next(SIZE_MAX, ErrorKind::unavailable);
  Options options;
  options.max_problems = 10;
  const Report report = copied(from, {gone, "gone"}, options);
  EXPECT_TRUE(report.gave_up);
  EXPECT_LT(report.problems.size(), 30u);
  EXPECT_FALSE(report.good());
}

TEST(Copy, NeverMoreInFlightThanAskedFor) {
  const TestSide from = memory_side();
  for (int i = 0; i < 100; ++i) from.put("r/t/" + std::to_string(i), "v");
  auto slow = std::make_shared<FaultyBackend>(memory_side().backend);
  slow->hold(FaultyBackend::Gate::before, Op::write);
  std::size_t most = 0;
  std::thread releaser([&] {
    for (int i = 0; i < 100; ++i) {
      if (!slow->await_waiting(1)) return;
      most = std::max(most, slow->waiting());
      slow->release_one();
    }
  });
  Options options;
  options.in_flight = 3;
  const Report report = copied(from, {slow, "slow"}, options);
  releaser.join();
  EXPECT_EQ(report.copied, 100u);
  EXPECT_LE(most, 3u);
}

TEST(Copy, BrokenOffAtEveryCallAndRunAgainNothingIsLostOrWrittenTwice) {
  const TestSide from = memory_side();
  for (int i = 0; i < 5; ++i) {
    for (int version = 0; version < 3; ++version) {
      from.put("r/t/" + std::to_string(i), "v" + std::to_string(i * 10 + version));
    }
  }
  for (bool history : {false, true}) {
    for (std::size_t broken = 0;; ++broken) {
      auto faulty = std::make_shared<FaultyBackend>(memory_side().backend);
      const TestSide to{faulty, "faulty"};
      Options options;
      options.history = history;
      options.in_flight = 1;
      options.max_problems = 1;
      std::size_t done = 0;
      // From this call on, the target is gone, as after kill -9.
      options.progress = [&](const std::string&, std::string_view) {
        if (++done == broken + 1) faulty->fail_next(SIZE_MAX, ErrorKind::unavailable);
      };
      const Report first = copied(from, to, options);
      faulty->heal();
      options.progress = nullptr;
      const Report second = copied(from, to, options);
      ASSERT_TRUE(second.good());
      EXPECT_EQ(to.all(), from.all());
      EXPECT_EQ(first.versions + second.versions, history ? 15u : 5u);
      for (int i = 0; history && i < 5; ++i) {
        const std::string path = "r/t/" + std::to_string(i);
        EXPECT_EQ(to.history(path), from.history(path));
      }
      if (done <= broken) break;
    }
  }
}

TEST(Copy, AHistoryBrokenOffAtEveryWriteGoesOnWhereItEnded) {
  const TestSide from = memory_side();
  const std::vector<std::string> values = {"a", "b", "a", "c", "c"};
  for (const std::string& value : values) from.put("r/t/1", value);
  for (std::size_t writes = 0; writes <= values.size(); ++writes) {
    for (auto gate : {FaultyBackend::Gate::before, FaultyBackend::Gate::after}) {
      auto faulty = std::make_shared<FaultyBackend>(memory_side().backend);
      const TestSide to{faulty, "faulty"};
      // `writes` of them arrive; of the next one the answer, or all of it, is lost.
      for (std::size_t i = 0; i < writes; ++i) to.put("r/t/1", values[i]);
      if (gate == FaultyBackend::Gate::after && writes < values.size()) {
        to.put("r/t/1", values[writes]);
      }
      EXPECT_TRUE(copied(from, to, with_history()).good());
      EXPECT_EQ(to.get("r/t/1"), "c");
      if (writes < values.size() - 1) EXPECT_EQ(to.history("r/t/1"), values);
    }
  }
}

TEST(Copy, HistoryGoesAlongOldestFirstWithItsMetadata) {
  const TestSide from = memory_side();
  WriteOptions typed;
  typed.content_type = "text/plain";
  from.put("r/t/1", "one", typed);
  from.put("r/t/1", "two");
  from.put("r/t/2", "only");
  const TestSide to = memory_side();
  const Report report = copied(from, to, with_history());
  EXPECT_EQ(report.versions, 3u);
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("one", "two"));
  EXPECT_TRUE(compared(from, to, with_history()).good());
  const auto page = run(to.backend->versions(id("r/t/1"), {}));
  EXPECT_EQ(page->entries.back().metadata.content_type, "text/plain");
}

TEST(Copy, ATargetThatKeepsFewerVersionsIsNotFilledAgainAndAgain) {
  const TestSide from = memory_side(10);
  for (const char* value : {"1", "2", "3", "4", "5"}) from.put("r/t/1", value);
  const TestSide to = memory_side(2);
  (void)copied(from, to, with_history());
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("3", "4", "5"));
  EXPECT_EQ(copied(from, to, with_history()).equal, 1u);
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("3", "4", "5"));
  from.put("r/t/1", "6");
  EXPECT_EQ(copied(from, to, with_history()).copied, 1u);
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("4", "5", "6"));
}

TEST(Copy, AnotherHistoryIsNotMixedWithOurs) {
  const TestSide from = memory_side();
  from.put("r/t/1", "old");
  from.put("r/t/1", "new");
  const TestSide to = memory_side();
  to.put("r/t/1", "foreign");
  Report report = copied(from, to, with_history());
  EXPECT_EQ(report.problems.size(), 1u);
  Options options = with_history();
  options.if_exists = IfExists::overwrite;
  report = copied(from, to, options);
  EXPECT_EQ(report.overwritten, 1u);
  EXPECT_EQ(report.notes.size(), 1u);
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("foreign", "new"));
}

TEST(FirstMissing, TellsWhereAHistoryGoesOn) {
  const auto history = [](std::string_view letters) {
    std::vector<PastValue> values;
    for (char letter : letters) {
      values.push_back({});
      values.back().tag[0] = static_cast<std::byte>(letter);
    }
    return values;
  };
  struct Case {
    const char* have;
    const char* want;
    std::optional<std::size_t> index;
    const char* why;
  };
  const Case cases[] = {
      {"", "abc", 0, "nothing there: all of it"},
      {"a", "abc", 1, "begun"},
      {"ab", "abc", 2, "begun"},
      {"abc", "abc", 3, "done"},
      {"bc", "abc", 3, "done, and the target keeps fewer"},
      {"b", "abc", 2, "begun, and the target keeps fewer"},
      {"xabc", "abc", 3, "the target knows more of the past"},
      {"aaa", "aaa", 3, "equal values are done too"},
      {"a", "aba", 1, "begun or done: rather write one too many than lose one"},
      {"x", "abc", std::nullopt, "another history"},
      {"xb", "abc", std::nullopt, "grown apart"},
      {"abx", "abc", std::nullopt, "written to meanwhile"},
      {"abcx", "abc", std::nullopt, "written to meanwhile"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(first_missing(history(c.have), history(c.want)), c.index)
        << c.have << " in " << c.want << ": " << c.why;
  }
}

TEST(Verify, NamesEveryDifference) {
  const TestSide a = memory_side();
  const TestSide b = memory_side();
  for (const char* path : {"r/t/1", "r/t/3", "r/t/5"}) a.put(path, path);
  for (const char* path : {"r/t/1", "r/t/2", "r/t/3"}) b.put(path, path);
  b.put("r/t/3", "other");
  const Comparison report = compared(a, b);
  EXPECT_EQ(report.compared, 4u);
  EXPECT_EQ(report.equal, 1u);
  EXPECT_THAT(report.missing, ElementsAre("r/t/5"));
  EXPECT_THAT(report.extra, ElementsAre("r/t/2"));
  ASSERT_EQ(report.different.size(), 1u);
  EXPECT_EQ(report.different[0].path, "r/t/3");
  EXPECT_EQ(report.different[0].text, "value");
  EXPECT_FALSE(report.good());
}

TEST(Verify, SeesADifferenceInTheHistoryAlone) {
  const TestSide a = memory_side();
  const TestSide b = memory_side();
  a.put("r/t/1", "first");
  a.put("r/t/1", "now");
  b.put("r/t/1", "now");
  EXPECT_TRUE(compared(a, b).good());
  const Comparison report = compared(a, b, with_history());
  ASSERT_EQ(report.different.size(), 1u);
  EXPECT_EQ(report.different[0].text, "history");
  EXPECT_TRUE(compared(b, a, with_history()).good()) << "more of the past is no loss";
}

TEST(Verify, WhatCannotBeReadIsAProblemAndNotADifference) {
  const TestSide a = memory_side();
  a.put("r/t/1", "v");
  auto faulty = std::make_shared<FaultyBackend>(a.backend);
  faulty->fail_next(SIZE_MAX, ErrorKind::unavailable, Op::read);
  const Comparison report = compared(a, {faulty, "faulty"});
  EXPECT_EQ(report.problems.size(), 1u);
  EXPECT_TRUE(report.missing.empty());
  EXPECT_FALSE(report.good());
}

}  // namespace
}  // namespace kbs::storage::transfer
