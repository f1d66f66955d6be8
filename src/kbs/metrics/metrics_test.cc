#include "kbs/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "kbs/metrics/version.h"

namespace kbs::metrics {
namespace {

using namespace std::chrono_literals;

/// A reader of its own for the text format: every line is checked, every sample kept.
struct Parsed {
  std::map<std::string, double> samples;  ///< "name{labels}"
  std::map<std::string, std::string> types;
  std::vector<std::string> families;  ///< in the order of the text
};

Parsed parse(const std::string& text) {
  static const std::regex help("# HELP ([a-z_]+) (.+)");
  static const std::regex type("# TYPE ([a-z_]+) (counter|gauge|histogram)");
  static const std::regex sample(
      R"(([a-z_]+)(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? (-?[0-9.e+-]+))");
  Parsed parsed;
  std::istringstream lines(text);
  std::string family;
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, help)) {
      family = match[1];
      parsed.families.push_back(family);
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], family);
      parsed.types[family] = match[2];
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(match[1].str().starts_with(family)) << line;
      const std::string key = match[1].str() + match[2].str();
      EXPECT_TRUE(parsed.samples.emplace(key, std::stod(match[6])).second) << "twice: " << key;
    } else {
      ADD_FAILURE() << "not in the format: " << line;
    }
  }
  EXPECT_TRUE(text.ends_with('\n'));
  return parsed;
}

TEST(Metrics, HasTheReferencesFamiliesFromTheStart) {
  struct Case {
    const char* name;
    const char* type;
  };
  const Case cases[] = {
      {"kbs_build_info", "gauge"},
      {"kbs_http_requests_total", "counter"},
      {"kbs_http_request_duration_seconds", "histogram"},
      {"kbs_http_request_size_bytes", "histogram"},
      {"kbs_http_response_size_bytes", "histogram"},
      {"kbs_http_active_connections", "gauge"},
      {"kbs_policy_evaluations_total", "counter"},
      {"kbs_policy_approvals_total", "counter"},
      {"kbs_policy_violations_total", "counter"},
      {"kbs_policy_errors_total", "counter"},
      {"kbs_attestation_requests_total", "counter"},
      {"kbs_attestation_errors_total", "counter"},
      {"kbs_auth_requests_total", "counter"},
      {"kbs_auth_successes_total", "counter"},
      {"kbs_auth_errors_total", "counter"},
      {"process_start_time_seconds", "gauge"},
      {"process_resident_memory_bytes", "gauge"},
  };
  const Parsed parsed = parse(Metrics::make()->expose());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_TRUE(parsed.types.contains(c.name));
    EXPECT_EQ(parsed.types.at(c.name), c.type);
  }
  for (const char* labelled :
       {"kbs_resource_reads_total", "kbs_resource_writes_total", "kbs_resource_deletes_total",
        "kbs_attestation_successes_total", "kbs_attestation_failures_total"}) {
    EXPECT_FALSE(parsed.types.contains(labelled)) << labelled << " appears with its first series";
  }
  EXPECT_TRUE(std::is_sorted(parsed.families.begin(), parsed.families.end()));
}

TEST(Metrics, NamesTheBuild) {
  const Parsed parsed = parse(Metrics::make()->expose());
  const std::string series = "kbs_build_info{version=\"" + std::string(kVersion) +
                             "\",git_hash=\"" + std::string(kGitHash) + "\",build_date=\"" +
                             std::string(kBuildDate) + "\"}";
  ASSERT_TRUE(parsed.samples.contains(series)) << series;
  EXPECT_EQ(parsed.samples.at(series), 1);
  EXPECT_FALSE(kVersion.empty());
  EXPECT_FALSE(kGitHash.empty());
}

TEST(Metrics, FollowsARequest) {
  const auto metrics = Metrics::make();
  metrics->request_started(100);
  EXPECT_EQ(parse(metrics->expose()).samples.at("kbs_http_active_connections"), 1);
  metrics->request_finished(700us, 3000, 401);
  const Parsed parsed = parse(metrics->expose());
  const std::map<std::string, double> want = {
      {"kbs_http_requests_total", 1},
      {"kbs_http_active_connections", 0},
      {"kbs_http_request_duration_seconds_bucket{le=\"0.0005\"}", 0},
      {"kbs_http_request_duration_seconds_bucket{le=\"0.001\"}", 1},
      {"kbs_http_request_duration_seconds_bucket{le=\"1\"}", 1},
      {"kbs_http_request_duration_seconds_bucket{le=\"+Inf\"}", 1},
      {"kbs_http_request_duration_seconds_sum", 0.0007},
      {"kbs_http_request_duration_seconds_count", 1},
      {"kbs_http_request_size_bytes_bucket{le=\"32\"}", 0},
      {"kbs_http_request_size_bytes_bucket{le=\"128\"}", 1},
      {"kbs_http_request_size_bytes_sum", 100},
      {"kbs_http_request_size_bytes_count", 1},
      {"kbs_http_response_size_bytes_bucket{le=\"2048\"}", 0},
      {"kbs_http_response_size_bytes_bucket{le=\"8192\"}", 1},
      {"kbs_http_response_size_bytes_sum", 3000},
      {"kbs_http_response_size_bytes_count", 1},
      {"kbs_http_responses_total{code=\"401\"}", 1},
  };
  for (const auto& [name, value] : want) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(parsed.samples.contains(name));
    EXPECT_DOUBLE_EQ(parsed.samples.at(name), value);
  }
}

