// kill -9 cannot show a missing fsync: what the process wrote, the kernel still has. Here the
// power goes, after every single change, and takes with it what was not synced, in all the ways
// that matter. And every fsync is left out once: then something must be lost, or the test sees
// nothing.
#include "crash/power_cut.h"

#include <gmock/gmock.h>

#include <unordered_set>

#include "base/log.h"
#include "crash/store.h"
#include "storage/testing/temp_dir.h"

namespace kbs::crash {
namespace {

using storage::testing::RecordedFiles;
using storage::testing::TempDir;

constexpr std::uint64_t kSeed = 4;

struct Step {
  const char* name;  ///< becomes part of the names of sync sites
  const char* path;
  Verb verb;
};

constexpr const char* kA = "r/t/a";
constexpr const char* kB = "r/t/b";
constexpr const char* kC = "other/t/c";
constexpr const char* kD = "r/u/d";

/// With three versions: histories begin, fill up, lose their oldest, are kept and destroyed.
constexpr Step kSteps[] = {{"first write", kA, Verb::write},
                           {"overwrite", kA, Verb::write},
                           {"overwrite", kA, Verb::write},
                           {"create only", kB, Verb::create},
                           {"overwrite", kB, Verb::write},
                           {"overwrite", kA, Verb::write},
                           {"overwrite", kA, Verb::write},
                           {"delete", kB, Verb::remove},
                           {"write after delete", kB, Verb::write},
                           {"overwrite after delete", kB, Verb::write},
                           {"first write", kC, Verb::write},
                           {"overwrite", kC, Verb::write},
                           {"delete, to be undone", kC, Verb::keep},
                           {"undelete", kC, Verb::undelete},
                           {"overwrite after undelete", kC, Verb::write},
                           {"delete, to be undone", kC, Verb::keep},
                           {"write over what was kept", kC, Verb::write},
                           {"destroy a version", kC, Verb::destroy},
                           {"replace", kC, Verb::replace},
                           {"overwrite after replace", kC, Verb::write},
                           {"first write", kD, Verb::write},
                           {"delete, to be undone", kD, Verb::keep},
                           {"destroy the only version", kD, Verb::destroy},
                           {"write after destroy", kD, Verb::write},
                           {"overwrite after destroy", kD, Verb::write},
                           {"delete, to be undone", kD, Verb::keep},
                           {"delete what was kept", kD, Verb::remove},
                           {"delete", kA, Verb::remove},
                           {"delete", kC, Verb::remove}};

using Keys = std::map<std::string, KeyState>;

/// The record of one run, and what it promised when.
struct Story {
  struct Chapter {
    const Step* step;
    std::size_t begin, end;  ///< length of the record before it, and when it was acknowledged
    Keys before, after;
  };
  std::vector<Change> record;
  std::vector<Chapter> chapters;
  std::vector<std::string> sites;
  std::size_t left_out_at = RecordedFiles::npos;
};

Story tell(const Shape& shape, const std::string& left_out) {
  TempDir dir;
  RecordedFiles files(dir.path().string());
  files.leave_out(left_out);
  Story story;
  Keys keys{{kA, {}}, {kB, {}}, {kC, {}}, {kD, {}}};
  {
    auto store = OpenStore::open(dir.at("repository"), shape, files, system_clock());
    if (!store) throw std::runtime_error(describe(store.error()));
    Seq seq = 0;
    for (const Step& step : kSteps) {
      Operation operation{step.verb, ++seq};
      if (step.verb == Verb::replace) operation.seq += kReplacing;
      if (step.verb == Verb::destroy) operation.seq = keys[step.path].earlier.size();
      auto next = after(keys[step.path], operation, shape.versions);
      if (!next) continue;  // without versions there is nothing to undelete or destroy
      files.doing(step.name);
      Story::Chapter chapter{&step, files.record().size(), 0, keys, keys};
      if (auto done = (*store)->perform(step.path, operation); !done) {
        throw std::runtime_error(std::string(step.name) + ": " + describe(done.error()));
      }
      chapter.end = files.record().size();
      chapter.after[step.path] = keys[step.path] = std::move(*next);
      story.chapters.push_back(std::move(chapter));
    }
  }
  story.record = files.record();
  story.sites = files.sites();
  story.left_out_at = files.left_out_at();
  return story;
}

/// What may be there when the power goes after `length` changes.
struct Promise {
  std::string when;
  Keys either, other;  ///< of each resource; the same but for the one that is being changed
};

Promise promise_at(const Story& story, std::size_t length) {
  Promise promise{"before the first write", story.chapters.front().before, {}};
  for (const Story::Chapter& each : story.chapters) {
    if (each.end <= length) {
      promise.when = std::string("after ") + each.step->name + " of " + each.step->path;
      promise.either = each.after;
    } else if (each.begin <= length) {
      promise.when = std::string("during ") + each.step->name + " of " + each.step->path;
      promise.either = each.before;
      promise.other = each.after;
      return promise;
    }
  }
  promise.other = promise.either;
  return promise;
}

/// Opens what is left and compares it with what was promised: "" or what is broken.
std::string broken_promise(const std::string& path, const Shape& shape, FileOps& files,
                           const Promise& promise) {
  auto store = OpenStore::open(path, shape, files, later_clock());
  if (!store) return "cannot be opened: " + describe(store.error());
  auto listed = (*store)->list();
  if (!listed) return "cannot be listed: " + describe(listed.error());
  for (const std::string& each : *listed) {
    if (!promise.either.contains(each)) return "lists " + each;
  }
  for (const auto& [key, state] : promise.either) {
    const Observed seen = (*store)->observe(key, *listed);
    const KeyState& other = promise.other.at(key);
    const std::string first = difference(state, seen);
    if (first.empty() || difference(other, seen).empty()) continue;
    return key + ": " + first + (state == other ? "" : "; nor is it what was being made of it");
  }
  if (std::string left = leftover_in(path); !left.empty()) return "left behind: " + left;
  if (auto done = (*store)->perform(kA, {Verb::write, 1000}); !done) {
    return "takes no more writes: " + describe(done.error());
  }
  return (*store)->observe(kA, {kA}).current == Seq{1000} ? "" : "a later write is not there";
}

struct Outcome {
  std::size_t states = 0;
  std::string broken;  ///< the first promise that was
};

/// How much to try.
struct Effort {
  std::size_t samples = 0;             ///< cuts at random, at each change
  std::size_t second_cuts = SIZE_MAX;  ///< in every so-manieth state the power goes again at once
};

/// Power cuts at every change of what the opening of a store does to `remains`.
Outcome cut_again(const Remains& remains, const Shape& shape, const Promise& promise) {
  const TempDir first;
  const auto shown = remains.lay_out(first.path().string());
  SameInodes<RecordedFiles> files(shown, first.path().string());
  Outcome outcome;
  if (!OpenStore::open(first.at("repository"), shape, files, later_clock())) {
    return {0, "cannot be opened"};
  }
  std::mt19937_64 random(kSeed);
  Disk disk;
  std::unordered_set<std::size_t> seen;
  for (std::size_t length = 0; length < files.record().size(); ++length) {
    disk.feed(files.record()[length]);
    if (length + 1 < files.beginning()) continue;
    for (const Cut& cut : disk.cuts(random, 1)) {
      const Remains left = disk.remains(cut);
      if (!seen.insert(left.hash()).second) continue;
      const TempDir second;
      auto inodes = left.lay_out(second.path().string());
      for (auto& inode : inodes) {
        if (const auto at = shown.find(inode.second); at != shown.end()) inode.second = at->second;
      }
      SameInodes<FileOps> again(std::move(inodes));
      ++outcome.states;
      outcome.broken = broken_promise(second.at("repository"), shape, again, promise);
      if (outcome.broken.empty()) continue;
      outcome.broken = std::string("and again while opening (") + cut.why + "): " + outcome.broken;
      return outcome;
    }
  }
  return outcome;
}

/// Tries the cuts at every length of the record from `from` on, until a promise breaks.
Outcome cut_everywhere(const Story& story, const Shape& shape, std::size_t from, Effort effort) {
  Outcome outcome;
  std::mt19937_64 random(kSeed);
  Disk disk;
  std::unordered_set<std::size_t> seen;
  std::string when;
  for (std::size_t length = 0; length <= story.record.size(); ++length) {
    if (length > 0) disk.feed(story.record[length - 1]);
    if (length < from) continue;
    const Promise promise = promise_at(story, length);
    if (std::exchange(when, promise.when) != promise.when) seen.clear();
    for (const Cut& cut : disk.cuts(random, effort.samples)) {
      const Remains remains = disk.remains(cut);
      if (!seen.insert(remains.hash()).second) continue;
      const TempDir dir;
      SameInodes<FileOps> files(remains.lay_out(dir.path().string()));
      outcome.broken = broken_promise(dir.at("repository"), shape, files, promise);
      if (outcome.broken.empty() && ++outcome.states % effort.second_cuts == 0) {
        outcome.broken = cut_again(remains, shape, promise).broken;
      }
      if (outcome.broken.empty()) continue;
      outcome.broken = "power cut " + promise.when + " (change " + std::to_string(length) + ", " +
                       cut.why + "): " + outcome.broken;
      return outcome;
    }
  }
  return outcome;
}

/// Syncs that are not needed where they are, because a later one of the same directory comes before
/// anything is promised.
struct Spare {
  bool flat;
  const char* site;
  const char* why;
};
constexpr Spare kSpare[] = {
    {true, "first write: directory * after create+mkdir+unlink",
     "`.history` lies in the root like the value, whose own sync covers both"},
};

class PowerCut : public ::testing::TestWithParam<Shape> {
 protected:
  PowerCut() { EXPECT_TRUE(configure_log("error")); }
  ~PowerCut() override { EXPECT_TRUE(configure_log("info")); }
};

TEST_P(PowerCut, LosesNothingThatWasAcknowledged) {
  const Story story = tell(GetParam(), "");
  const Outcome outcome = cut_everywhere(story, GetParam(), 0, {6, 53});
  EXPECT_EQ(outcome.broken, "");
  EXPECT_GT(outcome.states, story.record.size());
}

TEST_P(PowerCut, EveryFsyncIsMissed) {
  std::vector<std::string> needless;
  for (const std::string& site : tell(GetParam(), "").sites) {
    const Story story = tell(GetParam(), site);
    ASSERT_NE(story.left_out_at, RecordedFiles::npos) << site;
    const Outcome outcome = cut_everywhere(story, GetParam(), story.left_out_at, {3});
    if (outcome.broken.empty()) needless.push_back(site);
  }
  std::vector<std::string> known;
  for (const Spare& each : kSpare) {
    if (each.flat == GetParam().flat) known.emplace_back(each.site);
  }
  EXPECT_EQ(needless, known);
}

INSTANTIATE_TEST_SUITE_P(LocalFs, PowerCut,
                         ::testing::Values(Shape{false, 3}, Shape{true, 3}, Shape{false, 0},
                                           Shape{true, 0}),
                         [](const auto& info) {
                           return std::string(info.param.flat ? "flat" : "tree") + "With" +
                                  std::to_string(info.param.versions) + "Versions";
                         });

}  // namespace
}  // namespace kbs::crash
