// However the bytes of a connection are cut into pieces, the parser reads the same requests out of
// them, keeps its bounds, and never reads past the end of a request.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "kbs/http/parser.h"

namespace {

using namespace kbs;

void require(bool promise) {
  if (!promise) std::abort();
}

/// Everything read from `stream`, presented `piece` bytes more at a time, as one text.
std::string read_all(std::string_view stream, std::size_t piece, const http::Limits& limits) {
  http::RequestParser parser(limits);
  std::string seen;
  std::size_t from = 0;
  for (std::size_t to = 0; to < stream.size();) {
    to = std::min(stream.size(), to + piece);
    while (from < to) {
      const std::size_t used = parser.feed(as_bytes(stream.substr(from, to - from)));
      require(used <= to - from);
      from += used;
      if (parser.state() == http::RequestParser::State::complete) {
        http::Request request;
        if (!parser.take(request)) return seen;
        require(request.body.size() <= limits.max_body_bytes);
        require(request.headers.size() <= limits.max_header_lines);
        require(is_utf8(request.path));
        seen += '|' + request.method_name + ' ' + request.path + '?' + request.query + ' ' +
                std::string(request.body.expose_text());
        continue;
      }
      if (parser.state() == http::RequestParser::State::refused) return seen;
      if (used == 0) break;  // it wants more
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 8192) return 0;
  http::Limits limits;
  limits.max_header_bytes = 1024;
  limits.max_header_lines = 16;
  limits.max_body_bytes = 2048;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  require(read_all(stream, stream.size() + 1, limits) ==
          read_all(stream, 1 + data[0] % 64, limits));
  return 0;
}
