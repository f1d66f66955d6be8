#pragma once
/// A call that may hang, given an end.

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "base/async.h"

namespace kbs::storage {

/// A call that runs beside its caller, on the same executor, and what came of it. Touched on that
/// executor only, which runs one thing at a time: a context with one thread, or a strand.
template <class T>
struct Running {
  std::optional<Result<T>> result;
  std::exception_ptr thrown;
  asio::cancellation_signal cancellation;
  /// Who waits for the end; shared, so that one timer can wait for many calls.
  std::shared_ptr<asio::steady_timer> waiting;

  bool ended() const noexcept { return result || thrown; }
  void wake() const {
    if (waiting) waiting->cancel();
  }
};

template <class T>
awaitable<> carry_out(std::shared_ptr<Running<T>> running, awaitable<Result<T>> work,
                      std::shared_ptr<const void> /*owner*/) {
  Result<T> result = co_await std::move(work);
  running->result.emplace(std::move(result));
  running->wake();
}

/// Starts `work`; what needs no waiting has ended when this returns. `owner` lives as long as the
/// call, which nobody may be waiting for any more.
template <class T>
std::shared_ptr<Running<T>> start(const asio::any_io_executor& executor, awaitable<Result<T>> work,
                                  std::shared_ptr<const void> owner) {
  auto running = std::make_shared<Running<T>>();
  auto done = [running](std::exception_ptr thrown) {
    if (!thrown) return;
    running->thrown = std::move(thrown);
    running->wake();
  };
  asio::co_spawn(executor, carry_out<T>(running, std::move(work), std::move(owner)),
                 asio::bind_cancellation_slot(running->cancellation.slot(), std::move(done)));
  return running;
}

/// The answer of `work`, or `unavailable` after `limit` or when the caller is cancelled: `work` is
/// then cancelled and left to itself, with its `owner`. A change cut off in this way may still
/// happen. No timer is made when `work` ends without waiting for anything. Threads: as `Running`.
template <class T>
awaitable<Result<T>> with_deadline(awaitable<Result<T>> work, std::shared_ptr<const void> owner,
                                   std::chrono::milliseconds limit) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto running = start<T>(executor, std::move(work), std::move(owner));
  if (!running->ended()) {
    running->waiting = std::make_shared<asio::steady_timer>(executor, limit);
    const auto [broken_off] =
        co_await running->waiting->async_wait(asio::as_tuple(asio::use_awaitable));
    if (!running->ended()) {
      running->cancellation.emit(asio::cancellation_type::all);
      co_return fail(
          ErrorKind::unavailable,
          broken_off ? "cancelled" : "no answer within " + std::to_string(limit.count()) + " ms");
    }
  }
  if (running->thrown) std::rethrow_exception(running->thrown);
  co_return std::move(*running->result);
}

}  // namespace kbs::storage
