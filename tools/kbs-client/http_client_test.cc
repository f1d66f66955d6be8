#include "kbs-client/http_client.h"

#include <gtest/gtest.h>

#include "kbs-client/testing/loopback_server.h"

namespace kbs::client {
namespace {

using testing::LoopbackServer;

std::string http(std::string_view status, std::string_view headers, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) + "\r\nConnection: close\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::unique_ptr<HttpClient> client_of(
    const LoopbackServer& server, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  auto client = HttpClient::make(
      {.url = server.url() + "/", .user_agent = "test/1", .extra_ca_pem = {}, .timeout = timeout});
  return client ? std::move(*client) : nullptr;
}

TEST(HttpClient, KeepsACookieWithoutPathForItsFolder) {  // C-09
  LoopbackServer server({http("200 OK", "Set-Cookie: kbs-session-id=abc; HttpOnly\r\n", "{}"),
                         http("200 OK", "", ""), http("200 OK", "", "")});
  auto client = client_of(server);
  const Secret body = Secret::from_text("{}");
  auto auth = client->send({.method = Method::post,
                            .target = "/kbs/v0/auth",
                            .content_type = "application/json",
                            .body = &body});
  ASSERT_TRUE(auth) << auth.error().message;
  EXPECT_EQ(auth->session_cookie, "abc");
  ASSERT_TRUE(client->send({.method = Method::post, .target = "/kbs/v0/attest", .body = &body}));
  ASSERT_TRUE(client->send({.target = "/kbs/v0/resource/a/b/c"}));
  ASSERT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(server.requests()[0].find("Cookie:"), std::string::npos);
  EXPECT_NE(server.requests()[1].find("\r\nCookie: kbs-session-id=abc\r\n"), std::string::npos);
  EXPECT_NE(server.requests()[2].find("\r\nCookie: kbs-session-id=abc\r\n"), std::string::npos);
}

TEST(HttpClient, AsksForHeadersOnlyAndReadsThem) {
  LoopbackServer server(
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v 7\"\r\n"
       "X-Resource-Size: 12\r\nContent-Length: 5\r\n\r\n",
       http("200 OK", "X-Resource-Size: -1\r\n", "later")});
  auto client = client_of(server);
  auto head = client->send({.method = Method::head, .target = "/kbs/v0/resource/a/b/c"});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->etag, "\"v 7\"");
  EXPECT_EQ(head->resource_size, 12u);
  EXPECT_EQ(head->text(), "");
  auto next = client->send({.target = "/"});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->text(), "later") << "the next one has a body again";
  EXPECT_EQ(next->etag, "");
  EXPECT_FALSE(next->resource_size) << "no number";
  EXPECT_TRUE(server.requests()[0].starts_with("HEAD /kbs/v0/resource/a/b/c HTTP/1.1\r\n"));
}

TEST(HttpClient, SendsConditions) {
  LoopbackServer server({http("200 OK", "", ""), http("200 OK", "", ""), http("200 OK", "", "")});
  auto client = client_of(server);
  const Secret body = Secret::from_text("x");
  HttpRequest request{.method = Method::post, .target = "/1", .body = &body};
  request.if_match = "\"v7\"";
  ASSERT_TRUE(client->send(request));
  request.if_match.clear();
  request.if_absent = true;
  ASSERT_TRUE(client->send(request));
  request.if_absent = false;
  ASSERT_TRUE(client->send(request));
  EXPECT_NE(server.requests()[0].find("\r\nIf-Match: \"v7\"\r\n"), std::string::npos);
  EXPECT_NE(server.requests()[1].find("\r\nIf-None-Match: *\r\n"), std::string::npos);
  EXPECT_EQ(server.requests()[2].find("\r\nIf-"), std::string::npos);
}

TEST(HttpClient, EachRequestIsItsOwn) {
  LoopbackServer server({http("200 OK", "", ""), http("200 OK", "", ""), http("200 OK", "", "")});
  auto client = client_of(server);
  const Secret body = Secret::from_text("xyz");
  const Secret token = Secret::from_text("a.b.c");
  ASSERT_TRUE(client->send({.method = Method::post,
                            .target = "/1",
                            .content_type = "application/octet-stream",
                            .body = &body,
                            .bearer = &token}));
  ASSERT_TRUE(client->send({.method = Method::remove, .target = "/a/../2"}));
  ASSERT_TRUE(client->send({.target = "/3"}));
  const auto& seen = server.requests();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_TRUE(seen[0].starts_with("POST /1 HTTP/1.1\r\n"));
  EXPECT_NE(seen[0].find("\r\nAuthorization: Bearer a.b.c\r\n"), std::string::npos);
  EXPECT_NE(seen[0].find("\r\nContent-Type: application/octet-stream\r\n"), std::string::npos);
  EXPECT_NE(seen[0].find("\r\nUser-Agent: test/1\r\n"), std::string::npos);
  EXPECT_TRUE(seen[0].ends_with("\r\n\r\nxyz"));
  EXPECT_TRUE(seen[1].starts_with("DELETE /a/../2 HTTP/1.1\r\n"))
      << "dots are the server's to judge";
  EXPECT_EQ(seen[1].find("Authorization"), std::string::npos);
  EXPECT_TRUE(seen[2].starts_with("GET /3 HTTP/1.1\r\n"));
  EXPECT_EQ(seen[2].find("Content-"), std::string::npos);
}

TEST(HttpClient, DoesNotFollowRedirects) {
  LoopbackServer server(
      {http("302 Found", "Location: /elsewhere\r\n", ""), http("200 OK", "", "")});
  auto got = client_of(server)->send({.target = "/"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 302);
}

TEST(HttpClient, ReadsRetryAfterInSeconds) {
  LoopbackServer server({http("503 Busy", "retry-after: 7 \r\n", ""),
                         http("503 Busy", "Retry-After: soon\r\n", ""),
                         http("503 Busy", "Retry-After: -1\r\n", "")});
  auto client = client_of(server);
  EXPECT_EQ(client->send({.target = "/"})->retry_after, std::chrono::seconds(7));
  EXPECT_FALSE(client->send({.target = "/"})->retry_after);
  EXPECT_FALSE(client->send({.target = "/"})->retry_after);
}

TEST(HttpClient, TakesAnswersUpToItsBound) {
  LoopbackServer server({http("200 OK", "", std::string((64u << 20) + 1, 'x'))});
  auto got = client_of(server)->send({.target = "/"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::too_large);
}

TEST(HttpClient, SaysWhereItCouldNotGo) {
  std::string url;
  {
    LoopbackServer gone({});
    url = gone.url();
  }
  auto client = HttpClient::make({.url = url, .user_agent = "test/1", .extra_ca_pem = {}});
  auto got = (*client)->send({.target = "/"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
  EXPECT_NE(got.error().message.find(url), std::string::npos);
  EXPECT_NE(got.error().message.find("--url"), std::string::npos) << "what to do next";
}

TEST(HttpClient, DoesNotWaitForEver) {
  LoopbackServer server(
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"});  // and closes before the rest
  auto cut = client_of(server)->send({.target = "/"});
  ASSERT_FALSE(cut) << "half an answer is no answer";
  LoopbackServer mute({});  // accepts into its queue, never answers
  auto got = client_of(mute, std::chrono::milliseconds(200))->send({.target = "/"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace kbs::client
