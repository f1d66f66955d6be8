#pragma once
/// One read of the backend that many wait for.

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "base/async.h"
#include "storage/backend.h"

namespace kbs::storage::cached {

/// What the backend said, shared by all who asked; whoever hands it out copies it.
using Answer = std::shared_ptr<const Result<Resource>>;

/// Thread-safe. Waiters may live on different contexts.
class Flight : public std::enable_shared_from_this<Flight> {
 public:
  explicit Flight(SteadyTime begun) noexcept : begun_(begun) {}

  SteadyTime begun() const noexcept { return begun_; }
  /// Where the read runs and what cancels it; before anybody else knows the flight.
  asio::cancellation_slot take_off(asio::any_io_executor executor);
  /// Ends the flight and wakes who waits. Null: it was broken off, ask anew. Once.
  void land(Answer answer);

  enum class Wait { landed, out_of_patience, cancelled };
  /// Waits for the end, or as long as `patience` says. The flight outlives the call.
  awaitable<Wait> wait(std::optional<std::chrono::milliseconds> patience);
  /// Once landed.
  Answer answer() const;
  /// Cancels the read unless somebody waits for it; whether it did.
  bool abandon();
  bool abandoned() const;

 private:
  using Waiter = std::shared_ptr<asio::steady_timer>;
  class Place;

  const SteadyTime begun_;
  mutable std::mutex lock_;
  bool landed_ = false;
  bool abandoned_ = false;
  Answer answer_;
  std::vector<Waiter> waiters_;
  asio::any_io_executor executor_;
  asio::cancellation_signal cancellation_;  // touched on the executor only
};

}  // namespace kbs::storage::cached
