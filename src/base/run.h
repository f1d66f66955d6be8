#pragma once
/// Runs one coroutine to its end on a context of its own: start-up, command-line programs, tests.

#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/async.h"

namespace kbs {

/// Blocks the calling thread until `work` is done. What it threw is thrown here.
template <class T>
T run_to_end(awaitable<T> work) {
  asio::io_context context(1);
  std::optional<T> result;
  std::exception_ptr error;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T value) {
    error = e;
    result.emplace(std::move(value));
  });
  context.run();
  if (error) std::rethrow_exception(error);
  return std::move(*result);
}

}  // namespace kbs
