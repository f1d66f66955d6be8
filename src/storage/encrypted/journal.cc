#include "storage/encrypted/journal.h"

#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "storage/encrypted/journal_names.h"

namespace kbs::storage::encrypted {
namespace {

constexpr int kAttempts = 64;

}  // namespace

/// Lines of one caller, waiting to be written.
struct Journal::Ticket {
  Ticket(std::vector<Op> lines, const asio::any_io_executor& where)
      : ops(std::move(lines)), executor(where), written(std::make_shared<Bell>(where)) {}
  std::vector<Op> ops;
  asio::any_io_executor executor;
  std::shared_ptr<Bell> written;  // null once rung
  Result<std::uint64_t> number = 0;
};

std::chrono::microseconds Moment::since(const Moment& earlier) const {
  return std::max(std::chrono::duration_cast<std::chrono::microseconds>(steady - earlier.steady),
                  std::chrono::microseconds(system - earlier.system));
}

Journal::Journal(BackendPtr inner, JournalKeys keys, std::uint64_t first, Services services,
                 Tuning tuning, std::string mount)
    : inner_(std::move(inner)),
      keys_(std::move(keys)),
      first_(first),
      services_(services),
      tuning_(tuning),
      mount_(std::move(mount)),
      fresh_(Moment::now(services.clock)) {}

awaitable<Result<std::uint64_t>> Journal::append(std::vector<Op> ops) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto ticket = std::make_shared<Ticket>(std::move(ops), executor);
  const std::shared_ptr<Bell> written = ticket->written;
  bool lead_now = false;
  {
    const std::lock_guard guard(lock_);
    queue_.push_back(ticket);
    lead_now = !std::exchange(led_, true);
  }
  if (lead_now) call_leader(executor);
  // Whoever calls us runs to the end (`to_the_end`): nothing cancels this wait.
  if (!co_await written->wait()) co_return fail(ErrorKind::unavailable, "timed out");
  co_return std::move(ticket->number);
}

void Journal::call_leader(const asio::any_io_executor& executor) {
  asio::co_spawn(executor, lead(shared_from_this()), asio::detached);
}

/// Writes one record for all who wait, then calls the next leader, on the worker of one who waits.
awaitable<void> Journal::lead(std::shared_ptr<Journal> self) {
  std::vector<std::shared_ptr<Ticket>> batch;
  {
    auto pass = co_await tail_gate_.enter();
    batch = take_batch();
    Result<> done;
    try {
      if (pass) done = co_await commit(batch);
    } catch (const std::exception& bug) {
      // Those who wait must hear of it, and the next batch must find a leader.
      done = fail(ErrorKind::internal, "cannot write the manifest", bug.what());
    }
    if (!pass) done = tl::unexpected(std::move(pass).error());
    for (const auto& ticket : batch) {
      if (!done) ticket->number = tl::unexpected(done.error());
      Bell::ring(std::move(ticket->written));
    }
    if (done) co_await checkpoint_if_due();
  }
  std::shared_ptr<Ticket> next;
  {
    const std::lock_guard guard(lock_);
    led_ = !queue_.empty();
    if (led_) next = queue_.front();
  }
  if (next) call_leader(next->executor);
}

std::vector<std::shared_ptr<Journal::Ticket>> Journal::take_batch() {
  const std::lock_guard guard(lock_);
  std::vector<std::shared_ptr<Ticket>> batch;
  std::size_t bytes = 0;
  std::size_t ops = 0;
  while (!queue_.empty()) {
    for (const Op& op : queue_.front()->ops) bytes += op.path.size() + 64;
    ops += queue_.front()->ops.size();
    if (!batch.empty() && (bytes > tuning_.batch_bytes || ops > kMaxOps)) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

awaitable<Result<>> Journal::commit(std::vector<std::shared_ptr<Ticket>>& batch) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0 || !is_fresh(tuning_.keep_superseded / 2)) KBS_CO_OK(co_await follow());
    KBS_CO_TRY(const bool written, co_await put(batch));
    if (written) co_return Result<>();
  }
  co_return fail(ErrorKind::unavailable, "others keep writing the manifest");
}

/// Tries the next number once; false when it was taken.
awaitable<Result<bool>> Journal::put(std::vector<std::shared_ptr<Ticket>>& batch) {
  const std::uint64_t number = last_ + 1;
  Record record{last_hash_, {}};
  for (const auto& ticket : batch) {
    ticket->number = intent_number(number, record.ops.size());
    record.ops.insert(record.ops.end(), ticket->ops.begin(), ticket->ops.end());
  }
  SecretBytes bytes = seal_record(keys_, number, record);
  const crypto::Sha256 hash = crypto::sha256(bytes);
  const Moment before = Moment::now(services_.clock);
  WriteOptions create;
  create.create_only = true;
  Secret copy{std::span<const std::byte>(bytes)};
  auto written = co_await inner_->write(record_id(number), std::move(copy), std::move(create));
  if (!written) co_return co_await outcome(bytes, std::move(written).error());
  if (!is_fresh(tuning_.keep_superseded / 2)) {
    // We were held up for so long that others may have written this very number, and removed it
    // again under a checkpoint. Then ours is a leftover, and its lines go into another record.
    KBS_CO_TRY(const bool late, co_await superseded());
    if (late) {
      KBS_CO_OK(co_await load());
      co_return false;
    }
  }
  apply(ledger_, number, record.ops);
  last_ = number;
  last_hash_ = hash;
  fresh_ = before;
  co_return true;
}