TEST(Metrics, CountsEachThingOnItsOwn) {
  using Counter = Metrics::Counter;
  struct Case {
    Counter counter;
    const char* name;
  };
  const Case cases[] = {
      {Counter::auth_requests, "kbs_auth_requests_total"},
      {Counter::auth_successes, "kbs_auth_successes_total"},
      {Counter::auth_errors, "kbs_auth_errors_total"},
      {Counter::attestation_requests, "kbs_attestation_requests_total"},
      {Counter::attestation_errors, "kbs_attestation_errors_total"},
      {Counter::policy_evaluations, "kbs_policy_evaluations_total"},
      {Counter::policy_approvals, "kbs_policy_approvals_total"},
      {Counter::policy_violations, "kbs_policy_violations_total"},
      {Counter::policy_errors, "kbs_policy_errors_total"},
      {Counter::refused_strangers, "kbs_refused_strangers_total"},
      {Counter::audit_failures, "kbs_audit_failures_total"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto metrics = Metrics::make();
    metrics->add(c.counter);
    const Parsed parsed = parse(metrics->expose());
    for (const Case& other : cases)
      EXPECT_EQ(parsed.samples.at(other.name), other.name == c.name ? 1 : 0);
  }
}

TEST(Metrics, LabelsAttestationsByTee) {
  const auto metrics = Metrics::make();
  metrics->attestation_success("snp");
  metrics->attestation_success("snp");
  metrics->attestation_failure("az-tdx-vtpm");
  const Parsed parsed = parse(metrics->expose());
  EXPECT_EQ(parsed.samples.at("kbs_attestation_successes_total{tee_type=\"snp\"}"), 2);
  EXPECT_EQ(parsed.samples.at("kbs_attestation_failures_total{tee_type=\"az-tdx-vtpm\"}"), 1);
  EXPECT_FALSE(parsed.samples.contains("kbs_attestation_failures_total{tee_type=\"snp\"}"));
}

TEST(Metrics, LabelsResourcesThatExist) {
  const auto metrics = Metrics::make();
  metrics->resource(Metrics::Operation::read, "default/key/1", true);
  metrics->resource(Metrics::Operation::read, "default/key/1", true);
  metrics->resource(Metrics::Operation::write, "default/key/1", true);
  metrics->resource(Metrics::Operation::remove, "odd\"\\\n", true);
  metrics->resource(Metrics::Operation::read, "guessed/by/a-stranger", false);
  metrics->resource_error(Metrics::Operation::read, ErrorKind::not_found);
  metrics->resource_error(Metrics::Operation::remove, ErrorKind::unavailable);
  const std::string text = metrics->expose();
  const Parsed parsed = parse(text);
  EXPECT_EQ(parsed.samples.at("kbs_resource_reads_total{resource_path=\"default/key/1\"}"), 2);
  EXPECT_EQ(parsed.samples.at("kbs_resource_writes_total{resource_path=\"default/key/1\"}"), 1);
  EXPECT_EQ(parsed.samples.at("kbs_resource_deletes_total{resource_path=\"odd\\\"\\\\\\n\"}"), 1);
  EXPECT_EQ(parsed.samples.at("kbs_resource_reads_total{resource_path=\"_other\"}"), 1);
  EXPECT_EQ(parsed.samples.at("kbs_resource_errors_total{operation=\"read\",kind=\"not_found\"}"),
            1);
  EXPECT_EQ(
      parsed.samples.at("kbs_resource_errors_total{operation=\"delete\",kind=\"unavailable\"}"), 1);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("stranger\"")));
}

TEST(Metrics, HasNoMoreThanAThousandPaths) {
  const auto metrics = Metrics::make();
  for (int i = 0; i < 5000; ++i)
    metrics->resource(Metrics::Operation::read, "r/t/" + std::to_string(i), true);
  const Parsed parsed = parse(metrics->expose());
  const auto series = std::count_if(
      parsed.samples.begin(), parsed.samples.end(),
      [](const auto& sample) { return sample.first.starts_with("kbs_resource_reads_total{"); });
  EXPECT_EQ(series, 1001);
  EXPECT_EQ(parsed.samples.at("kbs_resource_reads_total{resource_path=\"_other\"}"), 4000);
}

