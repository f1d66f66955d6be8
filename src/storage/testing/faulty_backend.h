#pragma once
/// A backend around another, for the tests of decorators: it counts, fails, delays, stalls and
/// reports changes as it is told.

#include <array>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/backend.h"

namespace kbs::storage::testing {

enum class Op { read, write, remove, undelete, list, versions, destroy, replace, health };
inline constexpr std::size_t kOps = 9;
std::string_view to_string(Op op) noexcept;

/// Thread-safe. Calls that fail on order do not reach the inner backend.
class FaultyBackend final : public Backend {
 public:
  explicit FaultyBackend(BackendPtr inner);
  ~FaultyBackend() override;

  /// What it says it can do, instead of what the inner backend does. Before the first call.
  void declare(const Capabilities& capabilities);

  /// Calls that arrived, failed and waiting ones included.
  std::size_t calls(Op op) const;
  std::size_t calls() const;
  /// The calls as text, in the order of arrival: "read default/key/1", "read default/key/1 @v7" for
  /// a named version, "list prefix", "health".
  std::vector<std::string> record() const;
  void forget_calls();

  /// The next `count` calls (of `op`, if given) fail with `kind`; `SIZE_MAX` is all until `heal`.
  void fail_next(std::size_t count, ErrorKind kind, std::optional<Op> op = {});
  /// Ends `fail_next`, `hold` and `stall`; who waits at the gate goes on.
  void heal();

  enum class Gate {
    before,  ///< the inner backend has not been asked yet
    after    ///< it has answered, and the answer is on its way
  };
  /// From now on every call (of `op`, if given) waits at the gate.
  void hold(Gate gate, std::optional<Op> op = {});
  /// Lets those go that wait and opens the gate.
  void release();
  /// Lets the one go that waits longest, the gate stays shut; false when none waits.
  bool release_one();
  /// From now on calls wait until they are cancelled, or fail as `unavailable`: by `heal`, or after
  /// `limit`, as those of a client with a deadline of its own.
  void stall(std::optional<Op> op = {},
             std::chrono::milliseconds limit = std::chrono::milliseconds::max());
  /// How many wait now, at the gate or stalled.
  std::size_t waiting() const;
  /// Blocks until `count` or more wait; false when that took longer than `limit`.
  bool await_waiting(std::size_t count,
                     std::chrono::milliseconds limit = std::chrono::seconds(20)) const;

  /// Calls every listener of `watch`, as a change by other hands would. Whether it can `watch` is
  /// told by `declare`d `notices_changes`; the inner backend is not asked.
  void tell(std::string_view prefix);
  /// Subscriptions alive.
  std::size_t listeners() const;
  /// From now on `watch` gives null: the system has no watches left.
  void refuse_watches();

  const Capabilities& capabilities() const noexcept override { return can_; }
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override;
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override;
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override;
  awaitable<Result<>> undelete(ResourceId id) override;
  awaitable<Result<Page>> list(ListOptions options) override;
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override;
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override;
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override;
  std::shared_ptr<void> watch(ChangeListener listener) override;
  awaitable<Result<>> health() override;

 private:
  struct Waiter;
  struct Listeners;

  /// Notes the call; what is to become of it before the inner backend is asked.
  std::optional<Error> arrive(Op op, std::string text);
  awaitable<Result<>> pass(Gate gate, Op op);
  awaitable<Result<>> begin(Op op, std::string text);
  /// `begin`, the inner call, and the gate behind it.
  template <class T>
  awaitable<Result<T>> forward(Op op, std::string text, awaitable<Result<T>> inner);
  void wake(const std::shared_ptr<Waiter>& waiter, bool fails);

  const BackendPtr inner_;
  Capabilities can_;
  mutable std::mutex lock_;
  mutable std::condition_variable arrived_;
  std::array<std::size_t, kOps> calls_{};
  std::vector<std::string> record_;
  std::size_t failures_ = 0;
  ErrorKind failure_ = ErrorKind::unavailable;
  std::optional<Op> failing_;
  struct Held {
    std::optional<Gate> gate;
    std::optional<Op> op;
    bool stalled = false;
    std::chrono::milliseconds limit = std::chrono::milliseconds::max();
  };
  Held held_;
  std::list<std::shared_ptr<Waiter>> waiters_;
  std::shared_ptr<Listeners> listeners_;
};

}  // namespace kbs::storage::testing
