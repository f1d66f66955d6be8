#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <thread>

#include "kbs/http/server.h"
#include "kbs/http/testing/client.h"

namespace kbs::http {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::client_context;
using testing::echo;
using testing::make_pair;
using testing::Pair;
using testing::Reply;
using testing::SslContext;
using testing::TestServer;
using testing::tls_options;

std::shared_ptr<asio::ssl::context> context(const std::string& profile = "intermediate") {
  static const Pair pair = make_pair("localhost");
  TlsOptions options = tls_options(pair);
  options.profile = profile;
  auto got = make_tls_context(options);
  EXPECT_TRUE(got);
  return got ? *got : nullptr;
}

std::string name_of(const Client& client) {
  const crypto::X509Ptr certificate(SSL_get1_peer_certificate(client.ssl()));
  char text[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text,
                            sizeof text);
  return text;
}

TEST(TlsServer, Serves) {
  Handler handler = [](Request request) -> awaitable<Response> {
    const bool tls = request.tls;
    Response response = co_await echo(std::move(request));
    response.headers.emplace_back("Tls", tls ? "yes" : "no");
    co_return response;
  };
  TestServer server(handler, {}, context());
  const SslContext tls = client_context();
  Client client(server.address(), tls.get());
  ASSERT_TRUE(client.connected());
  for (int i = 0; i < 3; ++i) {
    const Reply reply = client.ask("POST /t HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
    EXPECT_EQ(reply.body, "POST /t|ab");
    EXPECT_EQ(reply.header("Tls"), "yes");
  }
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.3");
}

TEST(TlsServer, KeepsToItsProfile) {
  struct Case {
    const char* profile;
    int version;
    const char* suites;
    bool works;
    const char* why;
  };
  const Case cases[] = {
      {"intermediate", TLS1_3_VERSION, nullptr, true, "1.3"},
      {"intermediate", TLS1_2_VERSION, nullptr, true, "1.2"},
      {"intermediate", TLS1_1_VERSION, "ALL:@SECLEVEL=0", false, "1.1 is gone"},
      {"old", TLS1_1_VERSION, "ALL:@SECLEVEL=0", false, "old is not that old"},
      {"old", TLS1_2_VERSION, nullptr, true, "old has 1.2"},
      {"modern", TLS1_3_VERSION, nullptr, true, "modern has 1.3"},
      {"modern", TLS1_2_VERSION, nullptr, false, "and only that"},
      {"intermediate", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", false, "no CBC"},
      {"intermediate", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true,
       "the client's choice counts"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TestServer server(echo, {}, context(c.profile));
    const SslContext tls = client_context();
    SSL_CTX_set_min_proto_version(tls.get(), c.version);
    SSL_CTX_set_max_proto_version(tls.get(), c.version);
    if (c.suites != nullptr) SSL_CTX_set_cipher_list(tls.get(), c.suites);
    Client client(server.address(), tls.get());
    ASSERT_EQ(client.connected(), c.works);
    if (c.works) EXPECT_EQ(client.ask("GET / HTTP/1.1\r\n\r\n").status, 200);
  }
}

TEST(TlsServer, SpeaksHttp11ByAlpn) {
  struct Case {
    std::string offer;
    bool works;
    const char* why;
  };
  const Case cases[] = {
      {std::string("\x02h2\x08http/1.1"), true, "chosen among others"},
      {std::string("\x02h2"), false, "nothing in common"},
  };
  TestServer server(echo, {}, context());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const SslContext tls = client_context();
    SSL_CTX_set_alpn_protos(tls.get(), reinterpret_cast<const unsigned char*>(c.offer.data()),
                            static_cast<unsigned>(c.offer.size()));
    Client client(server.address(), tls.get());
    ASSERT_EQ(client.connected(), c.works);
    if (!c.works) continue;
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  }
}

TEST(TlsServer, SwapsItsCertificateForNewConnections) {
  TestServer server(echo, {}, context());
  const SslContext tls = client_context();
  Client before(server.address(), tls.get());
  ASSERT_TRUE(before.connected());
  EXPECT_EQ(name_of(before), "localhost");
  auto next = make_tls_context(tls_options(make_pair("renewed")));
  ASSERT_TRUE(next);
  server->set_tls(*next);
  Client after(server.address(), tls.get());
  ASSERT_TRUE(after.connected());
  EXPECT_EQ(name_of(after), "renewed");
  EXPECT_EQ(before.ask("GET / HTTP/1.1\r\n\r\n").status, 200) << "open connections stay";
}

TEST(TlsServer, IsNotSlowedByNagle) {
  Handler handler = [](Request) -> awaitable<Response> {
    Response response;
    response.body = std::string(65536, 'x');
    co_return response;
  };
  TestServer server(handler, {}, context());
  const SslContext tls = client_context();
  Client client(server.address(), tls.get());
  ASSERT_TRUE(client.connected());
  const auto began = std::chrono::steady_clock::now();
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i)
    ASSERT_EQ(client.ask("GET / HTTP/1.1\r\n\r\n").body.size(), 65536u);
  // A delayed ACK costs 40 ms each time: four seconds in all.
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

TEST(TlsServer, SendsASmallAnswerAsOneRecord) {
  TestServer server(echo, {}, context());
  const SslContext tls = client_context();
  Client client(server.address(), tls.get());
  ASSERT_TRUE(client.connected());
  client.send("GET /one HTTP/1.1\r\n\r\n");
  char answer[16384];
  const int got = SSL_read(client.ssl(), answer, sizeof answer);  // at most one record
  ASSERT_GT(got, 0);
  EXPECT_TRUE(std::string_view(answer, static_cast<std::size_t>(got)).ends_with("GET /one|"));
}

TEST(TlsServer, CarriesLargeBodiesBothWays) {
  TestServer server(echo, {}, context());
  const SslContext tls = client_context();
  Client client(server.address(), tls.get());
  ASSERT_TRUE(client.connected());
  const std::string body(2u << 20, 'q');
  const Reply reply = client.ask(
      "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(reply.body == "POST /|" + body);
}

TEST(TlsServer, RefusalsArriveThroughTls) {
  TestServer server(echo, {}, context());
  const SslContext tls = client_context();
  Client client(server.address(), tls.get());
  ASSERT_TRUE(client.connected());
  const Reply reply =
      client.ask("POST / HTTP/1.1\r\nContent-Length: 2097153\r\n\r\n" + std::string(2097153, 'x'));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "payload reached size limit");
}

TEST(TlsServer, ClosesOnASlowOrForeignHandshake) {
  Limits limits;
  limits.tls_handshake_time = 1s;
  TestServer server(echo, limits, context());
  Client silent(server.address());
  Client clear(server.address());
  clear.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(silent.closed_within(4000ms));
  EXPECT_TRUE(clear.closed_within(4000ms));
}

TEST(TlsServer, ResumesSessionsByTicket) {
  TestServer server(echo, {}, context());
  const SslContext tls = client_context();
  Client first(server.address(), tls.get());
  ASSERT_TRUE(first.connected());
  EXPECT_EQ(first.ask("GET / HTTP/1.1\r\n\r\n").status, 200);  // the ticket comes before the answer
  const crypto::Handle<SSL_SESSION, SSL_SESSION_free> session(SSL_get1_session(first.ssl()));
  EXPECT_EQ(SSL_SESSION_is_resumable(session.get()), 1);
  EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), 1);
}

TEST(TlsServer, SurvivesClientsThatVanish) {
  Handler handler = [](Request) -> awaitable<Response> {
    Response response;
    response.body = std::string(4u << 20, 'x');
    co_return response;
  };
  TestServer server(handler, {}, context());
  const SslContext tls = client_context();
  for (int i = 0; i < 10; ++i) {
    Client client(server.address(), tls.get());
    ASSERT_TRUE(client.connected());
    client.send("GET / HTTP/1.1\r\n\r\n");
    const linger reset{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }  // closed with a reset while the answer is on its way: SIGPIPE, were it not ignored
  for (int i = 0; i < 500 && server->connections() != 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server->connections(), 0u);
}

}  // namespace
}  // namespace kbs::http
