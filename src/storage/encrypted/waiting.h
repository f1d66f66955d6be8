#pragma once
/// Waiting for one another across workers, without holding a mutex and without losing a wake-up.

#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/async.h"
#include "base/result.h"

namespace kbs::storage::encrypted {

/// Rung once, from any thread; awaited once, on the executor it was made with, where it also ends:
/// whoever rings gives his reference away, because a waiter's context may be gone right after.
class Bell {
 public:
  explicit Bell(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}
  static void ring(std::shared_ptr<Bell> bell) {
    const asio::any_io_executor executor = bell->timer_.get_executor();
    asio::post(executor, [bell = std::move(bell)] {
      bell->rung_ = true;
      bell->timer_.cancel();
    });
  }
  /// False when the waiter was cancelled first.
  awaitable<bool> wait() {
    if (!rung_) (void)co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return rung_;
  }

 private:
  asio::steady_timer timer_;
  bool rung_ = false;
};

/// One at a time, first come first served. Outlives its passes.
class Gate {
 public:
  /// The right to be inside; ends with this object.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate& gate) noexcept : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() { leave(); }
    void leave() {
      if (Gate* gate = std::exchange(gate_, nullptr)) gate->next();
    }

   private:
    Gate* gate_ = nullptr;
  };

  /// `unavailable` when cancelled while waiting.
  awaitable<Result<Pass>> enter();

 private:
  struct Waiter {
    std::shared_ptr<Bell> bell;  ///< null once called
  };
  /// Takes a waiter out of the queue, or passes its turn on, however it ends.
  class Place;

  void next();

  std::mutex lock_;
  bool taken_ = false;
  std::list<std::shared_ptr<Waiter>> waiters_;
};

/// Runs `work` to its end whatever becomes of the caller: a change that has begun is finished. The
/// caller alone may stop waiting (`unavailable`). What `work` throws is thrown to the caller.
template <class T>
awaitable<Result<T>> to_the_end(awaitable<Result<T>> work) {
  struct State {
    explicit State(const asio::any_io_executor& executor)
        : done(std::make_shared<Bell>(executor)) {}
    const std::shared_ptr<Bell> done;
    std::optional<Result<T>> result;
    std::exception_ptr thrown;
  };
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(executor);
  auto finish = [state](std::exception_ptr thrown, Result<T> result) {
    state->thrown = std::move(thrown);
    state->result.emplace(std::move(result));
    Bell::ring(state->done);
  };
  asio::co_spawn(executor, std::move(work), std::move(finish));
  if (!co_await state->done->wait()) {
    co_return fail(ErrorKind::unavailable, "timed out; the change may still happen");
  }
  if (state->thrown) std::rethrow_exception(state->thrown);
  co_return std::move(*state->result);
}

}  // namespace kbs::storage::encrypted
