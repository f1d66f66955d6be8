#include "storage/cached/cached.h"

#include "storage/cached/table.h"
#include "storage/deadline.h"
#include "storage/encrypted/encrypted.h"

namespace kbs::storage::cached {
namespace {

/// What flights and subscriptions share with the backend.
struct Core {
  Core(BackendPtr backend, const Options& o, const Clock& clock)
      : inner(std::move(backend)), options(o), table(o, clock) {}
  const BackendPtr inner;
  const Options options;
  Table table;
};
using CorePtr = std::shared_ptr<Core>;

Result<Resource> copy(const Result<Resource>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  return Resource{answer->value.clone(), answer->version, answer->metadata};
}

/// The entry goes before the change, so that nobody is given it meanwhile, and after it, because
/// what was read meanwhile may be either value. However the change ends: one that failed, or was
/// cut off, may have happened.
class Change {
 public:
  Change(CorePtr core, std::string path) : core_(std::move(core)), path_(std::move(path)) {
    core_->table.drop(path_);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() { core_->table.drop(path_); }

 private:
  const CorePtr core_;
  const std::string path_;
};

/// Sees to it that nobody waits for a flight whose context is gone.
class Landing {
 public:
  Landing(CorePtr core, std::string path, std::shared_ptr<Flight> flight)
      : core_(std::move(core)), path_(std::move(path)), flight_(std::move(flight)) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  ~Landing() {
    if (flight_) core_->table.give_up(path_, flight_);
  }
  void land(Result<Resource> answer) {
    if (flight_->abandoned()) return;  // who just came to join it asks anew
    core_->table.land(path_, std::exchange(flight_, nullptr), std::move(answer));
  }

 private:
  const CorePtr core_;
  const std::string path_;
  std::shared_ptr<Flight> flight_;
};

awaitable<> fly(CorePtr core, ResourceId id, std::unique_ptr<Landing> landing) {
  Result<Resource> answer = fail(ErrorKind::internal, "reading the storage backend broke off");
  try {
    awaitable<Result<Resource>> work = core->inner->read(std::move(id), ReadOptions());
    answer = co_await with_deadline(std::move(work), core, core->options.timeout);
  } catch (const std::exception& e) {  // a bug: those who wait get an answer, and the log its text
    answer.error().detail = e.what();
  }
  landing->land(std::move(answer));
}

class Cached final : public Backend {
 public:
  Cached(BackendPtr inner, const Options& options, const Clock& clock)
      : core_(std::make_shared<Core>(std::move(inner), options, clock)), inner_(*core_->inner) {
    subscription_ =
        inner_.watch([core = core_](std::string_view prefix) { core->table.drop_below(prefix); });
  }

  const Capabilities& capabilities() const noexcept override { return inner_.capabilities(); }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    // Records of the encryption outside are shared between servers: each must see the newest.
    if (!options.version.empty() || id.repository == encrypted::kOwnRepository) {
      co_return co_await inner_.read(std::move(id), std::move(options));
    }
    KBS_CO_OK(check(id, capabilities()));
    co_return co_await read_current(core_, std::move(id));
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    const Change change(core_, id.path());
    co_return co_await inner_.write(std::move(id), std::move(value), std::move(options));
  }
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    const Change change(core_, id.path());
    co_return co_await inner_.remove(std::move(id), std::move(options));
  }
  awaitable<Result<>> undelete(ResourceId id) override {
    const Change change(core_, id.path());
    co_return co_await inner_.undelete(std::move(id));
  }
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    const Change change(core_, id.path());
    co_return co_await inner_.destroy(std::move(id), std::move(version));
  }
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    const Change change(core_, id.path());
    co_return co_await inner_.replace(std::move(id), std::move(version), std::move(value));
  }
  awaitable<Result<Page>> list(ListOptions options) override {
    return inner_.list(std::move(options));
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    return inner_.versions(std::move(id), std::move(options));
  }
  /// The entry is gone when the listener hears: what it reads then is new.
  std::shared_ptr<void> watch(ChangeListener listener) override {
    return inner_.watch([core = core_, listener = std::move(listener)](std::string_view prefix) {
      core->table.drop_below(prefix);
      listener(prefix);
    });
  }
  awaitable<Result<>> health() override { return inner_.health(); }

 private:
  static awaitable<Result<Resource>> read_current(CorePtr core, ResourceId id) {
    const std::string path = id.path();
    for (bool joined = false;;) {
      const Table::Looked looked = core->table.look(path);
      if (looked.answer) co_return copy(*looked.answer);
      const std::shared_ptr<Flight> flight = looked.flight;
      if (looked.leads) {
        auto landing = std::make_unique<Landing>(core, path, flight);
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        auto done = [flight](const std::exception_ptr&) {};  // holds what the slot belongs to
        asio::co_spawn(executor, fly(core, id, std::move(landing)),
                       asio::bind_cancellation_slot(flight->take_off(executor), std::move(done)));
      }
      std::optional<std::chrono::milliseconds> patience;
      if (looked.stale) patience = core->options.patience;
      const Flight::Wait end = co_await flight->wait(patience);
      if (end == Flight::Wait::cancelled) {
        core->table.leave(path, flight);
        co_return fail(ErrorKind::unavailable, "cancelled");
      }
      Answer answer;
      if (end == Flight::Wait::landed) answer = flight->answer();
      if (answer && !is_down(*answer)) co_return copy(*answer);
      if (const Answer old = looked.stale ? core->table.stale(path) : nullptr) {
        co_return copy(*old);
      }
      // Trouble from before we came is not ours: the backend may have recovered since.
      if (answer && (looked.leads || std::exchange(joined, true))) co_return copy(*answer);
    }
  }

  static bool is_down(const Result<Resource>& answer) {
    return !answer && (answer.error().kind == ErrorKind::unavailable ||
                       answer.error().kind == ErrorKind::rate_limited);
  }

  const CorePtr core_;
  Backend& inner_;
  std::shared_ptr<void> subscription_;  // lets go of the core, which holds the backend
};

}  // namespace

BackendPtr make(BackendPtr inner, const Options& options, const Clock& clock) {
  return std::make_shared<Cached>(std::move(inner), options, clock);
}

}  // namespace kbs::storage::cached
