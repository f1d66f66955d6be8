#pragma once
/// Inside `src/crypto` only: the shape of a streamed CMS message. OpenSSL's decoder takes a message
/// into memory whole; with the encrypted content cut out, what it takes is small.

#include "crypto/cms.h"

namespace kbs::crypto {

/// Where things are in the one shape that `CmsWriter` writes.
struct CmsLayout {
  Bytes frame;                ///< the message without its encrypted content: valid BER again
  std::uint64_t content = 0;  ///< where the pieces of encrypted content begin
};

/// Walks through the message to its end. Refuses every other shape as `invalid_request`: other
/// content ciphers, tags that are not 16 bytes (a short one could be guessed), bytes at the end.
Result<CmsLayout> find_cms_layout(const CmsSource& source);

/// The encrypted content, its pieces joined. Keeps a reference to `source`.
class CmsContent {
 public:
  CmsContent(const CmsSource& source, std::uint64_t begin) : source_(source), at_(begin) {}
  /// The next bytes, 0 at the end.
  Result<std::size_t> read(std::span<std::byte> into);
  /// Goes on to the end of the content without reading it; the offset behind it.
  Result<std::uint64_t> skip();

 private:
  /// At the beginning of the next piece with `left_` its size, or at the end.
  Result<> next_piece();

  const CmsSource& source_;
  std::uint64_t at_;
  std::uint64_t left_ = 0;
  bool ended_ = false;
};

}  // namespace kbs::crypto
