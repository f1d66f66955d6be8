#pragma once
/// X.509 chains: who may sign attestation tokens.

#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key.h"
#include "crypto/openssl_ptr.h"

namespace kbs::crypto {

/// Trust anchors. Immutable once built; usable from many threads.
class TrustStore {
 public:
  TrustStore();
  TrustStore(TrustStore&&) noexcept;
  TrustStore& operator=(TrustStore&&) noexcept;
  ~TrustStore();
  /// Adds every certificate of a PEM bundle; an empty bundle is an error.
  Result<> add_pem(std::string_view pem);
  std::size_t size() const noexcept { return count_; }
  X509_STORE* get() const noexcept { return store_.get(); }

 private:
  X509StorePtr store_;
  std::size_t count_ = 0;
};

/// What a verified chain says.
struct VerifiedChain {
  PublicKey leaf_key;
  SysTime not_after;  ///< the earliest end of validity in the chain: caches end there
};

/// RFC 5280 path validation of `chain_der` (leaf first, intermediates in any order) to a
/// self-signed root in `anchors`, at `now`. The leaf must be fit to sign tokens: keyUsage, if
/// present, has digitalSignature; if extendedKeyUsage is present and names only TLS purposes
/// (serverAuth, clientAuth) it is refused; a CA certificate itself is accepted as leaf only when it
/// is the trusted root (self-signed signer).
Result<VerifiedChain> verify_chain(std::span<const Bytes> chain_der, const TrustStore& anchors,
                                   SysTime now);

/// The certificates of a PEM bundle as DER, in order; `invalid_request` when there is none.
Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem);

/// The public key a DER certificate holds; nothing of the certificate is checked.
Result<PublicKey> certificate_key(std::span<const std::byte> der);

}  // namespace kbs::crypto
