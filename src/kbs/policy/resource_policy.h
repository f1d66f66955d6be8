#pragma once
/// The one resource policy: kept in the key-value layer, compiled once per version, asked for every
/// attested request. Facts: spec/policy.md.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/clock.h"
#include "kbs/metrics/metrics.h"
#include "kbs/plugins/plugin.h"
#include "kbs/token/token.h"
#include "policy/rego.h"
#include "storage/key_value.h"

namespace kbs {

/// Thread-safe: all workers ask one instance.
class ResourcePolicy {
 public:
  /// `store` is namespace `kbs`. Writes the default policy where none is stored; `initial`
  /// (historic policy_path), when not empty, takes its place as that default. A stored policy that
  /// does not compile is reported, and every request is refused until it is replaced.
  static awaitable<Result<std::shared_ptr<ResourcePolicy>>> open(storage::KeyValuePtr store,
                                                                 std::string initial,
                                                                 const Clock& clock,
                                                                 metrics::Metrics& metrics);

  /// Success means yes. `denied` when the policy says no (in whatever way), `internal` when it
  /// cannot be evaluated, `unavailable` when over its time.
  awaitable<Result<>> allow(const token::VerifiedToken& token, std::string_view plugin,
                            const plugins::Call& call);

  /// Compiles, stores, then takes effect for the next request on any worker. `invalid_request` with
  /// the parser's message when it does not parse; the old one stays.
  awaitable<Result<>> set(std::string text);
  /// The active text.
  awaitable<Result<std::string>> text();
  /// Ids as the reference lists them: ["resource-policy"].
  awaitable<Result<std::vector<std::string>>> list();

  /// When the policy last changed through this server or was seen changed.
  SysTime last_change() const noexcept {
    return SysTime{std::chrono::microseconds{last_change_.load()}};
  }

 private:
  ResourcePolicy(storage::KeyValuePtr store, const Clock& clock, metrics::Metrics& metrics)
      : store_(std::move(store)), clock_(clock), metrics_(metrics) {}

  using Compiled = Result<std::shared_ptr<const policy::RegoPolicy>>;
  awaitable<Result<>> refresh(bool always);
  /// Puts it in force, unless another was put in force since `expected` was read.
  void replace(Compiled compiled, std::string text, std::optional<std::uint64_t> expected);
  Compiled current() const;

  storage::KeyValuePtr store_;
  const Clock& clock_;
  metrics::Metrics& metrics_;
  mutable std::mutex mutex_;
  Compiled compiled_ = fail(ErrorKind::internal, "no resource policy is loaded");
  std::string text_;
  std::uint64_t generation_ = 0;  ///< counts replacements
  std::atomic<std::int64_t> last_change_{0};
  std::atomic<std::int64_t> next_check_{
      0};  ///< steady microseconds: when to look at the store again
};

}  // namespace kbs
