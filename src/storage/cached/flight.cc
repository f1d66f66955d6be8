#include "storage/cached/flight.h"

#include <algorithm>

namespace kbs::storage::cached {

/// A place among the waiters, left however the wait ends: also when its context is destroyed.
class Flight::Place {
 public:
  Place(Flight& flight, Waiter waiter) : flight_(flight), waiter_(std::move(waiter)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    const std::lock_guard guard(flight_.lock_);
    std::erase(flight_.waiters_, waiter_);
  }

 private:
  Flight& flight_;
  const Waiter waiter_;
};

void Flight::land(Answer answer) {
  const std::lock_guard guard(lock_);
  landed_ = true;
  answer_ = std::move(answer);
  // Under the lock, so that no waiter's context goes away before its wake-up is posted.
  for (const Waiter& waiter : waiters_) {
    asio::post(waiter->get_executor(), [waiter] { waiter->cancel(); });
  }
  waiters_.clear();
}

awaitable<Flight::Wait> Flight::wait(std::optional<std::chrono::milliseconds> patience) {
  const auto executor = co_await asio::this_coro::executor;
  const auto waiter = patience ? std::make_shared<asio::steady_timer>(executor, *patience)
                               : std::make_shared<asio::steady_timer>(executor, SteadyTime::max());
  {
    const std::lock_guard guard(lock_);
    if (landed_) co_return Wait::landed;
    waiters_.push_back(waiter);
  }
  const Place place(*this, waiter);
  const auto [woken] = co_await waiter->async_wait(asio::as_tuple(asio::use_awaitable));
  const std::lock_guard guard(lock_);
  if (landed_) co_return Wait::landed;
  co_return woken ? Wait::cancelled : Wait::out_of_patience;
}

asio::cancellation_slot Flight::take_off(asio::any_io_executor executor) {
  const std::lock_guard guard(lock_);
  executor_ = std::move(executor);
  return cancellation_.slot();
}

bool Flight::abandon() {
  const std::lock_guard guard(lock_);
  // Before take-off its leader is still on the way to wait for it.
  if (landed_ || abandoned_ || !waiters_.empty() || !executor_) return false;
  abandoned_ = true;
  // Under the lock, as above: a flight that has not landed has its context.
  asio::post(executor_, [flight = shared_from_this()] {
    flight->cancellation_.emit(asio::cancellation_type::all);
  });
  return true;
}

bool Flight::abandoned() const {
  const std::lock_guard guard(lock_);
  return abandoned_;
}

Answer Flight::answer() const {
  const std::lock_guard guard(lock_);
  return answer_;
}

}  // namespace kbs::storage::cached
