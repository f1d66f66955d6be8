#pragma once
/// For tests: a blocking client that sends exactly what it is told, and a server to talk to.

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "crypto/openssl_ptr.h"
#include "kbs/http/server.h"

namespace kbs::http::testing {

struct Reply {
  int status = 0;  ///< 0: the connection ended before a whole answer had come
  std::string head;
  std::string body;
  /// First header of that name, or "".
  std::string header(std::string_view name) const;
};

/// One connection. Waits at most ten seconds for anything.
class Client {
 public:
  explicit Client(const std::string& address);
  /// Speaks TLS, without checking the certificate. `connected` tells whether the handshake worked.
  Client(const std::string& address, SSL_CTX* tls);

  bool connected() const noexcept { return connected_; }
  void send(std::string_view bytes);
  /// Reads one answer. `head_only`: to a HEAD request.
  Reply read(bool head_only = false);
  Reply ask(std::string_view request) {
    send(request);
    return read();
  }
  /// Everything until the server closes, or until it has been silent for ten seconds.
  std::string read_to_end();
  /// Whether the server has closed, waiting at most `limit`.
  bool closed_within(std::chrono::milliseconds limit);
  /// Ends our direction.
  void finish_sending();
  SSL* ssl() const noexcept { return ssl_.get(); }
  int fd() const noexcept { return fd_.get(); }

 private:
  std::size_t receive(char* into, std::size_t size);

  Fd fd_;
  crypto::Handle<SSL, SSL_free> ssl_;
  bool connected_ = false;
  std::string buffered_;
};

/// A self-signed P-256 certificate for "localhost" and its key.
struct Pair {
  std::string certificate_pem;
  std::string key_pem;
};
Pair make_pair(std::string_view common_name);
TlsOptions tls_options(const Pair& pair);

using SslContext = crypto::Handle<SSL_CTX, SSL_CTX_free>;
SslContext client_context();

/// A started server on a free port of the loopback.
class TestServer {
 public:
  explicit TestServer(Handler handler, Limits limits = {},
                      std::shared_ptr<asio::ssl::context> tls = nullptr, unsigned workers = 1);
  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  std::string address() const { return server_->addresses().front(); }
  void destroy() { server_.reset(); }

 private:
  std::unique_ptr<Server> server_;
};

/// Answers 200 with "METHOD path?query|body".
awaitable<Response> echo(Request request);

}  // namespace kbs::http::testing
