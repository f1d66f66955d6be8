#pragma once
/// The open challenge, carried by the guest in its cookie under our MAC: nothing is stored for a
/// stranger, and any replica that shares the key can finish what another began (design decision 5).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attestation/tee.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/secret.h"

namespace kbs::rcar {

using SessionId = std::array<std::byte, 16>;

/// What `/auth` promised, as the cookie says it.
struct OpenChallenge {
  SessionId session;
  crypto::Sha256 nonce_digest;  ///< SHA-256 of the nonce text
  attestation::Tee tee;
  crypto::HashAlgorithm hash;
  std::uint8_t protocol =
      0x04;         ///< minor of protocol 0.x: which bodies and bindings the guest speaks
  SysTime expires;  ///< whole seconds
};

/// Makes and checks cookies. Keys rotate: the current one signs, the current and the previous
/// verify. Immutable; used by all workers at once.
class ChallengeCodec {
 public:
  /// `key` is 32 bytes or more; `previous` may be empty.
  explicit ChallengeCodec(const Secret& key, const Secret& previous = Secret());
  /// A key for this process alone.
  static ChallengeCodec random();

  /// base64url text, about 150 characters.
  std::string seal(const OpenChallenge& challenge) const;
  /// nullopt for anything we did not make; expiry is the caller's to check.
  std::optional<OpenChallenge> open(std::string_view cookie) const;

 private:
  struct Key {
    std::array<std::byte, 4> id;
    Secret bytes;
  };
  static Key derive(const Secret& key);
  Key current_;
  std::optional<Key> previous_;
};

}  // namespace kbs::rcar
