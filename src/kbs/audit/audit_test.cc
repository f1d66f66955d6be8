#include "kbs/audit/audit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/object.hpp>

#include "base/json.h"
#include "kbs/audit/testing/trail_fixture.h"

namespace kbs::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class AuditLogTest : public testing::TrailFixture {};

TEST_F(AuditLogTest, RecordsWhoWhatAndWhy) {
  {
    auto log = open();
    ASSERT_TRUE(write(*log));
    Record denied;
    denied.event = "resource.denied";
    denied.object = "resource/a\n\"b\"/\xff";
    denied.reason = "policy";
    ASSERT_TRUE(write(*log, 0, denied));
  }
  const json::object first = parse_json_object(lines().at(1)).value();
  EXPECT_EQ(string_member(first, "type"), "record");
  EXPECT_EQ(string_member(first, "event"), "resource.released");
  EXPECT_EQ(string_member(first, "request"), "b7c1");
  EXPECT_EQ(string_member(first, "token_sha256"), std::string(64, 'a'));
  EXPECT_EQ(string_member(first, "tee"), "snp");
  EXPECT_EQ(string_member(first, "action"), "GET");
  EXPECT_EQ(string_member(first, "object"), "resource/default/key/1");
  EXPECT_EQ(string_member(first, "peer"), "192.0.2.7:40122");
  EXPECT_EQ(string_member(first, "ts"), "2026-08-02T19:46:40.000000Z");
  EXPECT_EQ(first.at("allowed"), true);
  EXPECT_EQ(first.at("latency_us"), 125);
  EXPECT_EQ(first.at("seq"), 0);
  EXPECT_FALSE(first.contains("reason")) << "what is empty is left out";
  const json::object second = parse_json_object(lines().at(2)).value();
  EXPECT_EQ(string_member(second, "object"), "resource/a\n\"b\"/\xEF\xBF\xBD");
  EXPECT_EQ(string_member(second, "reason"), "policy");
  EXPECT_EQ(second.at("allowed"), false);
  EXPECT_EQ(second.at("seq"), 1);
  EXPECT_THAT(verdict(), StartsWith("2 records, 1 chains, 1 checkpoints, 1 runs: good"));
}

