#include "crypto/cms_layout.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace kbs::crypto {
namespace {

using namespace std::string_view_literals;

// The texts are DER and BER: tag, length (0x80: until two zero bytes), value.
/// ContentInfo { id-smime-ct-authEnvelopedData, AuthEnvelopedData { version 0
constexpr auto kBegin =
    "\x30\x80\x06\x0B\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x17\xA0\x80\x30\x80\x02\x01\x00"sv;
/// EncryptedContentInfo { id-data
constexpr auto kContentType = "\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01"sv;
/// AlgorithmIdentifier { id-aes256-GCM, GCMParameters { nonce of 12 bytes
constexpr auto kCipher = "\x30\x1E\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2E\x30\x11\x04\x0C"sv;
constexpr std::size_t kNonce = 12;
/// … and a tag of 16 } }, [0] encryptedContent
constexpr auto kContent = "\x02\x01\x10\xA0\x80"sv;
/// End of EncryptedContentInfo, mac OCTET STRING of 16 bytes
constexpr auto kMac = "\0\0\x04\x10"sv;
constexpr std::size_t kMacBytes = 16;
/// The ends of AuthEnvelopedData, its [0], and ContentInfo
constexpr auto kEnd = "\0\0\0\0\0\0"sv;

constexpr unsigned kSet = 0x31;
constexpr unsigned kOctetString = 0x04;
constexpr std::uint64_t kMaxRecipients = 1u << 20;

auto refused() {
  return fail(ErrorKind::invalid_request,
              "this is not a whole message of this kind: it is truncated, damaged, or something "
              "else");
}

Result<> read_fully(const CmsSource& source, std::uint64_t at, std::span<std::byte> into) {
  while (!into.empty()) {
    KBS_TRY(const std::size_t got, source(into, at));
    if (got == 0) return refused();
    into = into.subspan(got);
    at += got;
  }
  return {};
}

struct Header {
  unsigned tag = 0;
  std::uint64_t size = 0;    ///< of the value
  std::uint64_t header = 0;  ///< of tag and length
};

/// A tag of one byte and a definite length of at most four.
Result<Header> read_header(const CmsSource& source, std::uint64_t at) {
  std::array<std::byte, 4> rest{};
  std::array<std::byte, 2> first{};
  KBS_OK(read_fully(source, at, first));
  Header header{std::to_integer<unsigned>(first[0]), std::to_integer<unsigned>(first[1]), 2};
  if (header.size < 0x80) return header;
  const std::size_t more = header.size - 0x80;
  if (more < 1 || more > rest.size()) return refused();
  KBS_OK(read_fully(source, at + 2, std::span(rest).first(more)));
  header.size = 0;
  for (std::size_t i = 0; i < more; ++i) {
    header.size = header.size << 8 | std::to_integer<unsigned>(rest[i]);
  }
  header.header += more;
  return header;
}

/// Copies what comes next in a message into its frame, and makes sure of it.
class FrameReader {
 public:
  explicit FrameReader(const CmsSource& source) : source_(source) {}

  Result<> expect(std::string_view text) {
    const std::size_t before = frame_.size();
    KBS_OK(take(text.size()));
    if (as_text(frame_).substr(before) != text) return refused();
    return {};
  }
  Result<> take(std::uint64_t size) {
    const std::size_t before = frame_.size();
    frame_.resize(before + size);
    KBS_OK(read_fully(source_, at_, std::span(frame_).subspan(before)));
    at_ += size;
    return {};
  }
  Result<> take_recipients() {
    KBS_TRY(const Header set, read_header(source_, at_));
    if (set.tag != kSet || set.size > kMaxRecipients) return refused();
    return take(set.header + set.size);
  }
  /// Leaves out the content that begins here; where it does.
  Result<std::uint64_t> leave_out_content() {
    const std::uint64_t begin = at_;
    CmsContent content(source_, begin);
    KBS_TRY(at_, content.skip());
    return begin;
  }
  Result<> expect_end() {
    std::array<std::byte, 1> more{};
    KBS_TRY(const std::size_t got, source_(more, at_));
    if (got != 0) return refused();
    return {};
  }
  /// Undoes the beginning of a value whose content was left out.
  void drop(std::size_t bytes) { frame_.resize(frame_.size() - bytes); }
  Bytes frame() && { return std::move(frame_); }

 private:
  const CmsSource& source_;
  std::uint64_t at_ = 0;
  Bytes frame_;
};

}  // namespace

Result<> CmsContent::next_piece() {
  while (left_ == 0 && !ended_) {
    KBS_TRY(const Header piece, read_header(source_, at_));
    at_ += piece.header;
    ended_ = piece.tag == 0 && piece.size == 0;
    if (!ended_ && piece.tag != kOctetString) return refused();
    left_ = piece.size;
  }
  return {};
}

Result<std::size_t> CmsContent::read(std::span<std::byte> into) {
  KBS_OK(next_piece());
  if (ended_) return std::size_t{0};
  const std::size_t wanted = std::min<std::uint64_t>(left_, into.size());
  KBS_TRY(const std::size_t got, source_(into.first(wanted), at_));
  if (got == 0 && wanted != 0) return refused();
  at_ += got;
  left_ -= got;
  return got;
}

Result<std::uint64_t> CmsContent::skip() {
  for (;;) {
    KBS_OK(next_piece());
    if (ended_) return at_;
    at_ += left_;
    left_ = 0;
  }
}

Result<CmsLayout> find_cms_layout(const CmsSource& source) {
  FrameReader reader(source);
  CmsLayout layout;
  KBS_OK(reader.expect(kBegin));
  KBS_OK(reader.take_recipients());
  KBS_OK(reader.expect(kContentType));
  KBS_OK(reader.expect(kCipher));
  KBS_OK(reader.take(kNonce));
  KBS_OK(reader.expect(kContent));
  reader.drop(2);  // [0] without what is in it
  KBS_TRY(layout.content, reader.leave_out_content());
  KBS_OK(reader.expect(kMac));
  KBS_OK(reader.take(kMacBytes));
  KBS_OK(reader.expect(kEnd));
  KBS_OK(reader.expect_end());
  layout.frame = std::move(reader).frame();
  return layout;
}

}  // namespace kbs::crypto
