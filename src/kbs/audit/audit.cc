#include "kbs/audit/audit.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "kbs/audit/group_sync.h"
#include "kbs/audit/trail.h"

namespace kbs::audit {
namespace {

constexpr auto kSyncDeadline = std::chrono::seconds{10};
constexpr auto kLogFailuresEvery = std::chrono::seconds{10};

/// For `sink = "none"`.
class NoLog final : public AuditLog {
 public:
  awaitable<Result<>> record(unsigned, Record) override { co_return Result<>(); }
  Result<> reopen() override { return {}; }
};

class TrailLog final : public AuditLog {
 public:
  TrailLog(std::unique_ptr<Trail> trail, Options options, const Clock& clock, FileOps& files,
           asio::thread_pool& blocking)
      : trail_(std::move(trail)),
        options_(std::move(options)),
        clock_(clock),
        files_(files),
        group_sync_(files, blocking),
        next_failure_log_(clock.steady_now()),
        housekeeper_([this, now = clock.steady_now()](const std::stop_token& stop) {
          keep_house(stop, now);
        }) {}

  ~TrailLog() override {
    housekeeper_.request_stop();
    housekeeper_.join();
    if (Result<> closed = trail_->checkpoint(clock_.now(), "closed"); !closed) {
      log_error(LogLevel::error, "audit", "the trail could not be closed", closed.error());
    }
    (void)sync_file();
  }

  awaitable<Result<>> record(unsigned worker, Record record) override {
    Result<> recorded = append(worker, record);
    if (recorded && options_.sync_every_write) {
      if (std::shared_ptr<Fd> file = trail_->file()) {
        recorded = co_await group_sync_.sync(std::move(file), clock_.steady_now() + kSyncDeadline);
      }
    }
    if (!recorded) co_return failed(std::move(recorded).error());
    co_return Result<>();
  }

  Result<> reopen() override {
    if (options_.sink != Options::Sink::file) return {};
    KBS_TRY(Output next, Output::open_file(files_, options_.path));
    return trail_->rotate(std::move(next), clock_.now());
  }

  std::uint64_t failures() const override { return failures_.load(std::memory_order_relaxed); }

 private:
  Result<> append(unsigned worker, const Record& record) {
    if (worker >= options_.workers)
      return fail(ErrorKind::internal, "the audit trail knows no such worker");
    // What was written last may be lost; until a sync succeeds again, nothing more can be promised.
    if (const int err = sync_error_.load(std::memory_order_relaxed);
        err != 0 && options_.deny_on_failure) {
      wake_housekeeper();
      return tl::unexpected(error_from_errno(err, "sync the audit trail"));
    }
    KBS_OK(trail_->append(worker, clock_.now(), record));
    wake_housekeeper();
    return {};
  }

  /// Counts and logs, and decides whether the decision may be answered all the same.
  Result<> failed(Error error) {
    const std::uint64_t failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    const SteadyTime now = clock_.steady_now();
    SteadyTime due = next_failure_log_.load();
    if (now >= due && next_failure_log_.compare_exchange_strong(due, now + kLogFailuresEvery)) {
      log_error(LogLevel::error, "audit",
                options_.deny_on_failure
                    ? "a decision could not be recorded and was denied"
                    : "a decision could not be recorded and was answered all the same",
                error, {{"failures", static_cast<std::int64_t>(failures)}});
    }
    if (!options_.deny_on_failure) {
      trail_->lose_one();
      return {};
    }
    return fail(ErrorKind::unavailable, "the decision could not be recorded; try again later",
                error.message + ": " + error.detail);
  }

  /// Cheap when it is awake already, as it is once a second at most that it sleeps.
  void wake_housekeeper() {
    if (work_.load()) return;
    {
      const std::lock_guard lock(mutex_);
      work_ = true;
    }
    wake_.notify_one();
  }

  /// Syncs about once a second and signs about once a minute while records come, and sleeps while
  /// none do. A thread of its own: on the pool a sync would wait behind slow storage.
  void keep_house(const std::stop_token& stop, SteadyTime signed_at) {
    bool unsigned_records = false;
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (!unsigned_records) wake_.wait(lock, stop, [this] { return work_.load(); });
      wake_.wait_for(lock, stop, options_.sync_interval, [] { return false; });
      if (stop.stop_requested()) return;  // the destructor signs and syncs
      const bool worked = work_.exchange(false);
      unsigned_records = unsigned_records || worked;
      lock.unlock();
      if (unsigned_records && clock_.steady_now() - signed_at >= options_.checkpoint_interval) {
        if (sign()) unsigned_records = false;
        signed_at = clock_.steady_now();
      }
      if (worked && !options_.sync_every_write && !sync_file())
        work_ = true;  // try again in a second
      lock.lock();
    }
  }

  bool sign() {
    const Result<> done = trail_->checkpoint(clock_.now(), "interval");
    if (!done)
      log_error(LogLevel::error, "audit", "a checkpoint could not be written", done.error());
    return done.has_value();
  }

  bool sync_file() {
    const std::shared_ptr<Fd> file = trail_->file();
    const SysResult<> synced = file ? files_.fdatasync(file->get()) : SysResult<>();
    const int before = sync_error_.exchange(synced ? 0 : synced.error());
    if (!synced && before == 0) {
      log_error(LogLevel::error, "audit", "the trail could not be synced",
                error_from_errno(synced.error(), "sync the audit trail"));
    }
    return synced.has_value();
  }

  const std::unique_ptr<Trail> trail_;
  const Options options_;
  const Clock& clock_;
  FileOps& files_;
  GroupSync group_sync_;
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<SteadyTime> next_failure_log_;
  std::atomic<int> sync_error_{0};
  std::atomic<bool> work_{false};  // set under the lock, so that no wake-up is lost
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread housekeeper_;  // last: it uses all of the above
};

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(Options options, const Clock& clock,
                                                 FileOps& files, asio::thread_pool& blocking) {
  if (options.sink == Options::Sink::none) return std::make_unique<NoLog>();
  Result<Output> output = options.sink == Options::Sink::file
                              ? Output::open_file(files, options.path)
                              : Result<Output>(Output::standard_output(files));
  KBS_OK(output);
  KBS_TRY(std::unique_ptr<Trail> trail,
          Trail::begin(std::move(*output), options.workers, clock.now()));
  // The key must be known from elsewhere than the file: who can rewrite the file could also sign it
  // anew.
  log_line(LogLevel::info, "audit", "the trail begins",
           {{"run", trail->run()}, {"key", trail->key_thumbprint()}, {"path", options.path}});
  return std::make_unique<TrailLog>(std::move(trail), std::move(options), clock, files, blocking);
}

}  // namespace kbs::audit
