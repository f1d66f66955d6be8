#include "kbs/audit/line_reader.h"

#include <fcntl.h>

namespace kbs::audit {
namespace {

constexpr std::size_t kLongestLine = 2u << 20;
constexpr std::size_t kChunk = 256u << 10;

}  // namespace

Result<LineReader> LineReader::open(const std::string& path) {
  FileOps& files = system_files();
  SysResult<Fd> fd = files.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    const Error error = error_from_errno(fd.error(), "open");
    return fail(error.kind, "cannot open " + path, error.detail);
  }
  const SysResult<struct stat> st = files.fstat(fd->get());
  if (!st || !S_ISREG(st->st_mode)) {
    return fail(ErrorKind::invalid_request, path + " is no regular file");
  }
  return LineReader(std::move(*fd));
}

Result<std::optional<std::string_view>> LineReader::next(bool& complete) {
  for (;;) {
    const std::size_t feed = buffer_.find('\n', at_);
    if (feed != std::string::npos || end_) {
      complete = feed != std::string::npos;
      if (!complete && at_ == buffer_.size()) return std::optional<std::string_view>();
      const std::size_t size = (complete ? feed : buffer_.size()) - at_;
      const std::string_view line(buffer_.data() + at_, size);
      at_ += size + (complete ? 1 : 0);
      return std::optional(line);
    }
    KBS_OK(fill());
  }
}

Result<> LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  if (buffer_.size() > kLongestLine) {
    return fail(ErrorKind::invalid_request, "a line is too long: this is no audit file");
  }
  const std::size_t have = buffer_.size();
  buffer_.resize(have + kChunk);
  const std::span<char> room = std::span(buffer_).subspan(have);
  const SysResult<std::size_t> read =
      system_files().pread(fd_.get(), std::as_writable_bytes(room), offset_);
  if (!read) return tl::unexpected(error_from_errno(read.error(), "read the audit file"));
  buffer_.resize(have + *read);
  offset_ += static_cast<off_t>(*read);
  end_ = *read == 0;
  return {};
}

}  // namespace kbs::audit
