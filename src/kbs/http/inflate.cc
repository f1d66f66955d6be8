#include "kbs/http/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "kbs/http/message.h"

namespace kbs::http {
namespace {

/// zlib's window holds the last 32 KiB of plaintext, so what it frees is wiped. The size stands
/// before the block.
constexpr std::size_t kPrefix = alignof(std::max_align_t);

void* wiping_alloc(void*, unsigned items, unsigned size) {
  const std::size_t bytes = std::size_t{items} * size + kPrefix;
  auto* block = static_cast<std::byte*>(::operator new(bytes, std::nothrow));
  if (block == nullptr) return nullptr;
  new (block) std::size_t(bytes);
  return block + kPrefix;
}

void wiping_free(void*, void* data) {
  std::byte* block = static_cast<std::byte*>(data) - kPrefix;
  wipe(block, *reinterpret_cast<std::size_t*>(block));
  ::operator delete(block);
}

class Inflater {
 public:
  /// `window_bits` as inflateInit2 has it: 15+16 gzip, 15 zlib, -15 raw deflate.
  Inflater(int window_bits, SecretBytes& input) {
    stream_.zalloc = wiping_alloc;
    stream_.zfree = wiping_free;
    stream_.next_in = reinterpret_cast<Bytef*>(input.data());
    stream_.avail_in = static_cast<uInt>(input.size());
    good_ = inflateInit2(&stream_, window_bits) == Z_OK;
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<SecretBytes> run(std::size_t limit, bool members) {
    if (!good_) return fail(ErrorKind::unavailable, "out of memory", "inflateInit2");
    SecretBytes out;
    for (;;) {
      KBS_TRY(const bool ended, step(out, limit));
      if (!ended) continue;
      if (stream_.avail_in == 0) return out;
      // RFC 1952 §2.2: a gzip file is a series of members.
      if (!members || inflateReset(&stream_) != Z_OK) {
        return fail(ErrorKind::invalid_request, "bytes after the end of the compressed body");
      }
    }
  }

 private:
  /// Inflates one chunk. True at the end of a stream.
  Result<bool> step(SecretBytes& out, std::size_t limit) {
    constexpr std::size_t kChunk = 16384;
    const std::size_t before = out.size();
    // One byte more than allowed is asked for, so that exactly `limit` bytes can end well.
    out.resize(std::min(before + std::max(kChunk, before), limit + 1));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = static_cast<uInt>(out.size() - before);
    const int rc = inflate(&stream_, Z_NO_FLUSH);
    out.resize(out.size() - stream_.avail_out);
    if (out.size() > limit) return fail(ErrorKind::too_large, "payload reached size limit");
    if (rc == Z_STREAM_END) return true;
    // Z_BUF_ERROR: no progress is possible, so the stream stops short.
    if (rc != Z_OK || (stream_.avail_in == 0 && stream_.avail_out != 0)) {
      return fail(ErrorKind::invalid_request, "the compressed body is damaged or truncated");
    }
    return false;
  }

  z_stream stream_{};
  bool good_ = false;
};

/// RFC 1950 §2.2: the first two bytes of a zlib stream. Some senders of "deflate" leave them out.
bool has_zlib_header(const SecretBytes& body) {
  if (body.size() < 2) return false;
  const unsigned cmf = std::to_integer<unsigned>(body[0]);
  const unsigned flags = std::to_integer<unsigned>(body[1]);
  return (cmf & 0x0f) == 8 && (cmf >> 4) <= 7 && (cmf * 256 + flags) % 31 == 0;
}

}  // namespace

Result<SecretBytes> decode_content(std::string_view coding, SecretBytes body, std::size_t limit) {
  if (coding.empty() || same_name(coding, "identity")) return body;
  const bool gzip = same_name(coding, "gzip") || same_name(coding, "x-gzip");
  if (!gzip && !same_name(coding, "deflate")) {
    return fail(ErrorKind::unsupported,
                "content coding not supported: send gzip, deflate or identity");
  }
  if (body.empty()) return body;
  Inflater inflater(gzip ? 15 + 16 : has_zlib_header(body) ? 15 : -15, body);
  return inflater.run(limit, gzip);
}

}  // namespace kbs::http
