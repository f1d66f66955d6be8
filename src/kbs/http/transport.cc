#include "kbs/http/transport.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <boost/asio/redirect_error.hpp>

#include "crypto/secret.h"

namespace kbs::http {
namespace {

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

/// `text` without its first `offset` bytes; takes them off `offset`.
std::string_view rest_of(std::string_view text, std::size_t& offset) noexcept {
  const std::size_t skip = std::min(offset, text.size());
  offset -= skip;
  return text.substr(skip);
}

}  // namespace

Transport::Transport(asio::ip::tcp::socket socket, SSL_CTX* tls) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  // Answers leave in few writes; Nagle would hold back the last of them until the client's delayed
  // ACK.
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.native_non_blocking(true, ignored);
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) {
    broken_ = true;
    return;
  }
  SSL_set_accept_state(ssl_.get());
}

Transport::Attempt Transport::classify(int rc) noexcept {
  switch (SSL_get_error(ssl_.get(), rc)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::want_read};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::want_write};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::closed};
    default:
      broken_ = true;
      return {Outcome::closed};
  }
}

Transport::Attempt Transport::try_handshake() noexcept {
  if (broken_) return {Outcome::closed};
  if (!ssl_) return {Outcome::done};
  ERR_clear_error();  // another connection's leftovers would be taken for ours
  const int rc = SSL_do_handshake(ssl_.get());
  return rc == 1 ? Attempt{Outcome::done} : classify(rc);
}

Transport::Attempt Transport::try_read(std::span<std::byte> into) noexcept {
  if (broken_) return {Outcome::closed};
  if (ssl_) {
    ERR_clear_error();
    std::size_t size = 0;
    const int rc = SSL_read_ex(ssl_.get(), into.data(), into.size(), &size);
    return rc == 1 ? Attempt{Outcome::done, size} : classify(rc);
  }
  ssize_t n;
  do {
    n = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return {Outcome::done, static_cast<std::size_t>(n)};
  return {n < 0 && would_block() ? Outcome::want_read : Outcome::closed};
}

Transport::Attempt Transport::try_write(std::string_view head, std::string_view body,
                                        std::size_t offset, std::span<std::byte> scratch) noexcept {
  if (broken_) return {Outcome::closed};
  return ssl_ ? write_tls(head, body, offset, scratch) : write_clear(head, body, offset);
}

Transport::Attempt Transport::write_clear(std::string_view head, std::string_view body,
                                          std::size_t offset) noexcept {
  const std::string_view first = rest_of(head, offset);
  const std::string_view second = rest_of(body, offset);
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  ssize_t n;
  do {
    n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {Outcome::done, static_cast<std::size_t>(n)};
  return {would_block() ? Outcome::want_write : Outcome::closed};
}

Transport::Attempt Transport::write_tls(std::string_view head, std::string_view body,
                                        std::size_t offset, std::span<std::byte> scratch) noexcept {
  std::size_t skip = offset;
  const std::string_view first = rest_of(head, skip);
  std::string_view piece = rest_of(body, skip);
  std::size_t joined = 0;
  if (!first.empty() && !piece.empty()) {
    // Head and start of the body in one record. A repeated call builds the same bytes again, as
    // OpenSSL asks.
    const std::size_t from_head = std::min(first.size(), kRecord);
    const std::size_t from_body = std::min(piece.size(), kRecord - from_head);
    std::memcpy(scratch.data(), first.data(), from_head);
    std::memcpy(scratch.data() + from_head, piece.data(), from_body);
    joined = from_head + from_body;
    piece = as_text(scratch.first(joined));
  } else if (piece.empty()) {
    piece = first;
  }
  ERR_clear_error();
  std::size_t size = 0;
  const int rc = SSL_write_ex(ssl_.get(), piece.data(), std::min(piece.size(), kRecord), &size);
  wipe(scratch.data(), joined);
  return rc == 1 ? Attempt{Outcome::done, size} : classify(rc);
}

awaitable<bool> Transport::wait(Outcome want) {
  const auto direction = want == Outcome::want_write ? asio::ip::tcp::socket::wait_write
                                                     : asio::ip::tcp::socket::wait_read;
  boost::system::error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await socket_.async_wait(direction, token);
  co_return !ec;
}

void Transport::shutdown_send() noexcept {
  if (ssl_ && !broken_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

bool Transport::discard(std::span<std::byte> scratch, std::size_t& dropped) noexcept {
  constexpr int kAtOnce = 64;  // then others get their turn
  for (int i = 0; i < kAtOnce; ++i) {
    const ssize_t n = ::recv(socket_.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && would_block();
    dropped += static_cast<std::size_t>(n);
    wipe(scratch.data(), static_cast<std::size_t>(n));
  }
  return true;
}

void Transport::cancel() noexcept {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Transport::abandon() noexcept {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
}

}  // namespace kbs::http
