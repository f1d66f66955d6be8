#include "kbs/metrics/metrics.h"

#include <array>
#include <mutex>

#include "base/clock.h"
#include "kbs/metrics/exposition.h"
#include "kbs/metrics/instruments.h"
#include "kbs/metrics/mount_counts.h"
#include "kbs/metrics/process.h"
#include "kbs/metrics/version.h"

namespace kbs::metrics {
namespace {

constexpr std::array<Histogram::Bound, 5> kBytes = {
    {{32, "32"}, {128, "128"}, {512, "512"}, {2048, "2048"}, {8192, "8192"}}};

struct Family {
  std::string_view name;
  std::string_view help;
};

/// In the order of `Metrics::Counter`.
constexpr std::array<Family, 11> kCounters = {{
    {"kbs_auth_requests_total", "Total count of auth requests"},
    {"kbs_auth_successes_total", "Total count of successfully authenticated requests"},
    {"kbs_auth_errors_total", "Total count of errors during auth processing"},
    {"kbs_attestation_requests_total", "Total count of attestation requests"},
    {"kbs_attestation_errors_total", "Total count of errors during attestation processing"},
    {"kbs_policy_evaluations_total", "Total count of KBS policy evaluations"},
    {"kbs_policy_approvals_total", "Total count of requests approved by KBS policy"},
    {"kbs_policy_violations_total", "Total count of requests denied by KBS policy"},
    {"kbs_policy_errors_total", "Total count of errors during KBS evaluation"},
    {"kbs_refused_strangers_total",
     "Total count of unauthenticated requests refused, which are not audited"},
    {"kbs_audit_failures_total", "Total count of audit records that could not be written"},
}};
static_assert(kCounters.size() == static_cast<std::size_t>(Metrics::Counter::audit_failures) + 1);

/// In the order of `Metrics::Operation`.
constexpr std::array<Family, 3> kOperations = {{
    {"kbs_resource_reads_total", "KBS resource read count"},
    {"kbs_resource_writes_total", "KBS resource write count"},
    {"kbs_resource_deletes_total", "KBS resource delete count"},
}};
constexpr std::array<std::string_view, 3> kOperationNames = {"read", "write", "delete"};

constexpr std::size_t kErrorKinds = static_cast<std::size_t>(ErrorKind::internal) + 1;
constexpr std::size_t kMaxPaths = 1000;
constexpr std::size_t kMaxTees = 32;
constexpr unsigned kMaxStatus = 599;

std::uint64_t read(const Count& count) { return count.load(std::memory_order_relaxed); }
void increment(Count& count) { count.fetch_add(1, std::memory_order_relaxed); }

class Impl final : public Metrics {
 public:
  void request_started(std::size_t body_bytes) override {
    increment(requests_);
    active_.fetch_add(1, std::memory_order_relaxed);
    request_size_.observe(body_bytes);
  }

  void request_finished(std::chrono::nanoseconds took, std::size_t response_bytes,
                        unsigned status) override {
    active_.fetch_sub(1, std::memory_order_relaxed);
    duration_.observe(took.count() < 0 ? 0 : static_cast<std::uint64_t>(took.count()));
    response_size_.observe(response_bytes);
    increment(statuses_[status > kMaxStatus ? 0 : status]);
  }

  void add(Counter counter) override { increment(counters_[static_cast<std::size_t>(counter)]); }
  void attestation_success(std::string_view tee) override { increment(tees_.at(tee)[0]); }
  void attestation_failure(std::string_view tee) override { increment(tees_.at(tee)[1]); }

  void resource(Operation operation, std::string_view path, bool exists) override {
    auto& counts = exists ? paths_.at(path) : paths_.other();
    increment(counts[static_cast<std::size_t>(operation)]);
  }
  void resource_error(Operation operation, ErrorKind kind) override {
    increment(errors_[static_cast<std::size_t>(operation)][static_cast<std::size_t>(kind)]);
  }

  void mount_called(std::string_view mount, std::string_view operation,
                    std::chrono::microseconds took, const ErrorKind* failure) override {
    mounts_.called(mount, operation, took, failure);
  }
  void take_audit_failures_from(std::function<std::uint64_t()> source) override {
    const std::lock_guard lock(audit_mutex_);
    audit_source_ = std::move(source);
  }

