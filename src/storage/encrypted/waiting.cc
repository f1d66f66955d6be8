#include "storage/encrypted/waiting.h"

namespace kbs::storage::encrypted {

class Gate::Place {
 public:
  Place(Gate& gate, std::shared_ptr<Waiter> waiter) : gate_(gate), waiter_(std::move(waiter)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (!waiter_) return;
    {
      const std::lock_guard guard(gate_.lock_);
      if (waiter_->bell) {
        gate_.waiters_.remove(waiter_);
        return;
      }
    }
    gate_.next();  // called, and gone before it came
  }
  Pass take() {
    waiter_.reset();
    return Pass(gate_);
  }

 private:
  Gate& gate_;
  std::shared_ptr<Waiter> waiter_;
};

awaitable<Result<Gate::Pass>> Gate::enter() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::shared_ptr<Waiter> waiter;
  std::shared_ptr<Bell> bell;
  {
    const std::lock_guard guard(lock_);
    if (!std::exchange(taken_, true)) co_return Pass(*this);
    waiter = std::make_shared<Waiter>();
    waiter->bell = bell = std::make_shared<Bell>(executor);
    waiters_.push_back(waiter);
  }
  Place place(*this, waiter);
  if (!co_await bell->wait()) co_return fail(ErrorKind::unavailable, "timed out");
  co_return place.take();
}

void Gate::next() {
  std::shared_ptr<Bell> bell;
  {
    const std::lock_guard guard(lock_);
    if (waiters_.empty()) {
      taken_ = false;
      return;
    }
    bell = std::move(waiters_.front()->bell);
    waiters_.pop_front();
  }
  Bell::ring(std::move(bell));
}

}  // namespace kbs::storage::encrypted
