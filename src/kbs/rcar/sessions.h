#pragma once
/// Attested sessions: the only thing kept of a handshake, and only once evidence has held.

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/async.h"
#include "base/clock.h"
#include "crypto/secret.h"
#include "kbs/rcar/challenge.h"

namespace kbs::rcar {

/// A session whose evidence held. The token is a bearer credential: kept in a `Secret`.
struct AttestedSession {
  std::shared_ptr<const Secret> token;
  SysTime attested_at;
  SysTime expires;  ///< the challenge's: attesting does not prolong it
};

/// Where attested sessions live. Called from any worker.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  /// nullopt when unknown or expired.
  virtual awaitable<Result<std::optional<AttestedSession>>> find(SessionId id) = 0;
  /// Stores if absent and returns what is there now: the first token wins. `unavailable` when full:
  /// a session is never dropped to make room.
  virtual awaitable<Result<AttestedSession>> insert_if_absent(SessionId id,
                                                              AttestedSession session) = 0;
};

/// Sessions in this process: sharded, bounded, expired ones dropped as others come.
class MemorySessions final : public SessionStore {
 public:
  MemorySessions(const Clock& clock, std::size_t max_bytes = std::size_t{512} << 20)
      : clock_(clock), max_shard_bytes_(max_bytes / kShards) {}

  awaitable<Result<std::optional<AttestedSession>>> find(SessionId id) override;
  awaitable<Result<AttestedSession>> insert_if_absent(SessionId id,
                                                      AttestedSession session) override;
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  struct Hash {
    std::size_t operator()(const SessionId& id) const noexcept;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<SessionId, AttestedSession, Hash> sessions;
    std::size_t bytes = 0;
    SysTime next_sweep{};
  };
  static std::size_t weight(const AttestedSession& session) { return session.token->size() + 256; }
  void sweep(Shard& shard, SysTime now);
  Shard& shard_of(const SessionId& id);

  const Clock& clock_;
  std::size_t max_shard_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kbs::rcar
