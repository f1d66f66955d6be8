#include "storage/transfer/archive_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/testing/manual_clock.h"
#include "crypto/testing/test_ca.h"
#include "storage/testing/faulty_backend.h"
#include "storage/testing/faulty_files.h"
#include "storage/transfer/stores_for_test.h"

namespace kbs::storage::transfer {
namespace {

using kbs::testing::ManualClock;
using storage::testing::FaultyBackend;
using storage::testing::FaultyFiles;
using storage::testing::Op;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kFewIterations = 1000;

class ArchiveFileTest : public ::testing::Test {
 protected:
  static crypto::CmsRecipients to_password(std::string_view password = "p") {
    crypto::CmsRecipients recipients;
    recipients.password = Secret::from_text(password);
    recipients.iterations = kFewIterations;
    return recipients;
  }
  static crypto::CmsKey by_password(std::string_view password = "p") {
    crypto::CmsKey key;
    key.password = Secret::from_text(password);
    return key;
  }
  Result<Report> write(const TestSide& from, ExportOptions options = {},
                       FileOps& files = system_files()) {
    return run(
        export_archive(from.side(), file_, to_password(), std::move(options), files, clock_));
  }
  Result<Report> read(const TestSide& to, Options options = {}, FileOps& files = system_files()) {
    return run(import_archive(to.side(), file_, by_password(), std::move(options), files, clock_));
  }
  static ExportOptions whole() {
    ExportOptions options;
    options.history = true;
    return options;
  }
  static Options with_history() {
    Options options;
    options.history = true;
    return options;
  }
  /// A store with a bit of everything.
  TestSide filled() const {
    TestSide side = memory_side(10, clock_);
    side.put("r/t/1", "old");
    WriteOptions typed;
    typed.content_type = "text/plain";
    typed.not_after = clock_.now() + std::chrono::hours(1);
    side.put("r/t/1", "new", typed);
    side.put("r/t/empty", "");
    side.put("s/t/large", std::string(300'000, 'x'));
    return side;
  }
  void damage(std::size_t at) {
    std::string text = dir_.get("archive");
    text[at] = static_cast<char>(text[at] ^ 1);
    dir_.put("archive", text);
  }

  ManualClock clock_;
  TempDir dir_;
  const std::string file_ = dir_.at("archive");
};

TEST_F(ArchiveFileTest, GivesBackWhatWasExported) {
  const TestSide from = filled();
  const auto report = write(from, whole());
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->seen, 3u);
  EXPECT_EQ(report->versions, 4u);
  struct ::stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_EQ(dir_.get("archive").find("text/plain"), std::string::npos) << "nothing is in clear";

  const TestSide to = memory_side(10, clock_);
  const auto imported = read(to, with_history());
  ASSERT_TRUE(imported) << describe(imported.error());
  EXPECT_TRUE(imported->good());
  EXPECT_EQ(imported->copied, 3u);
  EXPECT_EQ(to.all(), from.all());
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("old", "new"));
  const auto resource = run(to.backend->read(id("r/t/1"), {}));
  EXPECT_EQ(resource->metadata.content_type, "text/plain");
  EXPECT_EQ(resource->metadata.not_after, clock_.now() + std::chrono::hours(1));
  const auto again = read(to, with_history());
  EXPECT_EQ(again->equal, 3u);
  EXPECT_EQ(again->versions, 0u);
}

TEST_F(ArchiveFileTest, WithoutHistoryOnlyWhatIsCurrentComesOut) {
  const TestSide from = filled();
  ASSERT_TRUE(write(from, whole()));
  const TestSide to = memory_side(10, clock_);
  ASSERT_TRUE(read(to));
  EXPECT_EQ(to.all(), from.all());
  EXPECT_THAT(to.history("r/t/1"), ElementsAre("new"));
}

TEST_F(ArchiveFileTest, APrefixChoosesOnBothWays) {
  const TestSide from = filled();
  ExportOptions options;
  options.prefix = "r/";
  ASSERT_TRUE(write(from, options));
  const TestSide to = memory_side(10, clock_);
  Options narrower;
  narrower.prefix = "r/t/e";
  const auto report = read(to, narrower);
  EXPECT_EQ(report->seen, 1u);
  EXPECT_THAT(to.all(), ElementsAre(std::pair("r/t/empty", "")));
}

TEST_F(ArchiveFileTest, ADryRunTellsAndWritesNothing) {
  ASSERT_TRUE(write(filled(), whole()));
  const TestSide to = memory_side(10, clock_);
  to.put("r/t/empty", "not");
  Options options = with_history();
  options.dry_run = true;
  const auto report = read(to, options);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->copied, 2u);
  EXPECT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(to.all().size(), 1u);
}

TEST_F(ArchiveFileTest, WhatHasExpiredMeanwhileStaysOut) {
  ASSERT_TRUE(write(filled(), whole()));
  clock_.advance(std::chrono::hours(2));
  const TestSide to = memory_side(10, clock_);
  const auto report = read(to, with_history());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->copied, 2u);
  ASSERT_EQ(report->notes.size(), 1u);
  EXPECT_THAT(report->notes[0].text, HasSubstr("expired"));
  EXPECT_EQ(to.all().size(), 2u);
}

