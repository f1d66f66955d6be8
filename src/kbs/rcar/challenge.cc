#include "kbs/rcar/challenge.h"

#include <algorithm>
#include <cstring>

#include "base/encoding.h"
#include "crypto/random.h"

namespace kbs::rcar {
namespace {

// Layout, all fixed: version 1 | key id 4 | session 16 | nonce digest 32 | TEE 1 | hash 1 |
// protocol 1 | expiry, seconds big-endian 8 | HMAC-SHA-256 over all before it 32.
constexpr std::byte kVersion{1};
constexpr std::size_t kBodySize = 1 + 4 + 16 + 32 + 1 + 1 + 1 + 8;
constexpr std::size_t kSize = kBodySize + 32;

template <std::size_t N>
void put(std::byte*& to, const std::array<std::byte, N>& from) {
  to = std::copy(from.begin(), from.end(), to);
}
template <std::size_t N>
void take(const std::byte*& from, std::array<std::byte, N>& to) {
  std::copy_n(from, N, to.begin());
  from += N;
}

}  // namespace

ChallengeCodec::Key ChallengeCodec::derive(const Secret& key) {
  // The configured key may serve other purposes too: ours is derived from it under a label.
  const crypto::Sha256 derived =
      crypto::hmac_sha256(key, as_bytes("vouchsafe challenge cookie v1"));
  Key out{{}, Secret(derived)};
  const crypto::Sha256 id = crypto::hmac_sha256(out.bytes, as_bytes("key id"));
  std::copy_n(id.begin(), out.id.size(), out.id.begin());
  return out;
}

ChallengeCodec::ChallengeCodec(const Secret& key, const Secret& previous) : current_(derive(key)) {
  if (!previous.empty()) previous_ = derive(previous);
}

ChallengeCodec ChallengeCodec::random() { return ChallengeCodec(crypto::random_secret(32)); }

std::string ChallengeCodec::seal(const OpenChallenge& challenge) const {
  std::array<std::byte, kSize> raw;
  std::byte* to = raw.data();
  *to++ = kVersion;
  put(to, current_.id);
  put(to, challenge.session);
  put(to, challenge.nonce_digest);
  *to++ = static_cast<std::byte>(challenge.tee);
  *to++ = static_cast<std::byte>(challenge.hash);
  *to++ = std::byte{challenge.protocol};
  const auto seconds = static_cast<std::uint64_t>(unix_seconds(challenge.expires));
  for (int shift = 56; shift >= 0; shift -= 8) *to++ = static_cast<std::byte>(seconds >> shift);
  put(to, crypto::hmac_sha256(current_.bytes, std::span(raw).first(kBodySize)));
  return base64url(raw);
}

std::optional<OpenChallenge> ChallengeCodec::open(std::string_view cookie) const {
  if (cookie.size() != (kSize * 4 + 2) / 3) return std::nullopt;
  const auto raw = from_base64url(cookie);
  if (!raw || raw->size() != kSize || raw->front() != kVersion) return std::nullopt;
  const std::byte* from = raw->data() + 1;
  std::array<std::byte, 4> key_id;
  take(from, key_id);
  const Key* key = key_id == current_.id                  ? &current_
                   : previous_ && key_id == previous_->id ? &*previous_
                                                          : nullptr;
  if (!key) return std::nullopt;
  const crypto::Sha256 mac = crypto::hmac_sha256(key->bytes, std::span(*raw).first(kBodySize));
  if (!crypto::equal_in_constant_time(mac, std::span(*raw).last(32))) return std::nullopt;

  OpenChallenge challenge{};
  take(from, challenge.session);
  take(from, challenge.nonce_digest);
  challenge.tee = static_cast<attestation::Tee>(*from++);
  challenge.hash = static_cast<crypto::HashAlgorithm>(*from++);
  challenge.protocol = static_cast<std::uint8_t>(*from++);
  std::uint64_t seconds = 0;
  for (int i = 0; i < 8; ++i) seconds = seconds << 8 | static_cast<std::uint8_t>(*from++);
  challenge.expires = SysTime{std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
  return challenge;
}

}  // namespace kbs::rcar
