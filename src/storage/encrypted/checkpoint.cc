// The journal's beginning and its upkeep: loading, checkpoints, and removing what they supersede.
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "storage/encrypted/journal.h"
#include "storage/encrypted/journal_names.h"

namespace kbs::storage::encrypted {
namespace {

constexpr int kLoadAttempts = 8;
constexpr std::chrono::seconds kCopyDeadline{60};
constexpr std::uint32_t kMaxParts = 0xffff;

std::string path_of(const char* type, const std::string& tag) {
  return std::string(kOwnRepository) + '/' + type + '/' + tag;
}

}  // namespace

/// A complete checkpoint.
struct Journal::Loaded {
  std::uint64_t number = 0;
  crypto::Sha256 after{};
  Books books;
};

/// All names below `_kbs/<type>/`, in order.
awaitable<Result<std::vector<std::string>>> Journal::tags(const char* type) {
  std::vector<std::string> all;
  ListOptions options;
  options.prefix = path_of(type, "");
  do {
    ListOptions page_options = options;
    KBS_CO_TRY(const Page page, co_await inner_->list(std::move(page_options)));
    for (const Entry& entry : page.entries) all.push_back(entry.path.substr(options.prefix.size()));
    options.cursor = page.next;
  } while (!options.cursor.empty());
  co_return all;
}

/// nullopt when a part is missing: a checkpoint that was never finished, or is being removed.
awaitable<Result<std::optional<Journal::Loaded>>> Journal::load_parts(std::uint64_t number) {
  Loaded loaded{number, {}, {}};
  for (std::uint32_t part = 0; part <= kMaxParts; ++part) {
    auto stored = co_await inner_->read(part_id({number, part}), ReadOptions{});
    if (!stored && stored.error().kind == ErrorKind::not_found) break;
    if (!stored) co_return tl::unexpected(std::move(stored).error());
    KBS_CO_TRY(Part read, open_part(keys_, number, part, stored->value.expose()));
    loaded.after = read.after;
    loaded.books.current.merge(read.books.current);
    for (auto& [path, intents] : read.books.intents) {
      auto& all = loaded.books.intents[path];
      all.insert(all.end(), intents.begin(), intents.end());
    }
    if (read.last) co_return std::optional(std::move(loaded));
  }
  co_return std::optional<Loaded>();
}

awaitable<Result<std::optional<Journal::Loaded>>> Journal::load_checkpoint() {
  KBS_CO_TRY(const std::vector<std::string> names, co_await tags(kCheckpoint));
  std::uint64_t tried = std::numeric_limits<std::uint64_t>::max();
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const auto part = part_of(*name);
    if (!part || part->number == tried || part->number + 1 < first_) continue;
    tried = part->number;
    KBS_CO_TRY(auto loaded, co_await load_parts(part->number));
    if (loaded) co_return loaded;
  }
  co_return std::optional<Loaded>();
}

/// nullopt when all is loaded; otherwise the number of a record that is missing although later ones
/// are there.
awaitable<Result<std::optional<std::uint64_t>>> Journal::load_once() {
  const Moment before = Moment::now(services_.clock);
  // Listed first: what is listed and then cannot be read was removed meanwhile, or by other hands.
  KBS_CO_TRY(const std::vector<std::string> names, co_await tags(kJournal));
  KBS_CO_TRY(auto checkpoint, co_await load_checkpoint());
  std::uint64_t highest = 0;
  for (const std::string& name : names)
    highest = std::max(highest, from_fixed_hex(name, 16).value_or(0));
  last_ = checkpoint ? checkpoint->number : first_ - 1;
  last_hash_ = checkpoint ? checkpoint->after : crypto::Sha256{};
  checkpoint_ = last_;
  // Beside the one in use, whose readers would take a half-filled ledger for a robbed store.
  const auto loading = std::make_unique<Ledger>();
  if (checkpoint) loading->replace(std::move(checkpoint->books));
  for (;;) {
    KBS_CO_TRY(const auto stored, co_await fetch(last_ + 1));
    if (!stored) break;
    KBS_CO_OK(take_in(*loading, stored->expose()));
  }
  if (last_ < highest) co_return std::optional(last_ + 1);
  ledger_.take_over(*loading);
  fresh_ = before;
  const std::lock_guard guard(lock_);
  if (checkpoint) complete_.emplace_back(checkpoint_, before);
  co_return std::optional<std::uint64_t>();
}

awaitable<Result<>> Journal::load() {
  std::uint64_t missing = 0;
  for (int attempt = 0; attempt < kLoadAttempts; ++attempt) {
    // Another process may be removing what a newer checkpoint superseded: look again.
    KBS_CO_TRY(const auto gap, co_await load_once());
    if (!gap) co_return Result<>();
    missing = *gap;
  }
  co_return fail(ErrorKind::internal,
                 "the manifest is damaged: record " + std::to_string(missing) +
                     " of its journal is missing although later ones are there");
}

awaitable<Result<>> Journal::begin(Books books) {
  last_ = first_ - 1;
  checkpoint_ = last_;
  const std::vector<SecretBytes> contents = part_contents(books, last_hash_, tuning_.part_bytes);
  ledger_.replace(std::move(books));
  KBS_CO_TRY(const bool written, co_await write_parts(last_, contents));
  if (!written) co_return fail(ErrorKind::conflict, "another process begins the manifest");
  fresh_ = Moment::now(services_.clock);
  co_return Result<>();
}

