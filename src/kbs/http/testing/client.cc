#include "kbs/http/testing/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>

#include "kbs/http/message.h"

namespace kbs::http::testing {
namespace {

constexpr int kPatience = 10;  // seconds

Fd connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{kPatience, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return fd;
}

std::string take_bio(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::string Reply::header(std::string_view name) const {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string_view line = std::string_view(head).substr(at + 2, end - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_name(line.substr(0, colon), name)) {
      return std::string(line.substr(line.find_first_not_of(' ', colon + 1)));
    }
    at = end;
  }
  return {};
}

Client::Client(const std::string& address)
    : fd_(connect_to(address)), connected_(static_cast<bool>(fd_)) {}

Client::Client(const std::string& address, SSL_CTX* tls) : Client(address) {
  if (!connected_) return;
  ssl_.reset(SSL_new(tls));
  SSL_set_fd(ssl_.get(), fd_.get());
  connected_ = SSL_connect(ssl_.get()) == 1;
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t Client::receive(char* into, std::size_t size) {
  const auto got =
      ssl_ ? SSL_read(ssl_.get(), into, static_cast<int>(size)) : ::recv(fd_.get(), into, size, 0);
  return got <= 0 ? 0 : static_cast<std::size_t>(got);
}

Reply Client::read(bool head_only) {
  Reply reply;
  char chunk[16384];
  for (;;) {
    if (const std::size_t end = buffered_.find("\r\n\r\n"); end != std::string::npos) {
      reply.head = buffered_.substr(0, end + 2);
      const std::string length = reply.header("Content-Length");
      const std::size_t size = head_only || length.empty() ? 0 : std::stoul(length);
      if (buffered_.size() >= end + 4 + size) {
        reply.body = buffered_.substr(end + 4, size);
        buffered_.erase(0, end + 4 + size);
        reply.status = std::stoi(reply.head.substr(9, 3));
        return reply;
      }
    }
    const std::size_t got = receive(chunk, sizeof chunk);
    if (got == 0) return reply;
    buffered_.append(chunk, got);
  }
}

std::string Client::read_to_end() {
  std::string all = std::move(buffered_);
  char chunk[16384];
  while (const std::size_t got = receive(chunk, sizeof chunk)) all.append(chunk, got);
  return all;
}

bool Client::closed_within(std::chrono::milliseconds limit) {
  pollfd poll{fd_.get(), POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(&poll, 1, static_cast<int>(left.count())) == 0) return false;
    char chunk[4096];
    const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return true;
  }
}

void Client::finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }

Pair make_pair(std::string_view common_name) {
  const crypto::EvpPkey key(EVP_EC_gen("P-256"));
  const crypto::X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const crypto::BioPtr certificate_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  const crypto::BioPtr key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {take_bio(certificate_text.get()), take_bio(key_text.get())};
}

TlsOptions tls_options(const Pair& pair) {
  TlsOptions options;
  options.certificate_pem = pair.certificate_pem;
  options.private_key_pem = Secret::from_text(pair.key_pem);
  return options;
}

SslContext client_context() { return SslContext(SSL_CTX_new(TLS_client_method())); }

TestServer::TestServer(Handler handler, Limits limits, std::shared_ptr<asio::ssl::context> tls,
                       unsigned workers) {
  Options options;
  options.sockets = {"127.0.0.1:0"};
  options.workers = workers;
  options.limits = limits;
  options.tls = std::move(tls);
  auto server =
      Server::bind(std::move(options), [handler](unsigned, asio::io_context&) { return handler; });
  if (!server) ADD_FAILURE() << describe(server.error());
  server_ = std::move(*server);
  server_->start();
}

awaitable<Response> echo(Request request) {
  Response response;
  response.content_type = "text/plain";
  std::string text = request.method_name + " " + request.path;
  if (!request.query.empty()) text += "?" + request.query;
  text += "|";
  text += request.body.expose_text();
  response.body = std::move(text);
  co_return response;
}

}  // namespace kbs::http::testing