TEST_F(ArchiveFileTest, NothingIsWrittenFromADamagedArchive) {
  ASSERT_TRUE(write(filled(), whole()));
  const std::string good = dir_.get("archive");
  const auto refused = [&](std::size_t where) {
    auto target = std::make_shared<FaultyBackend>(memory_side(10, clock_).backend);
    const auto report = read({target, "target"}, with_history());
    EXPECT_FALSE(report) << where;
    EXPECT_EQ(target->calls(), 0u) << where;
  };
  // Somewhere in the content, whose authenticity is known at the very end.
  for (std::size_t at : {std::size_t{300}, std::size_t{400}, good.size() / 2, good.size() - 10}) {
    dir_.put("archive", good);
    damage(at);
    refused(at);
  }
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, good.size() / 2, good.size() - 1}) {
    dir_.put("archive", good.substr(0, size));
    refused(size);
  }
  dir_.put("archive", good + "x");
  refused(good.size());
}

TEST_F(ArchiveFileTest, TheWrongPasswordOrKeyIsToldAsSuch) {
  const auto recipient = crypto::testing::issue({.key_type = crypto::KeyType::rsa});
  const auto other = crypto::testing::issue({.key_type = crypto::KeyType::rsa});
  crypto::CmsRecipients recipients;
  recipients.certificates = {recipient.pem};
  const TestSide from = filled();
  const ManualClock day(crypto::testing::kTestDay);
  ASSERT_TRUE(
      run(export_archive(from.side(), file_, std::move(recipients), {}, system_files(), day)));
  crypto::CmsKey wrong;
  wrong.key = other.key;
  const TestSide to = memory_side(10, clock_);
  auto report = run(import_archive(to.side(), file_, std::move(wrong), {}, system_files(), clock_));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::denied);
  report = run(import_archive(to.side(), file_, by_password("p"), {}, system_files(), clock_));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::denied);
  EXPECT_TRUE(to.all().empty());
  crypto::CmsKey right;
  right.key = recipient.key;
  report = run(import_archive(to.side(), file_, std::move(right), {}, system_files(), clock_));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(to.all(), from.all());
}

TEST_F(ArchiveFileTest, AnArchiveSwappedBetweenTheTwoReadingsIsNoticed) {
  TestSide first = memory_side(10, clock_);
  TestSide second = memory_side(10, clock_);
  for (int i = 0; i < 3; ++i) {
    first.put("r/t/" + std::to_string(i), "good");
    second.put("r/t/" + std::to_string(i), i == 2 ? "evil" : "good");
  }
  ASSERT_TRUE(write(second));
  const std::string evil = dir_.get("archive");
  ASSERT_EQ(std::remove(file_.c_str()), 0);
  ASSERT_TRUE(write(first));
  ASSERT_EQ(dir_.get("archive").size(), evil.size());
  // In place, once the end was read for the second time: the first reading looks at the shape, then
  // at the content.
  FaultyFiles files;
  std::size_t beginnings = 0;
  const TestSide to = memory_side(10, clock_);
  files.before("pread", [&] { ++beginnings; });
  ASSERT_TRUE(read(to, {}, files));
  const std::size_t half = beginnings / 2;
  const TestSide target = memory_side(10, clock_);
  beginnings = 0;
  files.before("pread", [&] {
    if (++beginnings == half + 1) dir_.put("archive", evil);
  });
  const auto report = read(target, {}, files);
  ASSERT_FALSE(report);
  for (const auto& [path, value] : target.all()) EXPECT_EQ(value, "good") << path;
}

