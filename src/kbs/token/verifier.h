#pragma once
/// Decides which attestation tokens to believe. Facts and order of checks:
/// spec/attestation-token.md §3.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "kbs/token/token.h"

namespace kbs::token {

/// `[attestation_token]`, with the files it names.
struct TrustOptions {
  std::vector<std::string> certificate_files;   ///< PEM bundles: anchors of x5c chains
  std::vector<std::string> jwk_set_files;       ///< paths or file:// URIs
  std::vector<std::string> extra_teekey_paths;  ///< JSON pointers
  bool insecure_header_jwk = false;             ///< believe any key in the header: tests only
  std::optional<crypto::PublicKey> own_key;     ///< of the attestation service in this process
};

/// Immutable after construction; used by all workers at once.
class TokenVerifier {
 public:
  /// Reads every file; the message names the one at fault and the remedy.
  static Result<std::shared_ptr<const TokenVerifier>> make(TrustOptions options);

  /// `unauthenticated` for anything we do not believe; the detail says which check failed, for the
  /// log.
  Result<VerifiedTokenPtr> verify(std::string_view token, SysTime now) const;
  /// The same, for a caller who has the token's SHA-256 already.
  Result<VerifiedTokenPtr> verify(std::string_view token, const crypto::Sha256& digest,
                                  SysTime now) const;

 private:
  struct SetKey {
    std::string kid;
    std::optional<crypto::JwsAlgorithm>
        algorithm;  ///< of the key itself; a key without verifies nothing
    crypto::PublicKey key;
  };
  /// The key that must have signed, the algorithm it stands for, and until when we trust it.
  struct Signer {
    crypto::PublicKey key;
    crypto::JwsAlgorithm algorithm;
    std::optional<SysTime> not_after;
  };

  explicit TokenVerifier(TrustOptions options);
  Result<> load_jwk_set(const std::string& source);
  Result<Signer> choose_signer(const crypto::ParsedJws& jws, SysTime now) const;
  Result<Signer> signer_from_header_key(const json::value& jwk, SysTime now) const;
  Result<Signer> signer_from_set(std::string_view kid) const;

  TrustOptions options_;
  json::object own_jwk_;  ///< public members of `own_key`
  crypto::TrustStore anchors_;
  std::vector<SetKey> set_keys_;
};

}  // namespace kbs::token
