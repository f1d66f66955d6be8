#pragma once
/// Several jobs in flight, never more than wanted.

#include <memory>

#include "base/async.h"

namespace kbs::storage::transfer {

/// Used by one coroutine, on an executor that runs one thing at a time (a context with one thread,
/// a strand); the jobs run there too. Jobs own what they use: should their user be cancelled, they
/// outlive it.
class Crew {
 public:
  explicit Crew(std::size_t size);
  /// Starts `job`, once fewer than `size` are at work.
  awaitable<> submit(awaitable<> job);
  /// Waits for all of them. Throws what one of them threw.
  awaitable<> finish();

 private:
  struct State;
  awaitable<> wait();
  std::shared_ptr<State> state_;
  std::size_t size_;
};

}  // namespace kbs::storage::transfer
