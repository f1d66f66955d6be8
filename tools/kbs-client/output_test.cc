#include "kbs-client/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "base/encoding.h"

namespace kbs::client {
namespace {

/// What `write` puts on a descriptor.
template <class F>
std::string captured(F write) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  std::thread writer([&] {
    Output out(OutputFormat::text, ends[1]);
    EXPECT_TRUE(write(out));
    ::close(ends[1]);
  });
  std::string text;
  char chunk[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], chunk, sizeof chunk)) > 0;) {
    text.append(chunk, static_cast<std::size_t>(got));
  }
  writer.join();
  ::close(ends[0]);
  return text;
}

TEST(Output, Base64InPiecesIsBase64OfTheWhole) {
  for (std::size_t size : {0u, 1u, 2u, 3u, 49151u, 49152u, 49153u, 200000u}) {
    const std::string bytes(size, '\x5a');
    EXPECT_EQ(captured([&](Output& out) { return out.secret_base64(as_bytes(bytes)); }),
              base64(as_bytes(bytes)))
        << size;
  }
}

TEST(Output, WritesWhatItIsGiven) {
  EXPECT_EQ(captured([](Output& out) { return out.line("a"); }), "a\n");
  EXPECT_EQ(captured([](Output& out) { return out.write("a"); }), "a");
  EXPECT_EQ(captured([](Output& out) { return out.document({{"b", 1}, {"a", "x"}}); }),
            "{\"b\":1,\"a\":\"x\"}\n");
}

TEST(Output, AResultThatDoesNotArriveIsAFailure) {
  Output out(OutputFormat::text, -1);
  EXPECT_FALSE(out.line("a"));
}

}  // namespace
}  // namespace kbs::client
