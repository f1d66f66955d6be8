#pragma once
/// Coroutines: one `awaitable` for all, and the one way to run what blocks.

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"
#include "base/result.h"

namespace kbs {

namespace asio = boost::asio;
template <class T = void>
using awaitable = asio::awaitable<T>;

/// Runs blocking `work` on `pool` and resumes here with its result, or with `unavailable` at the
/// deadline. `work` returns a Result and does not throw. A write past its deadline may still
/// happen. Threads: `work` runs on the pool; the coroutine resumes on its own executor. The pool is
/// joined before the caller's context is destroyed.
template <class F>
awaitable<std::invoke_result_t<F&>> run_on(asio::thread_pool& pool, F work, SteadyTime deadline) {
  using R = std::invoke_result_t<F&>;
  struct State {
    std::optional<R> result;
    asio::steady_timer done;
  };
  auto ex = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(State{std::nullopt, asio::steady_timer(ex, deadline)});
  auto job = [state, ex, work = std::move(work)]() mutable {
    R r = work();
    asio::post(ex, [state = std::move(state), r = std::move(r)]() mutable {
      state->result.emplace(std::move(r));
      state->done.cancel();
    });
  };
  asio::post(pool, std::move(job));
  (void)co_await state->done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!state->result) co_return fail(ErrorKind::unavailable, "timed out");
  co_return std::move(*state->result);
}

}  // namespace kbs
