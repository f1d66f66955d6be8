#include "kbs/http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "base/log.h"
#include "kbs/http/testing/client.h"

namespace kbs::http {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::echo;
using testing::Reply;
using testing::TestServer;

TEST(Server, AnswersWhatTheHandlerSays) {
  TestServer server(echo);
  Client client(server.address());
  const Reply reply =
      client.ask("POST /a%2Fb?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "POST /a/b?c=d|xyz");
  EXPECT_EQ(reply.header("Content-Type"), "text/plain");
  EXPECT_EQ(reply.header("Server"), "") << "nobody needs to know what we are";
  EXPECT_EQ(reply.header("Connection"), "");
}

TEST(Server, TellsTheHandlerWhoAsks) {
  Handler who = [](Request request) -> awaitable<Response> {
    Response response;
    response.body = request.peer + " " + std::to_string(request.worker) + " " +
                    (request.tls ? "tls" : "clear") + " " + request.id;
    co_return response;
  };
  TestServer server(who);
  Client client(server.address());
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  EXPECT_EQ(
      client.ask("GET / HTTP/1.1\r\ntraceparent: 00-" + trace + "-b7ad6b7169203331-01\r\n\r\n")
          .body,
      "127.0.0.1 0 clear " + trace);
  const std::string other = client.ask("GET / HTTP/1.1\r\n\r\n").body;
  EXPECT_EQ(other.size(), std::string("127.0.0.1 0 clear ").size() + 16);
}

TEST(Server, KeepsTheConnectionAsAsked) {
  struct Case {
    const char* request;
    bool closes;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", false, "", "HTTP/1.1 stays"},
      {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", true, "close", "unless told to go"},
      {"GET / HTTP/1.0\r\n\r\n", true, "close", "HTTP/1.0 goes"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "keep-alive",
       "unless asked to stay"},
      {"GET http://host/abs HTTP/1.1\r\n\r\n", false, "", "absolute form"},
  };
  TestServer server(echo);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Client client(server.address());
    const Reply reply = client.ask(c.request);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("Connection"), c.says);
    EXPECT_EQ(client.closed_within(c.closes ? 5000ms : 50ms), c.closes);
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server(echo);
  Client client(server.address());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    const std::string body(static_cast<std::size_t>(i), 'b');
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nContent-Length: " + std::to_string(i) +
           "\r\n\r\n" + body;
  }
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 500; ++i) {
    const Reply reply = client.read();
    ASSERT_EQ(reply.body,
              "POST /" + std::to_string(i) + "|" + std::string(static_cast<std::size_t>(i), 'b'));
  }
  sender.join();
}

