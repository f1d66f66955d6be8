#pragma once
/// What every resource should be, in memory.

#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "storage/encrypted/bytes.h"

namespace kbs::storage::encrypted {

/// What one resource is, as the manifest has it.
struct State {
  enum class Kind : std::uint8_t { absent, live, kept };  ///< kept: deleted, for undelete
  static constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::min();

  Seq seq{};
  std::uint64_t size = 0;             ///< of the value, in bytes
  std::int64_t not_after = kForever;  ///< microseconds since the epoch
  Kind kind = Kind::absent;

  std::optional<SysTime> expiry() const {
    if (not_after == kForever) return std::nullopt;
    return SysTime{std::chrono::microseconds{not_after}};
  }
  friend bool operator==(const State&, const State&) = default;
};

/// Of a kept version whose seq nobody could read: any genuine one.
inline constexpr Seq kAnySeq{};

/// A change that was announced and whose outcome is not written down yet. Until it is, the resource
/// may be either.
struct Intent {
  std::uint64_t number = 0;  ///< unique; from its place in the journal
  State next;
};

struct View {
  State current;
  std::vector<Intent> intents;
};

/// Everything at one moment, for checkpoints.
struct Books {
  std::unordered_map<std::string, State> current;
  std::unordered_map<std::string, std::vector<Intent>> intents;
};

/// Thread-safe; some 140 bytes a resource. Changed only by what the journal says.
class Ledger {
 public:
  /// A moment, for `agrees`. Take it before looking at the store.
  std::uint64_t mark(const std::string& path) const noexcept;
  /// Whether `seen` (nullopt: nothing was there) is what the resource is, may be, or was at some
  /// moment since `since`: a reader may have met a value just before a writer replaced it.
  bool agrees(const std::string& path, const std::optional<Seq>& seen, std::uint64_t since) const;

  View view(const std::string& path) const;
  State current(const std::string& path) const;

  void announce(const std::string& path, const Intent& intent);
  /// Makes the intent's state the current one and forgets all other intents of that path: each was
  /// conditional on what is no more. Nothing when it is not announced (any more).
  void confirm(const std::string& path, std::uint64_t number);
  /// Makes `state` the current one, whatever was announced.
  void set(const std::string& path, const State& state);
  void withdraw(const std::string& path, std::uint64_t number);

  std::size_t size() const;
  bool has_intents() const noexcept { return intents_.load() != 0; }
  std::vector<std::string> undecided() const;  ///< paths with intents
  std::vector<std::string> all(State::Kind kind) const;
  Books copy() const;
  void replace(Books books);
  /// Exchanges the contents with `other`, which nobody else uses.
  void take_over(Ledger& other);

 private:
  struct Former {
    std::size_t path = 0;  ///< its hash
    Seq seq{};             ///< zeros: nothing was there
    std::uint64_t ended = 0;
  };
  struct Shard {
    mutable std::mutex lock;
    std::unordered_map<std::string, State> current;
    std::unordered_map<std::string, std::vector<Intent>> intents;
    std::array<Former, 64> former{};
    std::atomic<std::uint64_t> moment{0};
  };

  void move_on(Shard& at, const std::string& path, const State& next);
  static std::size_t hash(const std::string& path) noexcept;
  Shard& shard(const std::string& path) noexcept;
  const Shard& shard(const std::string& path) const noexcept;

  std::array<Shard, 64> shards_;
  std::atomic<std::size_t> intents_{0};
};

}  // namespace kbs::storage::encrypted
