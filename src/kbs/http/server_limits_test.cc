// What a stranger may cost us: deadlines, sizes, and answers that arrive although the request is
// not read to its end.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "kbs/http/server.h"
#include "kbs/http/testing/client.h"
#include "kbs/http/testing/deflate.h"

namespace kbs::http {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::echo;
using testing::Reply;
using testing::TestServer;

/// The deadline under test is one second, the others are out of the way.
Limits patient() {
  Limits limits;
  limits.header_time = limits.body_time = limits.idle_time = limits.write_time =
      limits.tls_handshake_time = 60s;
  return limits;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               began);
}

/// Sends a byte now and then until the server answers or closes.
Reply drip(Client& client, std::string_view start) {
  client.send(start);
  std::atomic<bool> answered = false;
  std::thread dripper([&] {
    for (int i = 0; i < 50 && !answered; ++i) {
      std::this_thread::sleep_for(100ms);
      client.send("x");
    }
  });
  const Reply reply = client.read();
  answered = true;
  dripper.join();
  return reply;
}

TEST(Deadlines, ASlowHeadIsCutOff) {
  Limits limits = patient();
  limits.header_time = 1s;
  TestServer server(echo, limits);
  Client client(server.address());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(drip(client, "GET / HTTP/1.1\r\nA: ").status, 408);
  EXPECT_LT(since(began), 4s);
}

TEST(Deadlines, ASlowHeadOnAKeptConnectionIsCutOff) {
  Limits limits = patient();
  limits.header_time = 1s;
  TestServer server(echo, limits);
  Client client(server.address());
  EXPECT_EQ(client.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  EXPECT_EQ(drip(client, "GET / HTTP/1.1\r\nA: ").status, 408);
}

TEST(Deadlines, ASlowBodyIsCutOff) {
  Limits limits = patient();
  limits.body_time = 1s;
  TestServer server(echo, limits);
  for (const char* framing : {"Content-Length: 1000", "Transfer-Encoding: chunked"}) {
    SCOPED_TRACE(framing);
    Client client(server.address());
    client.send("POST / HTTP/1.1\r\n" + std::string(framing) + "\r\n\r\n");
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(client.read().status, 408);
    EXPECT_GT(since(began), 800ms);
    EXPECT_LT(since(began), 4s);
    EXPECT_TRUE(client.closed_within(5000ms));
  }
  Client dripping(server.address());
  EXPECT_EQ(drip(dripping, "POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n").status, 408)
      << "progress does not prolong the deadline";
}

TEST(Deadlines, AnIdleConnectionIsClosed) {
  Limits limits = patient();
  limits.idle_time = 1s;
  TestServer server(echo, limits);
  Client used(server.address());
  EXPECT_EQ(used.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  Client fresh(server.address());
  EXPECT_TRUE(used.closed_within(4000ms));
  EXPECT_TRUE(fresh.closed_within(4000ms));
}

TEST(Deadlines, ANewConnectionMustSpeakSoon) {
  Limits limits = patient();
  limits.header_time = 1s;
  TestServer server(echo, limits);
  Client client(server.address());
  EXPECT_EQ(client.read_to_end(), "") << "closed without a word";
}

TEST(Deadlines, AReaderTooSlowIsReset) {
  Limits limits = patient();
  limits.write_time = 1s;
  Handler large = [](Request) -> awaitable<Response> {
    Response response;
    response.body = std::string(64u << 20, 'x');
    co_return response;
  };
  TestServer server(large, limits);
  Client client(server.address());
  client.send("GET / HTTP/1.1\r\n\r\n");
  for (int i = 0; i < 50 && server->connections() != 0; ++i) std::this_thread::sleep_for(100ms);
  EXPECT_EQ(server->connections(), 0u);
}

TEST(Deadlines, AHandlerMayTakeItsTime) {
  Limits limits;
  limits.header_time = limits.body_time = limits.idle_time = limits.write_time = 1s;
  Handler slow = [](Request) -> awaitable<Response> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 2s);
    co_await timer.async_wait(asio::use_awaitable);
    co_return Response{};
  };
  TestServer server(slow, limits);
  Client client(server.address());
  EXPECT_EQ(client.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
}

TEST(Limits, AreAnsweredAndTheConnectionClosed) {
  struct Case {
    std::string request;
    int status;
    std::string body;
    const char* why;
  };
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 97; ++i) many += "a: b\r\n";
  const std::string gzip = testing::deflate(std::string(5u << 20, '\0'), testing::kGzip);
  const std::string post = "POST / HTTP/1.1\r\n";
  const std::string too_large = "payload reached size limit";
  const Case cases[] = {
      {"GET /\xC3\xA4 HTTP/1.1\r\n\r\n", 400, "", "raw bytes outside ASCII in the target"},
      {post + "Content-Length: abc\r\n\r\n", 400, "", "a length that is no number"},
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "",
       "smuggling"},
      {"GET / HTTP/1.1\r\nA: " + std::string(140000, 'x') + "\r\n\r\n", 431, "",
       "a head too large"},
      {many + "\r\n", 431, "", "too many lines"},
      {"GET / HTTP/1.1\r\nA: " + std::string(65534, 'x') + "\r\n\r\n", 431, "", "a value too long"},
      {post + "Content-Length: 2097153\r\n\r\n" + std::string(2097153, 'x'), 413, too_large,
       "by its length"},
      {"GET / HTTP/1.1\r\nContent-Length: 2097153\r\n\r\n" + std::string(2097153, 'x'), 413,
       too_large, "GET too"},
      {post + "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + std::string(0x200000, 'x') +
           "\r\n1\r\nx\r\n0\r\n\r\n",
       413, too_large, "while streaming"},
      {post + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(gzip.size()) +
           "\r\n\r\n" + gzip,
       413, too_large, "a bomb"},
      {post + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 400, "", "no gzip"},
      {post + "Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd", 415, "",
       "a coding we do not know"},
  };
  TestServer server(echo);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Client client(server.address());
    const Reply reply = client.ask(c.request + "GET /smuggled HTTP/1.1\r\n\r\n");
    EXPECT_EQ(reply.status, c.status);
    EXPECT_EQ(reply.body, c.body);
    EXPECT_EQ(reply.header("Connection"), "close");
    EXPECT_EQ(reply.header("Content-Type"), c.status == 413 ? "text/plain; charset=utf-8" : "");
    EXPECT_EQ(client.read_to_end(), "") << "what follows is not read as a request";
  }
}

