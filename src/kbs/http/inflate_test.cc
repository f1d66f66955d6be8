#include "kbs/http/inflate.h"

#include <gtest/gtest.h>

#include "kbs/http/testing/deflate.h"

namespace kbs::http {
namespace {

using testing::deflate;
using testing::kGzip;
using testing::kRaw;
using testing::kZlib;

SecretBytes bytes(std::string_view text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

TEST(DecodeContent, UndoesWhatItKnows) {
  struct Case {
    std::string coding;
    std::string body;
    std::string want;
    const char* why;
  };
  const std::string text(100000, 'x');
  const Case cases[] = {
      {"", "abc", "abc", "no coding"},
      {"identity", "abc", "abc", "identity"},
      {"gzip", deflate("hello", kGzip), "hello", "gzip"},
      {"GZip", deflate("hello", kGzip), "hello", "names have no case"},
      {"x-gzip", deflate("hello", kGzip), "hello", "its old name"},
      {"deflate", deflate("hello", kZlib), "hello", "zlib, as the RFC says"},
      {"deflate", deflate("hello", kRaw), "hello", "raw, as some send it"},
      {"gzip", deflate(text, kGzip), text, "longer than one chunk"},
      {"gzip", deflate("", kGzip), "", "compressed nothing"},
      {"gzip", "", "", "nothing at all: a GET that names a coding"},
      {"gzip", deflate("one", kGzip) + deflate("two", kGzip), "onetwo", "two members"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = decode_content(c.coding, bytes(c.body), 1 << 20);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(as_text(*got), c.want);
  }
}

TEST(DecodeContent, RefusesTheRest) {
  struct Case {
    std::string coding;
    std::string body;
    ErrorKind want;
    const char* why;
  };
  const std::string good = deflate(std::string(5000, 'y') + "tail", kGzip);
  std::string damaged = good;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  const Case cases[] = {
      {"br", "abc", ErrorKind::unsupported, "brotli"},
      {"zstd", "abc", ErrorKind::unsupported, "zstd"},
      {"gzip, gzip", good, ErrorKind::unsupported, "coded twice"},
      {"gzip", good.substr(0, good.size() - 1), ErrorKind::invalid_request,
       "truncated by one byte"},
      {"gzip", good.substr(0, 5), ErrorKind::invalid_request, "truncated in the header"},
      {"gzip", damaged, ErrorKind::invalid_request, "wrong checksum"},
      {"gzip", "not gzip at all", ErrorKind::invalid_request, "plain text"},
      {"gzip", good + "tail", ErrorKind::invalid_request, "bytes after the end"},
      {"deflate", deflate("x", kZlib) + "y", ErrorKind::invalid_request, "bytes after the end"},
      {"gzip", deflate(std::string(1 << 26, '\0'), kGzip), ErrorKind::too_large, "a bomb"},
      {"gzip", deflate(std::string(1 << 20, 'x') + "y", kGzip), ErrorKind::too_large,
       "one byte too many"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto got = decode_content(c.coding, bytes(c.body), 1 << 20);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, c.want);
  }
}

TEST(DecodeContent, AllowsExactlyTheLimit) {
  const auto got =
      decode_content("gzip", bytes(deflate(std::string(1 << 20, 'x'), kGzip)), 1 << 20);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size(), 1u << 20);
}

}  // namespace
}  // namespace kbs::http
