#include "kbs/http/parser.h"

#include <gtest/gtest.h>

#include <random>

#include "kbs/http/testing/deflate.h"

namespace kbs::http {
namespace {

using State = RequestParser::State;

Limits small_limits() {
  Limits limits;
  limits.max_body_bytes = 100;
  return limits;
}

/// Feeds `text` in pieces of `step` bytes, as a connection does. Returns what was not consumed.
std::string feed(RequestParser& parser, std::string_view text, std::size_t step) {
  std::string pending;
  while (!text.empty() && parser.state() != State::complete && parser.state() != State::refused) {
    pending += text.substr(0, step);
    text.remove_prefix(std::min(step, text.size()));
    pending.erase(0, parser.feed(as_bytes(pending)));
  }
  return pending + std::string(text);
}

TEST(RequestParser, TakesARequestHoweverItIsCut) {
  const std::string text =
      "POST /kbs/v0/a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: "
      "5\r\n\r\nhelloNEXT";
  for (const std::size_t step : {1u, 2u, 3u, 7u, 16u, 4096u}) {
    SCOPED_TRACE(step);
    const Limits limits = small_limits();
    RequestParser parser(limits);
    EXPECT_EQ(feed(parser, text, step), "NEXT");
    ASSERT_EQ(parser.state(), State::complete);
    EXPECT_TRUE(parser.keep_alive());
    Request request;
    ASSERT_TRUE(parser.take(request));
    EXPECT_EQ(request.method, Method::post);
    EXPECT_EQ(request.method_name, "POST");
    EXPECT_EQ(request.target, "/kbs/v0/a%2Fb?x=1");
    EXPECT_EQ(request.path, "/kbs/v0/a/b");
    EXPECT_EQ(request.query, "x=1");
    EXPECT_EQ(request.header("AUTHORIZATION"), "Bearer t");
    EXPECT_FALSE(request.has_header("Cookie"));
    EXPECT_EQ(request.headers.size(), 3u);
    EXPECT_EQ(request.body.expose_text(), "hello");
    EXPECT_EQ(parser.state(), State::head);
    EXPECT_FALSE(parser.started());
  }
}

TEST(RequestParser, TakesChunksAndDropsTrailers) {
  const std::string text =
      "POST / HTTP/1.1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nAuthorization: Bearer "
      "x\r\n\r\nGET";
  for (const std::size_t step : {1u, 3u, 4096u}) {
    SCOPED_TRACE(step);
    const Limits limits = small_limits();
    RequestParser parser(limits);
    EXPECT_EQ(feed(parser, text, step), "GET");
    Request request;
    ASSERT_EQ(parser.state(), State::complete);
    ASSERT_TRUE(parser.take(request));
    EXPECT_EQ(request.body.expose_text(), "hello!");
    EXPECT_FALSE(request.has_header("Authorization")) << "a trailer is not a header";
  }
}

TEST(RequestParser, Refuses) {
  struct Case {
    std::string text;
    unsigned status;
    const char* why;
  };
  const std::string length = "Content-Length: ";
  const std::string coding = "Transfer-Encoding: ";
  const auto post = [](const std::string& fields) {
    return "POST / HTTP/1.1\r\n" + fields + "\r\n";
  };
  std::string many;
  for (int i = 0; i < 97; ++i) many += "a: b\r\n";
  const Case cases[] = {
      {"nonsense\r\n\r\n", 400, "no request line"},
      {"GET / HTTP/2.0\r\n\r\n", 400, "a version we do not speak"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/2 without asking"},
      {"GET /\xC3\xA4 HTTP/1.1\r\n\r\n", 400, "raw bytes outside ASCII in the target"},
      {"GET a HTTP/1.1\r\n\r\n", 400, "a target of no known form"},
      {"GET / HTTP/1.1\r\nA b\r\n\r\n", 400, "a header without a colon"},
      {"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400, "a space before the colon"},
      {"GET / HTTP/1.1\nA: b\n\n\r\n\r\n", 400, "bare line feeds"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two hosts"},
      {post(length + "x\r\n"), 400, "a length that is no number"},
      {post(length + "-1\r\n"), 400, "a negative length"},
      {post(length + "+1\r\n"), 400, "a sign"},
      {post(length + "1 1\r\n"), 400, "two numbers"},
      {post(length + "99999999999999999999\r\n"), 400, "a length beyond 64 bits"},
      {post(length + "4\r\n" + length + "4\r\n"), 400, "the length twice"},
      {post(length + "4\r\n" + length + "5\r\n"), 400, "two lengths"},
      {post(length + "4, 4\r\n"), 400, "a list of lengths"},
      {post(length + "4\r\n" + coding + "chunked\r\n"), 400, "length and coding: smuggling"},
      {post(coding + "chunked\r\n" + length + "4\r\n"), 400, "the other way round"},
      {post(coding + "gzip, chunked\r\n"), 400, "a coding we do not undo"},
      {post(coding + "identity\r\n"), 400, "a coding that leaves the end unknown"},
      {post(coding + "xchunked\r\n"), 400, "almost chunked"},
      {post(coding + "chunked\r\n" + coding + "chunked\r\n"), 400, "coded twice"},
      {post(coding + "gzip\r\n" + length + "4\r\n"), 400, "an unknown coding beside a length"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0 has no chunks"},
      {post(coding + "chunked\r\n") + "z\r\n", 400, "a chunk size that is no number"},
      {post(coding + "chunked\r\n") + "2\r\nabXX\r\n", 400, "a chunk longer than it says"},
      {post(length + "101\r\n"), 413, "over the limit by its length"},
      {post(coding + "chunked\r\n") + "64\r\n" + std::string(100, 'x') + "\r\n1\r\n", 413,
       "over the limit by chunks"},
      {post(coding + "chunked\r\n") + "ffffffffffffffff\r\n", 413, "a chunk of 16 EiB"},
      {"GET / HTTP/1.1\r\n" + many + "\r\n", 431, "97 lines"},
      {"GET / HTTP/1.1\r\nA: " + std::string(65534, 'x') + "\r\n\r\n", 431, "one value too long"},
      {"GET /" + std::string(131072, 'x') + " HTTP/1.1\r\n\r\n", 431, "a target too long"},
      {"GET / HTTP/1.1\r\n" + std::string("A: ") + std::string(65000, 'x') +
           "\r\nB: " + std::string(65000, 'x') + "\r\nC: " + std::string(2000, 'x') + "\r\n\r\n",
       431, "a head too long"},
  };
  for (const Case& c : cases) {
    for (const std::size_t step : {1000u, 1u << 20}) {
      SCOPED_TRACE(c.why);
      const Limits limits = small_limits();
      RequestParser parser(limits);
      feed(parser, c.text, step);
      ASSERT_EQ(parser.state(), State::refused);
      const Response answer = parser.refusal();
      EXPECT_EQ(answer.status, c.status);
      EXPECT_EQ(answer.body_text(), c.status == 413 ? "payload reached size limit" : "");
      EXPECT_EQ(answer.content_type, c.status == 413 ? "text/plain; charset=utf-8" : "");
    }
  }
}

TEST(RequestParser, AllowsExactlyTheLimits) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 94; ++i) head += "a: b\r\n";
  head += "B: " + std::string(65533, 'x') + "\r\n";
  const std::string before = head + "C: ";
  const std::string text = before + std::string(131072 - before.size() - 4, 'y') + "\r\n\r\n";
  ASSERT_EQ(text.size(), 131072u);
  for (const std::size_t step : {1000u, 1u << 20}) {
    const Limits limits = small_limits();
    RequestParser parser(limits);
    EXPECT_EQ(feed(parser, text + "GET", step).substr(0, 3), "GET");
    EXPECT_EQ(parser.state(), State::complete);
  }
  const Limits limits = small_limits();
  RequestParser parser(limits);
  feed(parser, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'), 64);
  EXPECT_EQ(parser.state(), State::complete);
}

TEST(RequestParser, BoundsWhatTheParserLeavesWaiting) {
  const Limits limits = small_limits();
  RequestParser extension(limits);
  feed(extension,
       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(300000, 'x'), 16384);
  EXPECT_EQ(extension.state(), State::refused) << "an endless chunk extension";
  RequestParser trailer(limits);
  feed(trailer,
       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(300000, 'x'),
       16384);
  EXPECT_EQ(trailer.state(), State::refused) << "endless trailers";
}

TEST(RequestParser, UndoesTheContentCoding) {
  struct Case {
    std::string coding, body;
    unsigned status;  // 0: accepted
    const char* why;
  };
  const Case cases[] = {
      {"gzip", testing::deflate("hello", testing::kGzip), 0, "gzip"},
      {"gzip", testing::deflate(std::string(101, 'x'), testing::kGzip), 413,
       "over the limit once inflated"},
      {"gzip", "hello", 400, "not gzip"},
      {"br", "hello", 415, "brotli"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Limits limits = small_limits();
    RequestParser parser(limits);
    feed(parser,
         "POST / HTTP/1.1\r\nContent-Encoding: " + c.coding +
             "\r\nContent-Length: " + std::to_string(c.body.size()) + "\r\n\r\n" + c.body,
         4096);
    ASSERT_EQ(parser.state(), State::complete);
    Request request;
    ASSERT_EQ(parser.take(request), c.status == 0);
    if (c.status != 0) EXPECT_EQ(parser.refusal().status, c.status);
  }
}

TEST(RequestParser, KnowsWhoWantsToGoOn) {
  struct Case {
    const char* head;
    bool keep, http10, expects;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", true, false, false},
      {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false, false, false},
      {"GET / HTTP/1.0\r\n\r\n", false, true, false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, true, false},
      {"\r\nGET / HTTP/1.1\r\n\r\n", true, false, false},
      {"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", true, false, true},
      {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false, true, false},
      {"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", true, false, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.head);
    const Limits limits = small_limits();
    RequestParser parser(limits);
    feed(parser, c.head, 4096);
    EXPECT_EQ(parser.keep_alive(), c.keep);
    EXPECT_EQ(parser.is_http10(), c.http10);
    EXPECT_EQ(parser.expects_continue(), c.expects);
  }
}

TEST(RequestParser, SurvivesWhateverComes) {
  const std::string seeds[] = {
      "POST /a%2Fb?x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nA: b\r\n c\r\n\r\nhello",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;e=\"1\"\r\nhello\r\n0\r\nT: "
      "1\r\n\r\n",
      "GET http://h/ HTTP/1.0\r\nConnection: keep-alive, x\r\nExpect: 100-continue\r\n\r\n",
  };
  constexpr std::string_view spice("\r\n :,;\"\t\0%/0f\x80\xff", 16);
  std::mt19937 random(1);  // the same every time
  const auto up_to = [&](std::size_t n) { return random() % n; };
  const Limits limits = small_limits();
  for (int i = 0; i < 30000; ++i) {
    std::string text = seeds[up_to(3)] + seeds[up_to(3)];
    for (std::size_t n = up_to(4); n > 0; --n) {
      const std::size_t at = up_to(text.size());
      switch (up_to(3)) {
        case 0:
          text[at] = spice[up_to(spice.size())];
          break;
        case 1:
          text.insert(at, 1, spice[up_to(spice.size())]);
          break;
        default:
          text.erase(at, 1 + up_to(3));
      }
    }
    RequestParser parser(limits);
    while (!text.empty() && parser.state() != State::refused) {
      const std::size_t before = text.size();
      text = feed(parser, text, 1 + up_to(60));
      if (parser.state() != State::complete) break;
      Request request;
      ASSERT_TRUE(parser.take(request) || parser.state() == State::refused);
      ASSERT_LT(text.size(), before);
    }
  }
}

TEST(RequestParser, MethodsAreCaseSensitive) {
  struct Case {
    const char* name;
    Method want;
  };
  for (const Case& c : {Case{"GET", Method::get},
                        {"HEAD", Method::head},
                        {"POST", Method::post},
                        {"PUT", Method::put},
                        {"DELETE", Method::del},
                        {"PATCH", Method::other},
                        {"get", Method::other},
                        {"WHATEVER", Method::other}}) {
    SCOPED_TRACE(c.name);
    const Limits limits;
    RequestParser parser(limits);
    feed(parser, std::string(c.name) + " / HTTP/1.1\r\n\r\n", 4096);
    Request request;
    ASSERT_EQ(parser.state(), State::complete);
    ASSERT_TRUE(parser.take(request));
    EXPECT_EQ(request.method, c.want);
    EXPECT_EQ(request.method_name, c.name);
  }
}

}  // namespace
}  // namespace kbs::http
