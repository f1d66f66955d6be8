#include "kbs/api/check_all.h"

#include <algorithm>

#include "storage/deadline.h"

namespace kbs::api {
namespace {

using Check = storage::Running<void>;

Result<> answer_of(const std::shared_ptr<Check>& check) {
  if (check->thrown) return fail(ErrorKind::internal, "the check ended with an exception");
  if (check->result) return *check->result;
  check->cancellation.emit(asio::cancellation_type::all);
  return fail(ErrorKind::unavailable, "no answer in time");
}

}  // namespace

awaitable<std::vector<Result<>>> check_all(std::vector<awaitable<Result<>>> checks,
                                           std::chrono::milliseconds limit,
                                           std::shared_ptr<const void> keep) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::vector<std::shared_ptr<Check>> running;
  running.reserve(checks.size());
  for (awaitable<Result<>>& check : checks)
    running.push_back(storage::start<void>(executor, std::move(check), keep));
  // One timer for all: each end wakes it, and it is waited for again until none is left.
  const auto waiting = std::make_shared<asio::steady_timer>(executor, limit);
  for (const auto& check : running) check->waiting = waiting;
  const auto ended = [](const auto& check) { return check->ended(); };
  bool patient = true;
  while (patient && !std::all_of(running.begin(), running.end(), ended)) {
    const auto [broken_off] = co_await waiting->async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state cancelled = co_await asio::this_coro::cancellation_state;
    patient = broken_off && cancelled.cancelled() == asio::cancellation_type::none;
  }
  std::vector<Result<>> answers;
  answers.reserve(running.size());
  for (const auto& check : running) answers.push_back(answer_of(check));
  co_return answers;
}

}  // namespace kbs::api
