// Whatever is done to a trail afterwards is seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "kbs/audit/testing/trail_fixture.h"

namespace kbs::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A closed trail of two workers: header, records 1-4, a checkpoint, records 6-9, the closing
/// checkpoint.
class VerifyFile : public testing::TrailFixture {
 protected:
  VerifyFile() {
    (void)configure_log("warn");
    options_.workers = 2;
    options_.checkpoint_interval = std::chrono::minutes(1);
    auto log = open();
    for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(write(*log, i / 2));
    clock_.advance(std::chrono::seconds(61));
    EXPECT_TRUE(testing::soon([this] { return lines().size() == 6; }));
    for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(write(*log, i % 2));
    log.reset();
    lines_ = lines();
    EXPECT_EQ(lines_.size(), 11u);
  }
  ~VerifyFile() override { (void)configure_log("info"); }

  std::string verdict_of(const std::vector<std::string>& changed) const {
    std::string text;
    for (const std::string& line : changed) text += line + '\n';
    put(dir_ + "/changed", text);
    return verdict(dir_ + "/changed");
  }
  static bool is_good(const std::string& verdict) {
    return verdict.find(": good") != std::string::npos;
  }

  std::vector<std::string> lines_;
};

TEST_F(VerifyFile, AcceptsWhatWasWritten) {
  EXPECT_THAT(verdict_of(lines_), StartsWith("8 records, 2 chains, 2 checkpoints, 1 runs: good"));
  EXPECT_THAT(verdict_of(lines_), HasSubstr(", closed"));
}

TEST_F(VerifyFile, SeesEveryChangedByte) {
  for (std::size_t line = 0; line < lines_.size(); ++line) {
    for (std::size_t at = line % 5; at < lines_[line].size(); at += 5) {
      std::vector<std::string> changed = lines_;
      changed[line][at] = changed[line][at] == 'x' ? 'y' : 'x';
      EXPECT_FALSE(is_good(verdict_of(changed))) << changed[line];
    }
  }
}

TEST_F(VerifyFile, SeesEveryRemovedLine) {
  for (std::size_t line = 0; line + 1 < lines_.size(); ++line) {
    std::vector<std::string> changed = lines_;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(line));
    EXPECT_FALSE(is_good(verdict_of(changed))) << line;
  }
}

TEST_F(VerifyFile, SeesEveryRepeatedOrInsertedLine) {
  for (std::size_t line = 0; line < lines_.size(); ++line) {
    for (std::size_t to = 0; to <= lines_.size(); ++to) {
      std::vector<std::string> changed = lines_;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(to), lines_[line]);
      EXPECT_FALSE(is_good(verdict_of(changed))) << line << " again at " << to;
    }
  }
  for (std::string_view foreign :
       {"{}", "garbage", "", R"({"type":"record"})", R"({"type":"note"})"}) {
    for (std::size_t to = 0; to <= lines_.size(); ++to) {
      std::vector<std::string> changed = lines_;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(to), std::string(foreign));
      EXPECT_FALSE(is_good(verdict_of(changed))) << foreign << " at " << to;
    }
  }
}

TEST_F(VerifyFile, SeesReorderedLines) {
  // Only the records of different workers between the same checkpoints may change places: each has
  // its chain.
  const auto worker = [&](std::size_t line) {
    return lines_[line].find(R"("worker":0)") != std::string::npos ? 0 : 1;
  };
  const auto is_record = [&](std::size_t line) {
    return lines_[line].starts_with(R"({"type":"record")");
  };
  for (std::size_t line = 0; line + 1 < lines_.size(); ++line) {
    std::vector<std::string> changed = lines_;
    std::swap(changed[line], changed[line + 1]);
    const bool independent =
        is_record(line) && is_record(line + 1) && worker(line) != worker(line + 1);
    EXPECT_EQ(is_good(verdict_of(changed)), independent) << line;
  }
}

TEST_F(VerifyFile, NamesTheFirstBadLine) {
  std::vector<std::string> changed = lines_;
  changed[3].replace(changed[3].find("192.0.2.7"), 9, "192.0.2.8");
  EXPECT_THAT(verdict_of(changed), HasSubstr("line 5: "));
  EXPECT_THAT(verdict_of(changed), HasSubstr("line 4"));
  changed = lines_;
  changed.erase(changed.begin() + 2);
  EXPECT_THAT(verdict_of(changed), HasSubstr("line 5: worker 0's chain"));
  changed = lines_;
  changed.insert(changed.begin() + 4, "garbage");
  EXPECT_THAT(verdict_of(changed), HasSubstr("line 5 is damaged"));
}

TEST_F(VerifyFile, TellsOfATrailThatWasCut) {
  std::vector<std::string> cut(lines_.begin(), lines_.end() - 1);
  EXPECT_THAT(verdict_of(cut),
              HasSubstr("not closed, 4 records after the last checkpoint (line 6)"));
}

TEST_F(VerifyFile, AcceptsNoOtherRunsSignature) {
  std::filesystem::remove(options_.path);
  auto log = open();
  for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(write(*log, i / 2));
  log.reset();
  std::vector<std::string> changed = lines_;
  changed.back() = lines().back();
  EXPECT_THAT(verdict_of(changed), HasSubstr("whose header is missing"));
  const std::string other_run =
      R"("run":")" + changed.back().substr(changed.back().find(R"("run":")") + 7, 16);
  const std::string run = R"("run":")" + lines_[0].substr(lines_[0].find(R"("run":")") + 7, 16);
  changed.back().replace(changed.back().find(other_run), other_run.size(), run);
  EXPECT_THAT(verdict_of(changed), HasSubstr("line 11: the signature is wrong"));
}

TEST_F(VerifyFile, RefusesWhatIsNoTrail) {
  std::filesystem::create_directory(dir_ + "/dir");
  put(dir_ + "/empty", "");
  put(dir_ + "/text", "hello\nworld\n");
  put(dir_ + "/long", std::string(5 << 20, 'x'));
  struct Case {
    std::string path;
    const char* says;
  };
  const Case cases[] = {
      {dir_ + "/dir", "no regular file"}, {dir_ + "/absent", "cannot open"},
      {dir_ + "/empty", "no header"},     {dir_ + "/text", "line 1 is damaged"},
      {dir_ + "/long", "too long"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    EXPECT_FALSE(verify_file(c.path));
    EXPECT_THAT(verdict(c.path), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace kbs::audit
