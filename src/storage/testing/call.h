#pragma once
/// A call under way on a thread of its own, so that a test can cancel it or wait for a while.

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/async.h"

namespace kbs::storage::testing {

/// What came of a call: its result, or nothing because the cancellation went through it as Asio's
/// own exception.
template <class T>
struct Outcome {
  std::optional<T> result;
  bool threw = false;
};

/// Contexts that live as long as the program, used by one call after the other: what a cancelled
/// call left on a pool may come back long after the call (see `run_on`).
class Contexts {
 public:
  using Ptr = std::shared_ptr<asio::io_context>;

  static Ptr take() {
    Contexts& all = instance();
    const std::lock_guard guard(all.lock_);
    if (all.free_.empty()) {
      all.every_.push_back(std::make_shared<asio::io_context>(1));
      return all.every_.back();
    }
    Ptr context = std::move(all.free_.back());
    all.free_.pop_back();
    context->restart();
    return context;
  }
  static void give_back(Ptr context) {
    const std::lock_guard guard(instance().lock_);
    instance().free_.push_back(std::move(context));
  }

 private:
  static Contexts& instance() {
    static auto* all = new Contexts;  // never ends: nor may what it holds
    return *all;
  }
  std::mutex lock_;
  std::vector<Ptr> every_;
  std::vector<Ptr> free_;
};

template <class T>
class Call {
 public:
  explicit Call(awaitable<T> work) {
    auto done = [state = state_](std::exception_ptr error, T value) {
      Outcome<T> outcome;
      outcome.threw = error != nullptr;
      if (!error) outcome.result.emplace(std::move(value));
      state->ended = true;
      state->outcome.set_value(std::move(outcome));
    };
    asio::co_spawn(*context_, std::move(work),
                   asio::bind_cancellation_slot(state_->signal.slot(), std::move(done)));
    thread_ = std::thread([this] {
      context_->run();
      idle_.set_value();
    });
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  /// Cancels, and lets what the call began and does not break off come to its end (a server's
  /// contexts go on as well); what heeds not even that is left behind.
  ~Call() {
    cancel();
    if (idle_.get_future().wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
      context_->stop();
    }
    thread_.join();
    if (state_->ended) Contexts::give_back(std::move(context_));
  }

  /// Through the cancellation slot, on the call's own thread. As often as one likes.
  void cancel() {
    asio::post(*context_, [state = state_] {
      if (!state->ended) state->signal.emit(asio::cancellation_type::all);
    });
  }
  /// Once: what came of it, or nullopt when it is still under way after `limit`.
  std::optional<Outcome<T>> wait(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    if (future_.wait_for(limit) != std::future_status::ready) return std::nullopt;
    return future_.get();
  }

 private:
  /// Shared with what is queued: it may come up only when the context has its next call.
  struct State {
    asio::cancellation_signal signal;
    std::promise<Outcome<T>> outcome;
    bool ended = false;  ///< touched on the call's thread, and after it
  };

  Contexts::Ptr context_ = Contexts::take();
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::future<Outcome<T>> future_ = state_->outcome.get_future();
  std::promise<void> idle_;
  std::thread thread_;
};

}  // namespace kbs::storage::testing
