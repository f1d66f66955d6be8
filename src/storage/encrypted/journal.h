#pragma once
/// The manifest's journal: what keeps the ledger and the store of one mind, through crashes and
/// among several processes.
///
/// Records are numbered and written create-only: of two writers of one number, one reads the
/// other's record first. Each carries the hash of the one before. Every so often the ledger is
/// written out as a checkpoint; what it makes superfluous is removed a minute later, so that nobody
/// can take a record that was removed for one that was never written.

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/encrypted/records.h"
#include "storage/encrypted/store_keys.h"
#include "storage/encrypted/waiting.h"

namespace kbs::storage::encrypted {

/// What tests make smaller.
struct Tuning {
  std::uint64_t records_per_checkpoint = 1024;
  std::size_t part_bytes = 1u << 20;
  std::size_t batch_bytes = 64u << 10;
  std::chrono::seconds keep_superseded{60};  ///< longer than any call of the backend takes
  std::chrono::milliseconds follow_every{5000};
};

/// A moment by both clocks: one stands still while a machine sleeps, the other may be set.
struct Moment {
  SteadyTime steady;
  SysTime system;
  static Moment now(const Clock& clock) { return {clock.steady_now(), clock.now()}; }
  std::chrono::microseconds since(const Moment& earlier) const;
};

/// Thread-safe. Shared by the calls under way.
class Journal : public std::enable_shared_from_this<Journal> {
 public:
  /// `first` is the number of the era's first record.
  Journal(BackendPtr inner, JournalKeys keys, std::uint64_t first, Services services, Tuning tuning,
          std::string mount);

  Ledger& ledger() noexcept { return ledger_; }

  /// Fills the ledger from the newest checkpoint and the records after it. `internal` when any of
  /// it is damaged or missing. Before anything else is called.
  awaitable<Result<>> load();
  /// Begins a journal with `books`, as its first checkpoint.
  awaitable<Result<>> begin(Books books);
  /// Takes back what `begin` wrote.
  awaitable<Result<>> abandon();

  /// Writes the lines as one, together with what others are writing; durable and in the ledger when
  /// it returns. The number of the first line. At most 8 lines. Runs to its end.
  awaitable<Result<std::uint64_t>> append(std::vector<Op> ops);
  /// Takes in what other processes have written.
  awaitable<Result<>> catch_up();
  /// Whether it is time to look for other processes' records; true once per `follow_every`.
  bool time_to_follow() noexcept;

 private:
  struct Ticket;
  struct Loaded;

  // journal.cc: under `tail_gate_`, but for `lead`.
  awaitable<void> lead(std::shared_ptr<Journal> self);
  void call_leader(const asio::any_io_executor& executor);
  std::vector<std::shared_ptr<Ticket>> take_batch();
  awaitable<Result<>> commit(std::vector<std::shared_ptr<Ticket>>& batch);
  awaitable<Result<bool>> put(std::vector<std::shared_ptr<Ticket>>& batch);
  awaitable<Result<bool>> outcome(std::span<const std::byte> bytes, Error error);
  awaitable<Result<>> follow();
  awaitable<Result<bool>> superseded();
  awaitable<Result<std::optional<Secret>>> fetch(std::uint64_t number);
  Result<> take_in(Ledger& into, std::span<const std::byte> bytes);
  static void apply(Ledger& ledger, std::uint64_t number, const std::vector<Op>& ops);
  bool is_fresh(std::chrono::microseconds within) const;

  // checkpoint.cc
  awaitable<Result<std::vector<std::string>>> tags(const char* type);
  awaitable<Result<std::optional<Loaded>>> load_parts(std::uint64_t number);
  awaitable<Result<std::optional<Loaded>>> load_checkpoint();
  awaitable<Result<std::optional<std::uint64_t>>> load_once();
  awaitable<Result<bool>> write_parts(std::uint64_t number, std::vector<SecretBytes> contents);
  awaitable<Result<std::vector<SecretBytes>>> contents_now();
  awaitable<void> checkpoint_if_due();
  awaitable<void> keep_house(std::shared_ptr<Journal> self, std::uint64_t number,
                             std::vector<SecretBytes> contents);
  awaitable<Result<>> write_checkpoint(std::uint64_t number, std::vector<SecretBytes> contents);
  awaitable<Result<>> tidy();
  awaitable<Result<>> remove_through(const char* type, std::uint64_t last);

  const BackendPtr inner_;
  const JournalKeys keys_;
  const std::uint64_t first_;
  Ledger ledger_;
  const Services services_;
  const Tuning tuning_;
  const std::string mount_;

  Gate tail_gate_;  // guards the four below
  std::uint64_t last_ = 0;
  crypto::Sha256 last_hash_{};
  Moment fresh_;  // when it was sure that no record after `last_` had ever been written
  std::uint64_t checkpoint_ = 0;  // the newest that was begun here or found complete

  std::mutex lock_;  // guards the rest
  std::deque<std::shared_ptr<Ticket>> queue_;
  bool led_ = false;
  bool checkpointing_ = false;
  std::deque<std::pair<std::uint64_t, Moment>> complete_;  // checkpoints, and since when we know
  std::atomic<std::int64_t> follow_at_{0};
};

}  // namespace kbs::storage::encrypted