  std::string expose() const override {
    Exposition out;
    out.gauge("kbs_build_info", "KBS binary build info",
              {{"version", kVersion}, {"git_hash", kGitHash}, {"build_date", kBuildDate}}, 1);
    expose_http(out);
    for (std::size_t i = 0; i < kCounters.size(); ++i) {
      const bool audit = i == static_cast<std::size_t>(Counter::audit_failures);
      out.counter(kCounters[i].name, kCounters[i].help,
                  audit ? audit_failures() : read(counters_[i]));
    }
    expose_attestations(out);
    expose_resources(out);
    mounts_.expose(out);
    expose_process(out, started_);
    return out.text();
  }

 private:
  std::uint64_t audit_failures() const {
    const std::lock_guard lock(audit_mutex_);
    if (audit_source_) return audit_source_();
    return read(counters_[static_cast<std::size_t>(Counter::audit_failures)]);
  }

  void expose_http(Exposition& out) const {
    out.counter("kbs_http_requests_total", "Total HTTP requests count", read(requests_));
    out.gauge("kbs_http_active_connections",
              "Count of HTTP connections being processed at the moment",
              static_cast<double>(active_.load(std::memory_order_relaxed)));
    out.histogram("kbs_http_request_duration_seconds", "Distribution of request handling duration",
                  duration_);
    out.histogram("kbs_http_request_size_bytes", "Distribution of request body sizes",
                  request_size_);
    out.histogram("kbs_http_response_size_bytes", "Distribution of response body sizes",
                  response_size_);
    for (std::size_t status = 0; status < statuses_.size(); ++status) {
      if (const std::uint64_t count = read(statuses_[status]); count != 0) {
        out.series("kbs_http_responses_total", "Total HTTP responses count by status code",
                   {{"code", std::to_string(status)}}, count);
      }
    }
  }

  void expose_attestations(Exposition& out) const {
    constexpr std::array<Family, 2> outcomes = {
        {{"kbs_attestation_successes_total", "Total count of attestation successes"},
         {"kbs_attestation_failures_total", "Total count of attestation failures"}}};
    for (const auto& [tee, counts] : tees_.list()) {
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const std::uint64_t count = read((*counts)[i]);
        if (count != 0) out.series(outcomes[i].name, outcomes[i].help, {{"tee_type", tee}}, count);
      }
    }
  }

  void expose_resources(Exposition& out) const {
    for (const auto& [path, counts] : paths_.list()) {
      for (std::size_t i = 0; i < kOperations.size(); ++i) {
        const std::uint64_t count = read((*counts)[i]);
        if (count != 0)
          out.series(kOperations[i].name, kOperations[i].help, {{"resource_path", path}}, count);
      }
    }
    for (std::size_t i = 0; i < kOperations.size(); ++i) {
      for (std::size_t kind = 0; kind < kErrorKinds; ++kind) {
        const std::uint64_t count = read(errors_[i][kind]);
        if (count == 0) continue;
        out.series(
            "kbs_resource_errors_total", "KBS resource operations that failed",
            {{"operation", kOperationNames[i]}, {"kind", to_string(static_cast<ErrorKind>(kind))}},
            count);
      }
    }
  }

  const SysTime started_ = system_clock().now();
  Count requests_{0};
  std::atomic<std::int64_t> active_{0};
  Histogram duration_{kNanoseconds, 1e9};
  Histogram request_size_{kBytes, 1};
  Histogram response_size_{kBytes, 1};
  std::array<Count, kMaxStatus + 1> statuses_{};
  std::array<Count, kCounters.size()> counters_{};
  Labelled<2> tees_{kMaxTees};
  Labelled<3> paths_{kMaxPaths};
  std::array<std::array<Count, kErrorKinds>, kOperations.size()> errors_{};
  MountCounts mounts_;
  mutable std::mutex audit_mutex_;
  std::function<std::uint64_t()> audit_source_;
};

}  // namespace

std::unique_ptr<Metrics> Metrics::make() { return std::make_unique<Impl>(); }

}  // namespace kbs::metrics
