#pragma once
/// Verified tokens by digest, one cache per worker: no lock, bounded in bytes. Entries end when the
/// token or a certificate behind it does; the whole cache ends with the trust material it was
/// filled under.

#include <array>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include "crypto/digest.h"
#include "kbs/token/verifier.h"

namespace kbs::token {

/// Not thread-safe: it belongs to one worker.
class TokenCache {
 public:
  explicit TokenCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// The token from the cache, or verified now. `generation` names the trust material of
  /// `verifier`.
  Result<VerifiedTokenPtr> verify(const TokenVerifier& verifier, std::uint64_t generation,
                                  std::string_view token, SysTime now);
  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const crypto::Sha256& digest) const noexcept;
  };
  struct Item {
    crypto::Sha256 digest;
    VerifiedTokenPtr token;
  };
  void clear();
  void insert(const crypto::Sha256& digest, const VerifiedTokenPtr& token);
  void erase(std::list<Item>::iterator item);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t generation_ = 0;
  std::list<Item> recent_;  ///< most recently used first
  std::unordered_map<crypto::Sha256, std::list<Item>::iterator, Hash> entries_;
};

}  // namespace kbs::token
