#include "kbs/rcar/sessions.h"

#include <cstring>

namespace kbs::rcar {

// Session ids are random: their bytes spread well as they are.
std::size_t MemorySessions::Hash::operator()(const SessionId& id) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, id.data(), sizeof value);
  return value;
}

MemorySessions::Shard& MemorySessions::shard_of(const SessionId& id) {
  return shards_[std::to_integer<std::size_t>(id.back()) % kShards];
}

awaitable<Result<std::optional<AttestedSession>>> MemorySessions::find(SessionId id) {
  Shard& shard = shard_of(id);
  const SysTime now = clock_.now();
  std::optional<AttestedSession> found;
  {
    std::lock_guard lock(shard.mutex);
    if (auto it = shard.sessions.find(id);
        it != shard.sessions.end() && it->second.expires >= now) {
      found = it->second;
    }
  }
  co_return found;
}

awaitable<Result<AttestedSession>> MemorySessions::insert_if_absent(SessionId id,
                                                                    AttestedSession session) {
  Shard& shard = shard_of(id);
  const SysTime now = clock_.now();
  const std::size_t more = weight(session);
  Result<AttestedSession> result = session;
  {
    std::lock_guard lock(shard.mutex);
    sweep(shard, now);
    if (auto it = shard.sessions.find(id); it != shard.sessions.end()) {
      result = it->second;
    } else if (shard.bytes + more > max_shard_bytes_) {
      result = fail(ErrorKind::unavailable, "too many open sessions: try again later",
                    "session memory is full; see attestation_service.timeout");
    } else {
      shard.sessions.emplace(id, std::move(session));
      shard.bytes += more;
    }
  }
  co_return result;
}

void MemorySessions::sweep(Shard& shard, SysTime now) {
  // At most once in ten seconds and shard, unless it is nearly full: then freed room matters at
  // once.
  if (now < shard.next_sweep && shard.bytes < max_shard_bytes_ / 10 * 9) return;
  shard.next_sweep = now + std::chrono::seconds{10};
  for (auto it = shard.sessions.begin(); it != shard.sessions.end();) {
    if (it->second.expires < now) {
      shard.bytes -= weight(it->second);
      it = shard.sessions.erase(it);
    } else {
      ++it;
    }
  }
}

std::size_t MemorySessions::size() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    total += shard.sessions.size();
  }
  return total;
}

}  // namespace kbs::rcar
