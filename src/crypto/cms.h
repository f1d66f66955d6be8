#pragma once
/// CMS AuthEnvelopedData (RFC 5083, 5084): encrypted and authenticated messages of any length,
/// written and read piece by piece. What is written here, `openssl cms -decrypt -inform DER` reads.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key.h"
#include "crypto/secret.h"

namespace kbs::crypto {

/// Takes the next bytes of the message; a failure of it is a failure of the writer.
using CmsSink = std::function<Result<>(std::span<const std::byte> bytes)>;
/// Puts bytes of the message from `offset` on into `into`; how many, 0 at the end.
using CmsSource =
    std::function<Result<std::size_t>(std::span<std::byte> into, std::uint64_t offset)>;

/// Who can open the message: each of them alone.
struct CmsRecipients {
  std::vector<std::string> certificates;  ///< PEM; the first of each text
  std::optional<Secret> password;
  int iterations = 1'300'000;  ///< of PBKDF2; fewer in tests only
};

/// Writes one message: AES-256-GCM under a fresh key, wrapped for each recipient by RSA-OAEP, ECDH
/// (both with SHA-256), or the password (RFC 3211). Not thread-safe.
class CmsWriter {
 public:
  /// `invalid_request` without recipients, and for a certificate that is malformed, expired or not
  /// yet valid at `now`, or whose key cannot encrypt or may not.
  static Result<CmsWriter> begin(const CmsRecipients& recipients, SysTime now, CmsSink sink);
  CmsWriter(CmsWriter&&) noexcept;
  CmsWriter& operator=(CmsWriter&&) noexcept;
  ~CmsWriter();

  /// `too_large` beyond what one key may encrypt: 64 GiB.
  Result<> write(std::span<const std::byte> bytes);
  /// Writes the end with the authentication tag. Without it the message is worthless. An empty
  /// message is refused (`invalid_request`).
  Result<> finish();

 private:
  struct State;
  explicit CmsWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What opens a message: one of the two.
struct CmsKey {
  std::optional<PrivateKey> key;
  std::optional<Secret> password;
};

/// Reads one message that `CmsWriter` wrote (AES-256-GCM, a tag of 16 bytes, streamed BER, nothing
/// behind it); others are `invalid_request`. Memory does not grow with the message. Not
/// thread-safe.
class CmsReader {
 public:
  /// Looks through the whole message for its shape. `denied` when `key` is not of a recipient.
  static Result<CmsReader> open(const CmsKey& key, CmsSource source);
  CmsReader(CmsReader&&) noexcept;
  CmsReader& operator=(CmsReader&&) noexcept;
  ~CmsReader();

  /// The next bytes; 0 at the end, and only when everything read was authentic: until then none of
  /// it may be acted on. `invalid_request` at the end when it was not.
  Result<std::size_t> read(std::span<std::byte> into);

 private:
  struct State;
  explicit CmsReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kbs::crypto
