#pragma once
/// EAR: the attestation token (draft-ietf-rats-ear as the reference writes it). Facts:
/// spec/attestation-token.md §6.

#include <string>
#include <vector>

#include "attestation/embedded/appraisal.h"
#include "attestation/embedded/embedded.h"
#include "base/clock.h"
#include "crypto/key.h"

namespace kbs::attestation::embedded {

/// One submodule of the token.
struct Submodule {
  std::string name;  ///< class and running number: "cpu0"
  Appraisal appraisal;
  std::string annotated_evidence;  ///< JSON text, which was the policy's input
};

/// Makes and signs tokens. Immutable; used by all workers at once.
class TokenBroker {
 public:
  /// Reads the signer's files, or makes a key for this process. Errors name the option and the
  /// file.
  static Result<TokenBroker> make(TokenBrokerOptions options);
  /// The compact JWS.
  Result<std::string> issue(const std::vector<Submodule>& submodules, SysTime now) const;
  const TokenBrokerOptions& options() const noexcept { return options_; }
  crypto::PublicKey public_key() const { return key_.public_key(); }

 private:
  TokenBroker(TokenBrokerOptions options, crypto::PrivateKey key, std::string header)
      : options_(std::move(options)), key_(std::move(key)), header_(std::move(header)) {}
  TokenBrokerOptions options_;
  crypto::PrivateKey key_;
  std::string header_;  ///< the same for every token
};

}  // namespace kbs::attestation::embedded