TEST_F(AuditLogTest, KeepsItsFileToItself) {
  auto log = open();
  EXPECT_EQ(std::filesystem::status(options_.path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(AuditLogTest, ChainsTheRecordsOfEveryWorkerWhileAllWriteAtOnce) {
  options_.workers = 4;
  options_.checkpoint_interval = std::chrono::milliseconds(0);  // one with every sync
  {
    auto log = open();
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < 4; ++worker) {
      workers.emplace_back([&, worker] {
        for (int i = 0; i < 250; ++i) {
          EXPECT_TRUE(
              write(*log, worker,
                    released("resource/w/" + std::to_string(worker) + "/" + std::to_string(i))));
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  EXPECT_THAT(verdict(), StartsWith("1000 records, 4 chains, "));
  EXPECT_THAT(verdict(), HasSubstr(", closed"));
}

TEST_F(AuditLogTest, BeginsANewRunInTheSameFileAtEveryStart) {
  for (int start = 0; start < 3; ++start) {
    auto log = open();
    ASSERT_TRUE(write(*log));
  }
  EXPECT_THAT(verdict(), StartsWith("3 records, 3 chains, 3 checkpoints, 3 runs: good"));
}

TEST_F(AuditLogTest, GoesOnInANewFileWhenTheOldOneWasMovedAway) {
  options_.workers = 2;
  {
    auto log = open();
    ASSERT_TRUE(write(*log, 0));
    ASSERT_TRUE(write(*log, 1));
    std::filesystem::rename(options_.path, dir_ + "/audit.1");
    ASSERT_TRUE(write(*log, 1)) << "until it is told, it writes to the old file";
    ASSERT_TRUE(log->reopen());
    ASSERT_TRUE(write(*log, 1));
    std::filesystem::rename(options_.path, dir_ + "/audit.2");
    ASSERT_TRUE(log->reopen());
    ASSERT_TRUE(write(*log, 0));
  }
  EXPECT_THAT(verdict(dir_ + "/audit.1"),
              StartsWith("3 records, 2 chains, 1 checkpoints, 1 runs: good"));
  EXPECT_THAT(verdict(dir_ + "/audit.2"),
              StartsWith("1 records, 2 chains, 1 checkpoints, 1 runs: good"));
  EXPECT_THAT(verdict(), StartsWith("1 records, 2 chains, 1 checkpoints, 1 runs: good"));
  const std::string whole = read(dir_ + "/audit.1") + read(dir_ + "/audit.2") + text();
  put(dir_ + "/whole", whole);
  EXPECT_THAT(verdict(dir_ + "/whole"),
              StartsWith("5 records, 2 chains, 3 checkpoints, 1 runs: good"));
  put(dir_ + "/gap", read(dir_ + "/audit.1") + text());
  EXPECT_THAT(verdict(dir_ + "/gap"), HasSubstr("does not continue"))
      << "a file in between is missing";
}

TEST_F(AuditLogTest, ReopeningTheSameFileChangesNothing) {
  auto log = open();
  ASSERT_TRUE(write(*log));
  const std::string before = text();
  ASSERT_TRUE(log->reopen());
  EXPECT_EQ(text(), before);
}

TEST_F(AuditLogTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  auto log = open();
  std::filesystem::rename(options_.path, dir_ + "/audit.1");
  std::filesystem::create_directory(options_.path);
  EXPECT_FALSE(log->reopen());
  ASSERT_TRUE(write(*log));
  log.reset();
  EXPECT_THAT(verdict(dir_ + "/audit.1"), StartsWith("1 records"));
}

TEST_F(AuditLogTest, SignsWhereTheChainsStandAboutOnceAMinute) {
  options_.checkpoint_interval = std::chrono::minutes(1);
  auto log = open();
  const auto checkpoints = [&] {
    std::size_t count = 0;
    for (const std::string& line : lines()) count += line.starts_with(R"({"type":"checkpoint")");
    return count;
  };
  ASSERT_TRUE(write(*log));
  ASSERT_TRUE(testing::soon([&] { return files_.syncs > 0; }));
  EXPECT_EQ(checkpoints(), 0u);
  clock_.advance(std::chrono::seconds(61));
  EXPECT_TRUE(testing::soon([&] { return checkpoints() == 1; }))
      << "although no record comes any more";
  clock_.advance(std::chrono::seconds(61));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(checkpoints(), 1u) << "there is nothing new to sign";
}

TEST_F(AuditLogTest, SyncsInTheBackgroundWhenBatched) {
  auto log = open();
  ASSERT_TRUE(write(*log));
  EXPECT_TRUE(testing::soon([&] { return files_.syncs > 0; }));
}

TEST_F(AuditLogTest, SharesOneSyncAmongManyThatWait) {
  options_.sync_every_write = true;
  files_.sync_takes_ms = 20;
  auto log = open();
  asio::io_context context(1);
  int recorded = 0;
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(context, log->record(0, released()),
                   [&](std::exception_ptr, Result<> result) { recorded += result.has_value(); });
  }
  context.run();
  EXPECT_EQ(recorded, 100);
  EXPECT_GE(files_.syncs, 1);
  EXPECT_LE(files_.syncs, 10);
}

TEST_F(AuditLogTest, IsOnTheDiskBeforeItAnswersWhenEveryWriteIsSynced) {
  options_.sync_every_write = true;
  auto log = open();
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(write(*log));
    EXPECT_GE(files_.syncs, i);
  }
}

TEST_F(AuditLogTest, WritesToStandardOutput) {
  options_.sink = Options::Sink::standard_output;
  ::testing::internal::CaptureStdout();
  {
    auto log = open();
    EXPECT_TRUE(write(*log));
    EXPECT_TRUE(log->reopen());
  }
  put(dir_ + "/captured", ::testing::internal::GetCapturedStdout());
  EXPECT_THAT(verdict(dir_ + "/captured"),
              StartsWith("1 records, 1 chains, 1 checkpoints, 1 runs: good"));
  EXPECT_NE(::fcntl(STDOUT_FILENO, F_GETFD), -1) << "it is not ours to close";
}

TEST_F(AuditLogTest, RecordsNothingWhenToldSo) {
  options_.sink = Options::Sink::none;
  auto log = open();
  EXPECT_TRUE(write(*log));
  EXPECT_TRUE(log->reopen());
  EXPECT_FALSE(std::filesystem::exists(options_.path));
}

TEST_F(AuditLogTest, KnowsItsWorkers) {
  auto log = open();
  EXPECT_FALSE(write(*log, 1));
}

TEST_F(AuditLogTest, RefusesWhatIsNoFileAndSaysWhatToDo) {
  std::filesystem::create_directory(dir_ + "/dir");
  ASSERT_EQ(::mkfifo((dir_ + "/fifo").c_str(), 0600), 0);
  put(dir_ + "/binary", std::string(3 << 20, 'x'));
  struct Case {
    std::string path;
    const char* says;
  };
  const Case cases[] = {
      {dir_ + "/dir", "it is a directory (name a file in it)"},
      {dir_ + "/fifo", "it is a FIFO"},
      {dir_ + "/absent/audit.log", "create its directory"},
      {dir_ + "/binary", "it is no audit file"},
      {"/dev/null", "it is no regular file"},
      {"", "no path is given"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    options_.path = c.path;
    const auto log = AuditLog::open(options_, clock_, files_, pool_);
    ASSERT_FALSE(log);
    EXPECT_THAT(log.error().message, HasSubstr(c.says));
    EXPECT_THAT(log.error().message, HasSubstr(c.path));
  }
}

}  // namespace
}  // namespace kbs::audit
