#pragma once
/// Inside `src/crypto` only: PEM (RFC 7468) block by block.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/openssl_ptr.h"
#include "crypto/secret.h"

namespace kbs::crypto {

/// One block between BEGIN and END.
struct PemBlock {
  std::string label;
  bool encrypted = false;  ///< has RFC 1421 headers, as traditional encrypted keys do
  SecretBytes der;
};

/// Takes the blocks of a text one after the other; text between them is skipped. Not thread-safe.
class PemReader {
 public:
  explicit PemReader(std::string_view text);
  /// The next block, nothing at the end, or `invalid_request` for a damaged one.
  Result<std::optional<PemBlock>> next();

 private:
  BioPtr bio_;
};

}  // namespace kbs::crypto