TEST(Server, APipeliningFloodDoesNotKeepTheWorker) {
  TestServer server(echo);
  std::atomic<bool> enough = false;
  Client flooding(server.address());
  std::string burst;
  for (int i = 0; i < 1000; ++i) burst += "GET / HTTP/1.1\r\n\r\n";
  std::thread sender([&] {
    while (!enough) flooding.send(burst);
    // Gone with a reset: what is still in the buffers need not be answered.
    const linger reset{1, 0};
    ::setsockopt(flooding.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::shutdown(flooding.fd(), SHUT_RDWR);
  });
  std::thread reader([&] { (void)flooding.read_to_end(); });
  for (int i = 0; i < 20; ++i) {
    Client other(server.address());
    EXPECT_EQ(other.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  }
  enough = true;
  sender.join();
  reader.join();
}

TEST(Server, PutsRequestsTogetherFromPackets) {
  TestServer server(echo);
  Client client(server.address());
  const std::string request = "POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
  for (const char c : request) {
    client.send(std::string_view(&c, 1));
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(client.read().body, "POST /p|body");
}

TEST(Server, SendsNoBodyToHead) {
  TestServer server(echo);
  Client client(server.address());
  client.send("HEAD /h HTTP/1.1\r\n\r\nGET /g HTTP/1.1\r\n\r\n");
  const Reply head = client.read(true);
  EXPECT_EQ(head.header("Content-Length"), "8");
  EXPECT_EQ(client.read().body, "GET /g|") << "the next answer begins where the head ended";
}

TEST(Server, CarriesLargeBodiesBothWays) {
  Limits limits;
  limits.write_time = 20s;
  TestServer server(echo, limits);
  Client client(server.address());
  const std::string body(2u << 20, 'q');
  const Reply reply = client.ask(
      "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.body == "POST /|" + body);
}

TEST(Server, AnswersFromASecret) {
  Handler handler = [](Request request) -> awaitable<Response> {
    Response response;
    response.body = std::move(request.body);
    co_return response;
  };
  TestServer server(handler);
  Client client(server.address());
  EXPECT_EQ(client.ask("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nsecret").body, "secret");
}

TEST(Server, SurvivesAHandlerThatThrows) {
  Handler handler = [](Request request) -> awaitable<Response> {
    if (request.path == "/int") throw 1;
    if (request.path == "/what") throw std::runtime_error("broken");
    Response response;
    if (request.path == "/split") response.headers = {{"Location", "a\r\nSet-Cookie: b"}};
    co_return response;
  };
  std::string log;
  set_log_sink_for_testing(&log);
  {
    TestServer server(handler);
    Client client(server.address());
    for (const char* path : {"/int", "/what", "/split"}) {
      const Reply reply = client.ask("GET " + std::string(path) + " HTTP/1.1\r\n\r\n");
      EXPECT_EQ(reply.status, 500) << path;
      EXPECT_EQ(reply.body, "");
      EXPECT_EQ(reply.header("Set-Cookie"), "");
    }
    EXPECT_EQ(client.ask("GET /ok HTTP/1.1\r\n\r\n").status, 200);
  }
  set_log_sink_for_testing(nullptr);
  EXPECT_NE(log.find("broken"), std::string::npos);
}

TEST(Server, NoticesASecondServer) {
  TestServer first(echo, {}, nullptr, 2);
  Options options;
  options.sockets = {first.address()};
  options.workers = 2;
  const auto second =
      Server::bind(std::move(options), [](unsigned, asio::io_context&) { return Handler(echo); });
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(first.address()), std::string::npos)
      << second.error().message;
  EXPECT_NE(second.error().message.find("another server"), std::string::npos)
      << second.error().message;
}

TEST(Server, CanBeRestartedOnItsAddressAtOnce) {
  std::string address;
  {
    TestServer first(echo);
    address = first.address();
    Client client(address);
    EXPECT_EQ(client.ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").status, 200);
    EXPECT_TRUE(client.closed_within(5000ms));  // leaves the server's side in TIME_WAIT
  }
  Options options;
  options.sockets = {address};
  EXPECT_TRUE(
      Server::bind(std::move(options), [](unsigned, asio::io_context&) { return Handler(echo); }));
}

TEST(Server, NamesTheAddressItCannotBind) {
  for (const char* address : {"localhost:8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
                              "::1:8080", "", ":80", "[127.0.0.1]:80", "192.0.2.1:8080"}) {
    SCOPED_TRACE(address);
    Options options;
    options.sockets = {address};
    const auto got =
        Server::bind(std::move(options), [](unsigned, asio::io_context&) { return Handler(echo); });
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().message.find(address), std::string::npos);
  }
  EXPECT_FALSE(Server::bind({}, [](unsigned, asio::io_context&) { return Handler(echo); }))
      << "no address at all";
}

TEST(Server, ServesEverySocketWithEveryWorker) {
  Handler handler = [](Request request) -> awaitable<Response> {
    Response response;
    response.body = std::to_string(request.worker);
    co_return response;
  };
  Options options;
  options.sockets = {"127.0.0.1:0", "127.0.0.1:0"};
  options.workers = 2;
  auto server =
      Server::bind(std::move(options), [&](unsigned, asio::io_context&) { return handler; });
  ASSERT_TRUE(server);
  (*server)->start();
  const auto addresses = (*server)->addresses();
  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_NE(addresses[0], addresses[1]);
  for (const std::string& address : addresses) {
    std::set<std::string> workers;
    // The kernel spreads connections by a hash: 64 of them miss a worker once in 2^63 runs.
    for (int i = 0; i < 64; ++i) workers.insert(Client(address).ask("GET / HTTP/1.1\r\n\r\n").body);
    EXPECT_EQ(workers, (std::set<std::string>{"0", "1"}));
  }
  (*server)->stop(1s);
}

TEST(Server, ServesAThousandConnections) {
  TestServer server(echo, {}, nullptr, 2);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 1000; ++i) clients.push_back(std::make_unique<Client>(server.address()));
  for (int round = 0; round < 2; ++round) {
    for (auto& client : clients) client->send("GET /x HTTP/1.1\r\n\r\n");
    for (auto& client : clients) ASSERT_EQ(client->read().body, "GET /x|");
  }
  EXPECT_EQ(server->connections(), 1000u);
  clients.clear();
  for (int i = 0; i < 500 && server->connections() != 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server->connections(), 0u);
}

TEST(Server, ClosesConnectionsBeyondTheirNumber) {
  Limits limits;
  limits.max_connections = 2;
  TestServer server(echo, limits);
  Client one(server.address());
  Client two(server.address());
  EXPECT_EQ(one.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  EXPECT_EQ(two.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  Client three(server.address());
  EXPECT_TRUE(three.closed_within(5000ms));
  EXPECT_EQ(one.ask("GET / HTTP/1.1\r\n\r\n").status, 200) << "those inside are not disturbed";
}

TEST(Server, WaitsWhenDescriptorsRunOutAndGoesOn) {
  TestServer server(echo);
  Client before(server.address());
  ASSERT_EQ(before.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  // The client's descriptor is made first, and the limit lowered so that the server gets none for
  // its side.
  Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  const rlimit low{static_cast<rlim_t>(fd.get()) + 1, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  sockaddr_in to{};
  socklen_t size = sizeof to;
  ::getpeername(before.fd(), reinterpret_cast<sockaddr*>(&to), &size);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size),
            0);  // into the backlog
  const std::clock_t cpu = std::clock();
  std::this_thread::sleep_for(600ms);
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 5) << "must not spin";
  EXPECT_EQ(before.ask("GET / HTTP/1.1\r\n\r\n").status, 200)
      << "must go on serving those who are in";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  const std::string_view request = "GET /late HTTP/1.1\r\nConnection: close\r\n\r\n";
  ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  char answer[12] = {};
  EXPECT_EQ(::recv(fd.get(), answer, sizeof answer, MSG_WAITALL), 12);
  EXPECT_EQ(std::string_view(answer, 12), "HTTP/1.1 200") << "and take in who waited";
}

/// Answers after `time`.
Handler slow(std::chrono::milliseconds time) {
  return [time](Request request) -> awaitable<Response> {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
    Response response;
    response.body = request.path;
    co_return response;
  };
}

TEST(Server, StopLetsRequestsFinish) {
  TestServer server(slow(300ms));
  Client busy(server.address());
  Client idle(server.address());
  busy.send("GET /busy HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  const auto began = std::chrono::steady_clock::now();
  server->stop(10s);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "idle connections are not waited for";
  const Reply reply = busy.read();
  EXPECT_EQ(reply.body, "/busy");
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_EQ(busy.read().status, 0) << "no further request is begun";
  EXPECT_TRUE(idle.closed_within(1000ms));
  Client late(server.address());
  EXPECT_FALSE(late.ask("GET / HTTP/1.1\r\n\r\n").status == 200);
}

TEST(Server, StopEndsWhatTakesTooLong) {
  TestServer server(slow(1h));
  Client busy(server.address());
  busy.send("GET / HTTP/1.1\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  const auto began = std::chrono::steady_clock::now();
  server->stop(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  server.destroy();  // and with it the coroutine that never finished
  EXPECT_TRUE(busy.closed_within(1000ms));
}

TEST(Server, CanBeDestroyedWithoutHavingRun) {
  Options options;
  options.sockets = {"127.0.0.1:0"};
  EXPECT_TRUE(
      Server::bind(std::move(options), [](unsigned, asio::io_context&) { return Handler(echo); }));
}

}  // namespace
}  // namespace kbs::http