awaitable<Result<>> Journal::abandon() {
  KBS_CO_TRY(const std::vector<std::string> names, co_await tags(kCheckpoint));
  for (const std::string& name : names) {
    const auto part = part_of(name);
    if (!part || part->number != checkpoint_) continue;
    KBS_CO_OK(co_await inner_->remove(part_id(*part), RemoveOptions{}));
  }
  co_return Result<>();
}

/// False when somebody else has begun the same checkpoint; theirs, if they finish it, is as good.
awaitable<Result<bool>> Journal::write_parts(std::uint64_t number,
                                             std::vector<SecretBytes> contents) {
  if (contents.size() > kMaxParts) {
    co_return fail(ErrorKind::too_large, "the manifest has too many parts for a checkpoint");
  }
  for (std::uint32_t part = 0; part < contents.size(); ++part) {
    Secret sealed(seal_part(keys_, number, part, contents[part]));
    WriteOptions create;
    create.create_only = true;
    auto id = part_id({number, part});
    auto written = co_await inner_->write(std::move(id), std::move(sealed), std::move(create));
    if (written) continue;
    if (written.error().kind == ErrorKind::conflict) co_return false;
    co_return tl::unexpected(std::move(written).error());
  }
  co_return true;
}

/// Copies the ledger as it is after `last_`: nobody changes it while the tail's gate is ours. On
/// the pool, because a large one would hold up this worker's other calls.
awaitable<Result<std::vector<SecretBytes>>> Journal::contents_now() {
  auto job = [self = shared_from_this(), after = last_hash_]() -> Result<std::vector<SecretBytes>> {
    return part_contents(self->ledger_.copy(), after, self->tuning_.part_bytes);
  };
  co_return co_await run_on(services_.blocking, std::move(job),
                            services_.clock.steady_now() + kCopyDeadline);
}

/// Under the tail's gate. Whatever fails here is upkeep: it is tried again later.
awaitable<void> Journal::checkpoint_if_due() {
  const bool due = last_ - checkpoint_ >=
                   std::max<std::uint64_t>(tuning_.records_per_checkpoint, ledger_.size() / 16);
  {
    const std::lock_guard guard(lock_);
    const bool untidy =
        !complete_.empty() &&
        Moment::now(services_.clock).since(complete_.front().second) >= tuning_.keep_superseded;
    if (checkpointing_ || (!due && !untidy)) co_return;
    checkpointing_ = true;
  }
  std::vector<SecretBytes> contents;
  if (due) {
    auto copied = co_await contents_now();
    if (copied) contents = std::move(*copied);
    checkpoint_ = last_;
  }
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, keep_house(shared_from_this(), last_, std::move(contents)),
                 asio::detached);
}

awaitable<void> Journal::keep_house(std::shared_ptr<Journal> self, std::uint64_t number,
                                    std::vector<SecretBytes> contents) {
  Result<> done;
  if (!contents.empty()) done = co_await write_checkpoint(number, std::move(contents));
  if (done) done = co_await tidy();
  if (!done) {
    log_error(LogLevel::warn, "storage",
              "cannot tidy up the manifest's journal; it grows until this succeeds", done.error(),
              {{"mount", mount_}});
  }
  const std::lock_guard guard(lock_);
  checkpointing_ = false;
}

awaitable<Result<>> Journal::write_checkpoint(std::uint64_t number,
                                              std::vector<SecretBytes> contents) {
  KBS_CO_TRY(const bool written, co_await write_parts(number, std::move(contents)));
  const std::lock_guard guard(lock_);
  if (written) complete_.emplace_back(number, Moment::now(services_.clock));
  co_return Result<>();
}

/// Removes what the newest checkpoint that is old enough superseded. Ascending, so that a crash
/// leaves no gap.
awaitable<Result<>> Journal::tidy() {
  std::uint64_t number = 0;
  {
    const std::lock_guard guard(lock_);
    const Moment now = Moment::now(services_.clock);
    while (!complete_.empty() && now.since(complete_.front().second) >= tuning_.keep_superseded) {
      number = complete_.front().first;
      complete_.pop_front();
    }
  }
  if (number == 0) co_return Result<>();
  KBS_CO_OK(co_await remove_through(kJournal, number));
  co_return co_await remove_through(kCheckpoint, number - 1);
}

awaitable<Result<>> Journal::remove_through(const char* type, std::uint64_t last) {
  KBS_CO_TRY(const std::vector<std::string> names, co_await tags(type));
  for (const std::string& name : names) {
    const auto part = part_of(name);
    const auto number = part ? std::optional(part->number) : from_fixed_hex(name, 16);
    if (!number) continue;
    if (*number > last) break;
    auto removed = co_await inner_->remove(ResourceId{std::string(kOwnRepository), type, name},
                                           RemoveOptions{});
    if (!removed && removed.error().kind != ErrorKind::not_found) co_return removed;
  }
  co_return Result<>();
}

}  // namespace kbs::storage::encrypted
