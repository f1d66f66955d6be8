#pragma once
/// Prometheus metrics: the reference's names, labels and buckets, its mistakes put right
/// (spec/metrics.md).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs::metrics {

/// Counters of the whole server. Thread-safe; no call takes a lock that a scrape holds for long.
class Metrics {
 public:
  virtual ~Metrics() = default;
  static std::unique_ptr<Metrics> make();

  /// A request under /kbs came in, and was answered (spec §3). The gauge of active requests
  /// follows: each start has its finish, also when the handler fails.
  virtual void request_started(std::size_t body_bytes) = 0;
  virtual void request_finished(std::chrono::nanoseconds took, std::size_t response_bytes,
                                unsigned status) = 0;

  enum class Counter {
    auth_requests,
    auth_successes,
    auth_errors,
    attestation_requests,
    attestation_errors,
    policy_evaluations,
    policy_approvals,
    policy_violations,
    policy_errors,
    refused_strangers,  ///< ours: unauthenticated refusals, which the audit trail does not record
    audit_failures,     ///< ours
  };
  virtual void add(Counter counter) = 0;
  virtual void attestation_success(std::string_view tee) = 0;
  virtual void attestation_failure(std::string_view tee) = 0;

  enum class Operation { read, write, remove };
  /// An operation that was tried: labelled by path for resources known to exist, at most 1,000
  /// label values in all,
  /// `_other` for what is beyond and for what does not exist (a stranger's guesses make no series).
  virtual void resource(Operation operation, std::string_view path, bool exists) = 0;
  /// The same operation failed: `kbs_resource_errors_total`, so that a broken backend does not look
  /// busy.
  virtual void resource_error(Operation operation, ErrorKind kind) = 0;

  /// A call reached the backend of a mount: `operation` as `storage::MountObserver` names it;
  /// `failure` null = it went well.
  virtual void mount_called(std::string_view mount, std::string_view operation,
                            std::chrono::microseconds took, const ErrorKind* failure) = 0;

  /// From now on `kbs_audit_failures_total` is what `source` counts (the audit log, which knows
  /// also of what was released unrecorded) instead of `Counter::audit_failures`; an empty one ends
  /// that, and after it returns the former is called no more.
  virtual void take_audit_failures_from(std::function<std::uint64_t()> source) = 0;

  /// Text exposition 0.0.4, families sorted by name.
  virtual std::string expose() const = 0;
};

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace kbs::metrics