/// After a failed write: the number may be another's, or ours after all.
awaitable<Result<bool>> Journal::outcome(std::span<const std::byte> bytes, Error error) {
  const std::uint64_t number = last_ + 1;
  auto stored = co_await fetch(number);
  if (!stored || !*stored) {
    // Lost on the way, or still under way: if it arrives later, whoever writes next meets it.
    if (error.kind == ErrorKind::conflict) co_return false;
    co_return tl::unexpected(std::move(error));
  }
  const auto there = (*stored)->expose();
  const bool ours = std::equal(there.begin(), there.end(), bytes.begin(), bytes.end());
  if (error.kind != ErrorKind::conflict && !ours) co_return tl::unexpected(std::move(error));
  KBS_CO_OK(take_in(ledger_, there));
  // Ours, but the write was not acknowledged: it is in the chain, and not known to be durable.
  if (ours && error.kind != ErrorKind::conflict) co_return tl::unexpected(std::move(error));
  co_return ours;
}

awaitable<Result<>> Journal::catch_up() {
  const Moment asked = Moment::now(services_.clock);
  KBS_CO_TRY(const Gate::Pass pass, co_await tail_gate_.enter());
  // Somebody looked while we waited for our turn.
  if (fresh_.steady > asked.steady) co_return Result<>();
  co_return co_await follow();
}

bool Journal::time_to_follow() noexcept {
  const std::int64_t now = services_.clock.steady_now().time_since_epoch().count();
  std::int64_t at = follow_at_.load(std::memory_order_relaxed);
  if (now < at) return false;
  const std::int64_t next =
      now + std::chrono::duration_cast<SteadyTime::duration>(tuning_.follow_every).count();
  return follow_at_.compare_exchange_strong(at, next);
}

/// Reads on until there is nothing more; afterwards the tail is fresh.
awaitable<Result<>> Journal::follow() {
  for (;;) {
    const Moment before = Moment::now(services_.clock);
    KBS_CO_TRY(const auto stored, co_await fetch(last_ + 1));
    if (stored) {
      KBS_CO_OK(take_in(ledger_, stored->expose()));
      continue;
    }
    if (!is_fresh(tuning_.keep_superseded / 2)) {
      KBS_CO_TRY(const bool behind, co_await superseded());
      if (behind) {
        KBS_CO_OK(co_await load());
        co_return Result<>();
      }
    }
    fresh_ = before;
    co_return Result<>();
  }
}

/// Whether the journal has gone on without us: a checkpoint lies after our last record.
awaitable<Result<bool>> Journal::superseded() {
  KBS_CO_TRY(const std::vector<std::string> names, co_await tags(kCheckpoint));
  for (const std::string& name : names) {
    const auto part = part_of(name);
    if (part && part->number > last_) co_return true;
  }
  co_return false;
}

awaitable<Result<std::optional<Secret>>> Journal::fetch(std::uint64_t number) {
  auto stored = co_await inner_->read(record_id(number), ReadOptions{});
  if (stored) co_return std::optional(std::move(stored->value));
  if (stored.error().kind == ErrorKind::not_found) co_return std::optional<Secret>();
  co_return tl::unexpected(std::move(stored).error());
}

/// Checks the record after `last_` and moves on to it.
Result<> Journal::take_in(Ledger& into, std::span<const std::byte> bytes) {
  const std::uint64_t number = last_ + 1;
  KBS_TRY(const Record record, open_record(keys_, number, bytes));
  if (record.before != last_hash_) {
    return fail(ErrorKind::internal, "the manifest is damaged: record " + std::to_string(number) +
                                         " of its journal does not follow the one before it");
  }
  apply(into, number, record.ops);
  last_ = number;
  last_hash_ = crypto::sha256(bytes);
  return {};
}

void Journal::apply(Ledger& ledger, std::uint64_t number, const std::vector<Op>& ops) {
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const Op& op = ops[i];
    switch (op.kind) {
      case Op::Kind::intent:
        ledger.announce(op.path, Intent{intent_number(number, i), op.next});
        break;
      case Op::Kind::confirm:
        ledger.confirm(op.path, op.of);
        break;
      case Op::Kind::withdraw:
        ledger.withdraw(op.path, op.of);
        break;
      case Op::Kind::set:
        ledger.set(op.path, op.next);
        break;
    }
  }
}

bool Journal::is_fresh(std::chrono::microseconds within) const {
  return Moment::now(services_.clock).since(fresh_) < within;
}

}  // namespace kbs::storage::encrypted
