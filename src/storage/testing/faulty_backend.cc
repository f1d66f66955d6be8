#include "storage/testing/faulty_backend.h"

#include <algorithm>
#include <numeric>

namespace kbs::storage::testing {
namespace {

constexpr std::string_view kNames[kOps] = {"read",     "write",   "remove",  "undelete", "list",
                                           "versions", "destroy", "replace", "health"};

std::size_t index(Op op) { return static_cast<std::size_t>(op); }
bool matches(const std::optional<Op>& chosen, Op op) { return !chosen || *chosen == op; }

std::string with_version(const ResourceId& id, const VersionId& version) {
  return version.empty() ? id.path() : id.path() + " @" + version;
}

}  // namespace

std::string_view to_string(Op op) noexcept { return kNames[index(op)]; }

/// One call at the gate. The timer belongs to the caller's executor and is touched only there.
struct FaultyBackend::Waiter {
  Waiter(const asio::any_io_executor& executor, std::chrono::milliseconds limit)
      : timer(executor, limit == std::chrono::milliseconds::max()
                            ? asio::steady_timer::time_point::max()
                            : asio::steady_timer::clock_type::now() + limit) {}
  asio::steady_timer timer;
  bool released = false;
  bool fails = false;
};

/// Outlives the backend in its subscriptions.
struct FaultyBackend::Listeners {
  std::mutex lock;
  std::list<ChangeListener> all;
  bool refused = false;
};

FaultyBackend::FaultyBackend(BackendPtr inner)
    : inner_(std::move(inner)),
      can_(inner_->capabilities()),
      listeners_(std::make_shared<Listeners>()) {}

FaultyBackend::~FaultyBackend() = default;

void FaultyBackend::declare(const Capabilities& capabilities) { can_ = capabilities; }

std::size_t FaultyBackend::calls(Op op) const {
  const std::lock_guard guard(lock_);
  return calls_[index(op)];
}

std::size_t FaultyBackend::calls() const {
  const std::lock_guard guard(lock_);
  return std::accumulate(calls_.begin(), calls_.end(), std::size_t{0});
}

std::vector<std::string> FaultyBackend::record() const {
  const std::lock_guard guard(lock_);
  return record_;
}

void FaultyBackend::forget_calls() {
  const std::lock_guard guard(lock_);
  calls_ = {};
  record_.clear();
}

void FaultyBackend::fail_next(std::size_t count, ErrorKind kind, std::optional<Op> op) {
  const std::lock_guard guard(lock_);
  failures_ = count;
  failure_ = kind;
  failing_ = op;
}

void FaultyBackend::heal() {
  const std::lock_guard guard(lock_);
  failures_ = 0;
  const bool stalled = held_.stalled;
  held_ = {};
  for (const auto& waiter : waiters_) wake(waiter, stalled);
  waiters_.clear();
}

void FaultyBackend::hold(Gate gate, std::optional<Op> op) {
  const std::lock_guard guard(lock_);
  held_ = {gate, op};
}

void FaultyBackend::stall(std::optional<Op> op, std::chrono::milliseconds limit) {
  const std::lock_guard guard(lock_);
  held_ = {Gate::before, op, true, limit};
}

void FaultyBackend::release() {
  const std::lock_guard guard(lock_);
  held_ = {};
  for (const auto& waiter : waiters_) wake(waiter, false);
  waiters_.clear();
}

bool FaultyBackend::release_one() {
  const std::lock_guard guard(lock_);
  if (waiters_.empty()) return false;
  wake(waiters_.front(), false);
  waiters_.pop_front();
  return true;
}

void FaultyBackend::wake(const std::shared_ptr<Waiter>& waiter, bool fails) {
  asio::post(waiter->timer.get_executor(), [waiter, fails] {
    waiter->released = true;
    waiter->fails = fails;
    waiter->timer.expires_at(asio::steady_timer::time_point::min());
  });
}

std::size_t FaultyBackend::waiting() const {
  const std::lock_guard guard(lock_);
  return waiters_.size();
}

bool FaultyBackend::await_waiting(std::size_t count, std::chrono::milliseconds limit) const {
  std::unique_lock guard(lock_);
  return arrived_.wait_for(guard, limit, [&] { return waiters_.size() >= count; });
}

std::optional<Error> FaultyBackend::arrive(Op op, std::string text) {
  const std::lock_guard guard(lock_);
  ++calls_[index(op)];
  record_.push_back(std::string(to_string(op)) + (text.empty() ? "" : " " + text));
  if (failures_ == 0 || !matches(failing_, op)) return std::nullopt;
  if (failures_ != SIZE_MAX) --failures_;
  return fail(failure_, "the store was told to fail").value();
}

awaitable<Result<>> FaultyBackend::pass(Gate gate, Op op) {
  const auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard guard(lock_);
    if (held_.gate != gate || !matches(held_.op, op)) co_return Result<>();
    waiter = std::make_shared<Waiter>(executor, held_.limit);
    waiters_.push_back(waiter);
    arrived_.notify_all();
  }
  (void)co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!waiter->released) {
    const std::lock_guard guard(lock_);
    waiters_.remove(waiter);
    co_return fail(ErrorKind::unavailable, "cancelled, or timed out");
  }
  if (waiter->fails) co_return fail(ErrorKind::unavailable, "the store hung");
  co_return Result<>();
}

