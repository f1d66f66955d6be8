#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include <boost/json/object.hpp>

#include "base/json.h"

namespace kbs {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

/// Collects the lines of one test; puts the level back afterwards.
class Log : public ::testing::Test {
 protected:
  Log() { set_log_sink_for_testing(&lines_); }
  ~Log() override {
    set_log_sink_for_testing(nullptr);
    (void)configure_log("info");
  }
  std::string lines_;
};

TEST_F(Log, TakesItsLevelFromTheFilter) {
  struct Case {
    std::string_view filter;
    std::optional<LogLevel> lowest;
    const char* why;
  };
  const Case cases[] = {
      {"", LogLevel::info, "no filter is the default"},
      {"trace", LogLevel::trace, "a bare level"},
      {"WARN", LogLevel::warn, "in either case"},
      {" error ", LogLevel::error, "spaces around"},
      {"off", LogLevel::off, "nothing"},
      {"debug,hyper=warn", LogLevel::debug, "other targets do not count"},
      {"hyper=warn,debug", LogLevel::debug, "in any order"},
      {"hyper=warn", LogLevel::info, "only other targets"},
      {"warn,kbs=debug", LogLevel::debug, "our own target"},
      {"info/regex", LogLevel::info, "a message filter is passed over"},
      {"verbose", std::nullopt, "no level of ours"},
      {"hyper=loud", std::nullopt, "no level of ours for a target"},
      {"hyper", std::nullopt, "only a target"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ASSERT_TRUE(configure_log("info"));
    const Result<> got = configure_log(c.filter);
    EXPECT_EQ(got.has_value(), c.lowest.has_value());
    if (!c.lowest) continue;
    for (LogLevel level :
         {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
      EXPECT_EQ(log_enabled(level), level >= *c.lowest);
    }
    EXPECT_FALSE(log_enabled(LogLevel::off));
  }
  EXPECT_THAT(configure_log("verbose").error().message, HasSubstr("\"verbose\""));
}

TEST_F(Log, WritesJsonThatReadsBack) {
  ASSERT_TRUE(configure_log("info", LogFormat::json));
  log_line(LogLevel::warn, "storage", "disk \"a\"\n is full",
           {{"path", "x\x1b[2J\x7f\xc2\x9by"}, {"free", 17}, {"bad", "\xff"}});
  ASSERT_EQ(std::count(lines_.begin(), lines_.end(), '\n'), 1);
  for (std::string_view control : {"\x1b", "\x7f", "\xc2\x9b"})
    EXPECT_EQ(lines_.find(control), std::string::npos);
  const json::object line = parse_json_object(lines_).value();
  EXPECT_THAT(std::string(*string_member(line, "ts")),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"));
  EXPECT_EQ(string_member(line, "level"), "warn");
  EXPECT_EQ(string_member(line, "where"), "storage");
  EXPECT_EQ(string_member(line, "msg"), "disk \"a\"\n is full");
  EXPECT_EQ(string_member(line, "path"), "x\x1b[2J\x7f\xc2\x9by");
  EXPECT_EQ(string_member(line, "free"), "17");
  EXPECT_EQ(string_member(line, "bad"), "\xEF\xBF\xBD");
}

TEST_F(Log, WritesTextOnOneLineWithoutControlCharacters) {
  ASSERT_TRUE(configure_log("info", LogFormat::text));
  log_line(LogLevel::info, "rcar", "attested",
           {{"tee", "snp"}, {"peer", "a b\n2026 error forged"}, {"empty", ""}});
  EXPECT_THAT(lines_,
              HasSubstr(R"(info  rcar: attested tee=snp peer="a b\n2026 error forged" empty="")"));
  lines_.clear();
  log_line(LogLevel::error, "rcar", "two\nlines \x1b[1m");
  EXPECT_EQ(std::count(lines_.begin(), lines_.end(), '\n'), 1);
  EXPECT_THAT(lines_, HasSubstr(R"("two\nlines \u001b[1m")"));
}

TEST_F(Log, EvaluatesNothingThatIsNotEnabled) {
  ASSERT_TRUE(configure_log("warn"));
  int evaluated = 0;
  const auto message = [&] {
    ++evaluated;
    return std::string("costly");
  };
  KBS_LOG(debug, "test", message());
  EXPECT_EQ(evaluated, 0);
  KBS_LOG(error, "test", message());
  EXPECT_EQ(evaluated, 1);
  log_line(LogLevel::info, "test", "quiet");
  EXPECT_EQ(lines_.find("quiet"), std::string::npos);
}

TEST_F(Log, TellsOfAnErrorItsKindDetailAndPlace) {
  ASSERT_TRUE(configure_log("info", LogFormat::json));
  Result<> failed = fail(ErrorKind::unavailable, "cannot write", "ENOSPC");
  log_error(LogLevel::warn, "audit", "record lost", failed.error(), {{"worker", 3}});
  const json::object line = parse_json_object(lines_).value();
  EXPECT_EQ(string_member(line, "kind"), "unavailable");
  EXPECT_EQ(string_member(line, "error"), "cannot write");
  EXPECT_EQ(string_member(line, "detail"), "ENOSPC");
  EXPECT_EQ(string_member(line, "worker"), "3");
  EXPECT_THAT(std::string(*string_member(line, "at")), MatchesRegex(".*log_test.cc:[0-9]+"));
}

TEST_F(Log, NeverMixesLinesOfThreads) {
  ASSERT_TRUE(configure_log("info", LogFormat::json));
  ::testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) log_line(LogLevel::info, "test", std::string(300, 'x'));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = ::testing::internal::GetCapturedStderr();
  int lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_TRUE(parse_json_object(text.substr(at, end - at))) << text.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_EQ(lines, 400);
  EXPECT_EQ(lines_.size(), text.size());
}

}  // namespace
}  // namespace kbs
