// Full disks, broken disks and crashes: what could not be recorded is denied, and the trail stays
// good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>

#include "base/json.h"
#include "base/log.h"
#include "kbs/audit/testing/trail_fixture.h"

namespace kbs::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class AuditFailure : public testing::TrailFixture {
 protected:
  AuditFailure() { (void)configure_log("off"); }
  ~AuditFailure() override { (void)configure_log("info"); }

  void start_again() { std::filesystem::remove(options_.path); }
};

TEST_F(AuditFailure, AFullDiskDeniesAndAnEmptiedOneServesAgain) {
  auto log = open();
  ASSERT_TRUE(write(*log));
  files_.space = 0;
  for (int i = 0; i < 3; ++i) {
    const Result<> got = write(*log);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(got.error().detail, HasSubstr("ENOSPC"));
    EXPECT_EQ(got.error().message.find(dir_), std::string::npos) << "the client learns no path";
  }
  EXPECT_EQ(log->failures(), 3u);
  files_.space = INT64_MAX;
  EXPECT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(), StartsWith("2 records, 1 chains, 1 checkpoints, 1 runs: good"));
}

TEST_F(AuditFailure, ADiskThatFillsUpAnywhereInALineLeavesAGoodTrail) {
  options_.workers = 2;
  std::size_t torn = 0;
  for (std::int64_t space = 0; space < 1400;
       space += 7) {  // two records and the checkpoint after a torn one
    SCOPED_TRACE(space);
    start_again();
    auto log = open();
    ASSERT_TRUE(write(*log));
    files_.space = space;
    int written = 1;
    for (unsigned i = 0; i < 6; ++i) written += write(*log, i % 2).has_value();
    files_.space = INT64_MAX;
    ASSERT_TRUE(write(*log, 0));
    ASSERT_TRUE(write(*log, 1));
    log.reset();
    const std::string got = verdict();
    ASSERT_THAT(got, HasSubstr(": good")) << text();
    EXPECT_THAT(got, StartsWith(std::to_string(written + 2) + " records"));
    torn += got.find("torn") != std::string::npos;
  }
  EXPECT_GT(torn, 100u) << "the test must have torn lines to show anything";
}

TEST_F(AuditFailure, OnlyTheLineFeedMissingIsNoLoss) {
  auto log = open();
  ASSERT_TRUE(write(*log));
  const std::size_t record_size = lines().at(1).size();
  files_.space = static_cast<std::int64_t>(record_size);
  EXPECT_TRUE(write(*log)) << "the record is whole";
  files_.space = INT64_MAX;
  EXPECT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(), StartsWith("3 records"));
  EXPECT_THAT(verdict(), ::testing::Not(HasSubstr("torn")));
}

TEST_F(AuditFailure, AStartAfterACrashAnywhereInALineIsGood) {
  std::string whole;
  {
    auto log = open();
    ASSERT_TRUE(write(*log));
    ASSERT_TRUE(write(*log));
    whole = text();
  }
  const std::size_t header = whole.find('\n') + 1;
  for (std::size_t cut = 1; cut <= whole.size(); cut += 11) {
    SCOPED_TRACE(cut);
    put(options_.path, std::string_view(whole).substr(0, cut));
    if (cut > header) {
      EXPECT_THAT(verdict(), HasSubstr(": good")) << "before the next start";
    }
    auto log = open();
    ASSERT_TRUE(write(*log));
    log.reset();
    ASSERT_THAT(verdict(), HasSubstr(": good")) << text();
  }
}

TEST_F(AuditFailure, AStartAfterACrashOnAFullDiskIsGood) {
  // The torn line got its line feed, the line that should answer for it was torn as well.
  for (std::int64_t more : {0, 1, 2, 50}) {
    SCOPED_TRACE(more);
    start_again();
    auto log = open();
    files_.space = 30;
    EXPECT_FALSE(write(*log));
    files_.space = more;
    EXPECT_FALSE(write(*log));
    files_.space = 0;
    log.reset();
    files_.space = INT64_MAX;
    log = open();
    ASSERT_TRUE(write(*log));
    log.reset();
    EXPECT_THAT(verdict(), HasSubstr(": good")) << text();
    EXPECT_THAT(verdict(), HasSubstr("torn"));
  }
}

TEST_F(AuditFailure, AnsweringAllTheSameIsCountedInTheTrail) {
  options_.deny_on_failure = false;
  auto log = open();
  files_.write_error = EIO;
  EXPECT_TRUE(write(*log));
  EXPECT_TRUE(write(*log));
  EXPECT_EQ(log->failures(), 2u);
  files_.write_error = 0;
  EXPECT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(), StartsWith("1 records"));
  EXPECT_THAT(verdict(), HasSubstr("2 decisions could not be recorded"));
}

TEST_F(AuditFailure, WithoutASyncThereIsNoAnswer) {
  options_.sync_every_write = true;
  auto log = open();
  files_.sync_error = EIO;
  const Result<> got = write(*log);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
  files_.sync_error = 0;
  EXPECT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(), StartsWith("2 records")) << "the refused one stays in the trail";
}

TEST_F(AuditFailure, AFailingBackgroundSyncDeniesUntilOneSucceeds) {
  auto log = open();
  files_.sync_error = EIO;
  ASSERT_TRUE(write(*log));
  EXPECT_TRUE(testing::soon([&] { return !write(*log); }));
  files_.sync_error = 0;
  EXPECT_TRUE(testing::soon([&] { return write(*log).has_value(); }));
  log.reset();
  EXPECT_THAT(verdict(), HasSubstr(": good"));
}

TEST_F(AuditFailure, WithoutItsFirstLineItDoesNotStart) {
  files_.space = 100;
  const auto log = AuditLog::open(options_, clock_, files_, pool_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::unavailable);
}

TEST_F(AuditFailure, ARotationOntoAFullDiskKeepsTheOldFile) {
  auto log = open();
  ASSERT_TRUE(write(*log));
  std::filesystem::rename(options_.path, dir_ + "/audit.1");
  files_.space = 500;  // the old file's last words fit, the new header does not
  EXPECT_FALSE(log->reopen());
  files_.space = INT64_MAX;
  ASSERT_TRUE(write(*log));
  ASSERT_TRUE(log->reopen());
  ASSERT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(dir_ + "/audit.1"), HasSubstr(": good"));
  EXPECT_THAT(verdict(), HasSubstr(": good")) << text();
}

}  // namespace
}  // namespace kbs::audit