TEST_F(ArchiveFileTest, AnExportThatFailsAnywhereLeavesNothingBehind) {
  const TestSide from = filled();
  FaultyFiles files;
  for (int nth = 1;; ++nth) {
    files.fail_nth(nth, ENOSPC);
    const auto report = write(from, whole(), files);
    if (!files.failed()) {
      ASSERT_TRUE(report);
      break;
    }
    // By a failed fsync of the directory, at most.
    const bool there = std::filesystem::remove(file_);
    if (report) continue;  // what failed was a look, or the cleaning up
    EXPECT_EQ(report.error().kind, ErrorKind::unavailable) << nth;
    EXPECT_FALSE(dir_.has_leftovers()) << nth;
    if (there) EXPECT_THAT(files.record().back(), HasSubstr("fsync")) << nth;
  }
}

TEST_F(ArchiveFileTest, AnArchiveIsReplacedOnlyWhenAsked) {
  const TestSide from = filled();
  dir_.put("archive", "precious");
  auto report = write(from);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::conflict);
  EXPECT_THAT(report.error().message, HasSubstr("--replace"));
  EXPECT_EQ(dir_.get("archive"), "precious");
  ExportOptions options;
  options.replace = true;
  ASSERT_TRUE(write(from, options));
  EXPECT_NE(dir_.get("archive"), "precious");
}

TEST_F(ArchiveFileTest, AnArchiveThatLacksSomethingIsNotKeptUnasked) {
  auto faulty = std::make_shared<FaultyBackend>(filled().backend);
  const TestSide from{faulty, "faulty"};
  faulty->fail_next(1, ErrorKind::unavailable, Op::read);
  auto report = write(from);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->problems.size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_FALSE(dir_.has_leftovers());
  faulty->fail_next(1, ErrorKind::unavailable, Op::read);
  ExportOptions options;
  options.keep_going = true;
  report = write(from, options);
  EXPECT_FALSE(report->good());
  const TestSide to = memory_side(10, clock_);
  EXPECT_EQ(read(to)->copied, 2u);
}

TEST_F(ArchiveFileTest, AnImportBrokenOffIsFinishedByRunningItAgain) {
  const TestSide from = filled();
  ASSERT_TRUE(write(from, whole()));
  for (std::size_t broken = 0; broken < 4; ++broken) {
    auto faulty = std::make_shared<FaultyBackend>(memory_side(10, clock_).backend);
    const TestSide to{faulty, "faulty"};
    Options options = with_history();
    options.in_flight = 1;
    options.max_problems = 1;
    std::size_t done = 0;
    options.progress = [&](const std::string&, std::string_view) {
      if (++done == broken) faulty->fail_next(SIZE_MAX, ErrorKind::unavailable);
    };
    if (broken == 0) faulty->fail_next(SIZE_MAX, ErrorKind::unavailable);
    (void)read(to, options);
    faulty->heal();
    const auto report = read(to, with_history());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->good());
    EXPECT_EQ(to.all(), from.all());
    EXPECT_EQ(to.history("r/t/1"), from.history("r/t/1"));
  }
}

TEST_F(ArchiveFileTest, OpensslItselfReadsTheArchive) {
  ASSERT_TRUE(write(filled()));
  const std::string command = "openssl cms -decrypt -inform DER -in " + file_ + " -out " +
                              dir_.at("plain") + " -pwri_password p 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string plain = dir_.get("plain");
  ArchiveReader reader(
      [&plain, at = std::size_t{0}](std::span<std::byte> into) mutable -> Result<std::size_t> {
        const std::size_t size = std::min(into.size(), plain.size() - at);
        std::ranges::copy(as_bytes(plain).subspan(at, size), into.begin());
        at += size;
        return size;
      });
  ASSERT_TRUE(reader.begin());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader.next().value());
    ASSERT_TRUE(reader.value());
  }
  EXPECT_FALSE(reader.next().value());
}

}  // namespace
}  // namespace kbs::storage::transfer