awaitable<Result<>> FaultyBackend::begin(Op op, std::string text) {
  if (auto failure = arrive(op, std::move(text))) co_return tl::unexpected(std::move(*failure));
  co_return co_await pass(Gate::before, op);
}

template <class T>
awaitable<Result<T>> FaultyBackend::forward(Op op, std::string text, awaitable<Result<T>> inner) {
  KBS_CO_OK(co_await begin(op, std::move(text)));
  Result<T> result = co_await std::move(inner);
  KBS_CO_OK(co_await pass(Gate::after, op));
  co_return result;
}

awaitable<Result<Resource>> FaultyBackend::read(ResourceId id, ReadOptions options) {
  std::string text = with_version(id, options.version);
  return forward(Op::read, std::move(text), inner_->read(std::move(id), std::move(options)));
}

awaitable<Result<VersionId>> FaultyBackend::write(ResourceId id, Secret value,
                                                  WriteOptions options) {
  std::string text = id.path();
  return forward(Op::write, std::move(text),
                 inner_->write(std::move(id), std::move(value), std::move(options)));
}

awaitable<Result<>> FaultyBackend::remove(ResourceId id, RemoveOptions options) {
  std::string text = id.path();
  return forward(Op::remove, std::move(text), inner_->remove(std::move(id), std::move(options)));
}

awaitable<Result<>> FaultyBackend::undelete(ResourceId id) {
  std::string text = id.path();
  return forward(Op::undelete, std::move(text), inner_->undelete(std::move(id)));
}

awaitable<Result<Page>> FaultyBackend::list(ListOptions options) {
  std::string text = options.prefix;
  return forward(Op::list, std::move(text), inner_->list(std::move(options)));
}

awaitable<Result<Page>> FaultyBackend::versions(ResourceId id, ListOptions options) {
  std::string text = id.path();
  return forward(Op::versions, std::move(text),
                 inner_->versions(std::move(id), std::move(options)));
}

awaitable<Result<>> FaultyBackend::destroy(ResourceId id, VersionId version) {
  std::string text = with_version(id, version);
  return forward(Op::destroy, std::move(text), inner_->destroy(std::move(id), std::move(version)));
}

awaitable<Result<>> FaultyBackend::replace(ResourceId id, VersionId version, Secret value) {
  std::string text = with_version(id, version);
  return forward(Op::replace, std::move(text),
                 inner_->replace(std::move(id), std::move(version), std::move(value)));
}

awaitable<Result<>> FaultyBackend::health() {
  return forward(Op::health, std::string(), inner_->health());
}

std::shared_ptr<void> FaultyBackend::watch(ChangeListener listener) {
  if (!can_.notices_changes) return nullptr;
  const std::lock_guard guard(listeners_->lock);
  if (listeners_->refused) return nullptr;
  listeners_->all.push_back(std::move(listener));
  const auto place = std::prev(listeners_->all.end());
  return {&*place, [all = listeners_, place](void*) {
            const std::lock_guard leaving(all->lock);
            all->all.erase(place);
          }};
}

void FaultyBackend::tell(std::string_view prefix) {
  const std::lock_guard guard(listeners_->lock);
  for (const ChangeListener& listener : listeners_->all) listener(prefix);
}

std::size_t FaultyBackend::listeners() const {
  const std::lock_guard guard(listeners_->lock);
  return listeners_->all.size();
}

void FaultyBackend::refuse_watches() {
  const std::lock_guard guard(listeners_->lock);
  listeners_->refused = true;
}

}  // namespace kbs::storage::testing
