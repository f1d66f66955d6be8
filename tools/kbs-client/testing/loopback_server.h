#pragma once
/// A server on the loopback interface that sends prepared bytes, one connection a request.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace kbs::client::testing {

/// Answers the n-th connection with `answers[n]` and keeps what it was asked. Joined when
/// destroyed.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener_, any, size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, any, &size) != 0) {
      std::abort();
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const std::string& url() const { return url_; }
  /// Head and body of each request so far; call when the client has its answers.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      requests_.push_back(read_request(peer));
      std::size_t sent = 0;
      while (sent < answer.size()) {
        const ssize_t done = ::send(peer, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (done <= 0) break;
        sent += static_cast<std::size_t>(done);
      }
      ::close(peer);
    }
  }

  static std::string read_request(int peer) {
    std::string text;
    char chunk[4096];
    for (;;) {
      const ssize_t got = ::recv(peer, chunk, sizeof chunk, 0);
      if (got <= 0) return text;
      text.append(chunk, static_cast<std::size_t>(got));
      const std::size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t length = text.find("Content-Length: ");
      const std::size_t body = length < end ? std::stoul(text.substr(length + 16)) : 0;
      if (text.size() >= end + 4 + body) return text;
    }
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  std::string url_;
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace kbs::client::testing