TEST(Metrics, LosesNothingBetweenThreads) {
  const auto metrics = Metrics::make();
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&metrics, t] {
      for (int i = 0; i < kRounds; ++i) {
        metrics->request_started(1);
        metrics->resource(Metrics::Operation::read, "r/t/" + std::to_string((i + t) % 2000), true);
        metrics->request_finished(1us, 1, 200);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const Parsed during = parse(metrics->expose());
    EXPECT_EQ(during.samples.at("kbs_http_request_size_bytes_bucket{le=\"+Inf\"}"),
              during.samples.at("kbs_http_request_size_bytes_count"));
  }
  for (std::thread& thread : threads) thread.join();
  const Parsed parsed = parse(metrics->expose());
  double reads = 0;
  for (const auto& [name, value] : parsed.samples) {
    if (name.starts_with("kbs_resource_reads_total{")) reads += value;
  }
  EXPECT_EQ(reads, kThreads * kRounds);
  EXPECT_EQ(parsed.samples.at("kbs_http_requests_total"), kThreads * kRounds);
  EXPECT_EQ(parsed.samples.at("kbs_http_responses_total{code=\"200\"}"), kThreads * kRounds);
  EXPECT_EQ(parsed.samples.at("kbs_http_active_connections"), 0);
}

TEST(Metrics, TellsMountsApart) {
  const auto metrics = Metrics::make();
  const ErrorKind down = ErrorKind::unavailable, absent = ErrorKind::not_found;
  metrics->mount_called("vault", "read", 400us, nullptr);
  metrics->mount_called("vault", "read", 20ms, &down);
  metrics->mount_called("vault", "read", -1us, &absent);
  metrics->mount_called("default", "write", 2s, nullptr);
  metrics->mount_called("default", "invented", 1us, nullptr);
  const Parsed parsed = parse(metrics->expose());
  const std::string reads = R"({mount="vault",operation="read"})";
  const std::string writes = R"({mount="default",operation="write"})";
  const std::string took = "kbs_mount_operation_duration_seconds";
  struct Case {
    std::string sample;
    double value;
    const char* why;
  };
  const Case cases[] = {
      {"kbs_mount_operations_total" + reads, 3, "failures are calls too"},
      {"kbs_mount_operations_total" + writes, 1, "each mount has its own"},
      {R"(kbs_mount_operations_total{mount="default",operation="other"})", 1, "nothing is lost"},
      {R"(kbs_mount_errors_total{mount="vault",operation="read",kind="unavailable"})", 1, "kind"},
      {R"(kbs_mount_errors_total{mount="vault",operation="read",kind="not_found"})", 1, "kind"},
      {took + R"(_bucket{mount="vault",operation="read",le="0.0005"})", 2, "a clock may step back"},
      {took + R"(_bucket{mount="vault",operation="read",le="0.05"})", 3, "cumulative"},
      {took + R"(_bucket{mount="default",operation="write",le="1"})", 0, "beyond all bounds"},
      {took + R"(_bucket{mount="default",operation="write",le="+Inf"})", 1, "beyond all bounds"},
      {took + "_count" + reads, 3, "all of them"},
      {took + "_sum" + writes, 2, "in seconds"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.sample + ": " + c.why);
    ASSERT_TRUE(parsed.samples.contains(c.sample));
    EXPECT_EQ(parsed.samples.at(c.sample), c.value);
  }
  EXPECT_FALSE(
      parsed.samples.contains(R"(kbs_mount_operations_total{mount="vault",operation="write"})"))
      << "what never happened has no series";
}

TEST(Metrics, LosesNoCallOfAMountBetweenThreads) {
  const auto metrics = Metrics::make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics, t] {
      const std::string mount = "m" + std::to_string(t % 2);
      for (int i = 0; i < 5000; ++i) metrics->mount_called(mount, "read", 1us, nullptr);
    });
  }
  (void)parse(metrics->expose());
  for (std::thread& thread : threads) thread.join();
  const Parsed parsed = parse(metrics->expose());
  EXPECT_EQ(parsed.samples.at(R"(kbs_mount_operations_total{mount="m0",operation="read"})"), 10000);
  EXPECT_EQ(parsed.samples.at(R"(kbs_mount_operations_total{mount="m1",operation="read"})"), 10000);
}

TEST(Metrics, AsksTheAuditLogForItsFailures) {
  const auto metrics = Metrics::make();
  const auto shown = [&metrics] {
    return parse(metrics->expose()).samples.at("kbs_audit_failures_total");
  };
  metrics->add(Metrics::Counter::audit_failures);
  EXPECT_EQ(shown(), 1);
  std::uint64_t failures = 7;
  metrics->take_audit_failures_from([&failures] { return failures; });
  EXPECT_EQ(shown(), 7) << "the log counts the refused ones as well: adding both would count twice";
  failures = 8;
  EXPECT_EQ(shown(), 8) << "asked at every scrape";
  metrics->take_audit_failures_from({});
  EXPECT_EQ(shown(), 1);
}

TEST(Metrics, KnowsItsProcess) {
  const Parsed parsed = parse(Metrics::make()->expose());
  EXPECT_GT(parsed.samples.at("process_resident_memory_bytes"), 100000);
  EXPECT_GT(parsed.samples.at("process_open_fds"), 2);
  EXPECT_GT(parsed.samples.at("process_start_time_seconds"), 1.7e9);
}

}  // namespace
}  // namespace kbs::metrics
