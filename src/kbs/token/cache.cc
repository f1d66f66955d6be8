#include "kbs/token/cache.h"

#include <cstring>

#include "base/encoding.h"

namespace kbs::token {

// A digest is uniform already: its first bytes are as good a hash as any, and no stranger can steer
// them cheaply into one bucket.
std::size_t TokenCache::Hash::operator()(const crypto::Sha256& digest) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, digest.data(), sizeof value);
  return value;
}

Result<VerifiedTokenPtr> TokenCache::verify(const TokenVerifier& verifier, std::uint64_t generation,
                                            std::string_view token, SysTime now) {
  if (generation != generation_) {
    clear();
    generation_ = generation;
  }
  const crypto::Sha256 digest = crypto::sha256(as_bytes(token));
  if (auto found = entries_.find(digest); found != entries_.end()) {
    if (now <= found->second->token->trusted_until) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->token;
    }
    erase(found->second);  // verified anew below, which says what is wrong now
  }
  auto verified = verifier.verify(token, digest, now);
  if (verified) insert(digest, *verified);
  return verified;
}

void TokenCache::clear() {
  entries_.clear();
  recent_.clear();
  bytes_ = 0;
}

void TokenCache::erase(std::list<Item>::iterator item) {
  bytes_ -= item->token->cost;
  entries_.erase(item->digest);
  recent_.erase(item);
}

void TokenCache::insert(const crypto::Sha256& digest, const VerifiedTokenPtr& token) {
  if (token->cost > max_bytes_) return;
  while (bytes_ + token->cost > max_bytes_) erase(std::prev(recent_.end()));
  recent_.push_front({digest, token});
  entries_.emplace(digest, recent_.begin());
  bytes_ += token->cost;
}

}  // namespace kbs::token