TEST(Limits, ExactlyTheBodyLimitIsAccepted) {
  TestServer server(echo);
  Client client(server.address());
  const std::string body(2u << 20, 'x');
  const std::string length = "Content-Length: " + std::to_string(body.size());
  EXPECT_EQ(client.ask("POST / HTTP/1.1\r\n" + length + "\r\n\r\n" + body).status, 200);
  const std::string gzip = testing::deflate(body, testing::kGzip);
  EXPECT_EQ(client
                .ask("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: " +
                     std::to_string(gzip.size()) + "\r\n\r\n" + gzip)
                .body.size(),
            body.size() + 7);
}

TEST(ExpectContinue, IsAnsweredBeforeTheBody) {
  TestServer server(echo);
  Client client(server.address());
  const std::string head = "POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(client.ask(head).status, 100);
  EXPECT_EQ(client.ask("abc").body, "POST /e|abc");
  client.send(head + "abc");
  EXPECT_EQ(client.read().status, 200) << "who sends the body anyway is not told to";
}

TEST(ExpectContinue, IsRefusedWhenTheBodyIsTooLarge) {
  TestServer server(echo);
  Client client(server.address());
  EXPECT_EQ(client.ask("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
                .status,
            413);
}

TEST(Strangers, WhoLeaveEarlyLeaveNothingBehind) {
  TestServer server(echo);
  for (const char* start :
       {"", "GET", "GET / HTTP/1.1\r\nA: b", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"}) {
    Client client(server.address());
    client.send(start);
    client.finish_sending();
    EXPECT_EQ(client.read_to_end(), "") << start;
  }
  for (int i = 0; i < 300 && server->connections() != 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server->connections(), 0u);
}

}  // namespace
}  // namespace kbs::http
