#include "storage/transfer/crew.h"

#include <algorithm>
#include <exception>
#include <memory>

#include <boost/asio/co_spawn.hpp>

namespace kbs::storage::transfer {

struct Crew::State {
  std::size_t busy = 0;
  std::shared_ptr<asio::steady_timer> waiting;  ///< of the one who waits for a job to end
  std::exception_ptr error;

  void rethrow() const {
    if (error) std::rethrow_exception(error);
  }
};

Crew::Crew(std::size_t size)
    : state_(std::make_shared<State>()), size_(std::max<std::size_t>(size, 1)) {}

awaitable<> Crew::wait() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto waiting = std::make_shared<asio::steady_timer>(executor, SteadyTime::max());
  state_->waiting = waiting;
  (void)co_await waiting->async_wait(asio::as_tuple(asio::use_awaitable));
}

awaitable<> Crew::submit(awaitable<> job) {
  while (state_->busy >= size_) co_await wait();
  state_->rethrow();
  ++state_->busy;
  auto done = [state = state_](std::exception_ptr error) {
    --state->busy;
    if (error && !state->error) state->error = std::move(error);
    if (state->waiting) state->waiting->cancel();
  };
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, std::move(job), std::move(done));
}

awaitable<> Crew::finish() {
  while (state_->busy > 0) co_await wait();
  state_->rethrow();
}

}  // namespace kbs::storage::transfer
