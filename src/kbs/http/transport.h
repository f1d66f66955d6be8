#pragma once
/// Bytes in and out of one connection, in clear or through TLS, without blocking. OpenSSL works on
/// the socket itself: no copies through memory BIOs, and an idle TLS connection costs 20 KiB
/// instead of 76.

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "base/async.h"
#include "crypto/openssl_ptr.h"

namespace kbs::http {

/// One connection's socket. Belongs to one worker; not thread-safe. Nothing throws.
class Transport {
 public:
  /// `tls` null: clear text. Otherwise the server's side of a TLS connection begins with
  /// `handshake`.
  Transport(asio::ip::tcp::socket socket, SSL_CTX* tls);

  /// What one attempt came to.
  enum class Outcome { done, want_read, want_write, closed };
  struct Attempt {
    Outcome outcome;
    std::size_t size = 0;
  };

  bool is_tls() const noexcept { return ssl_ != nullptr; }
  Attempt try_handshake() noexcept;
  Attempt try_read(std::span<std::byte> into) noexcept;
  /// Sends what fits of `head` + `body` from `offset` on. Call it again with the same texts and the
  /// offset advanced by `size`. `scratch` joins head and body into one TLS record; it holds at
  /// least `kRecord` bytes, and nothing in it matters between calls.
  Attempt try_write(std::string_view head, std::string_view body, std::size_t offset,
                    std::span<std::byte> scratch) noexcept;
  static constexpr std::size_t kRecord = 16384;  ///< plaintext of the largest TLS record

  /// Whether bytes wait inside TLS, where the socket does not show them.
  bool has_buffered() const noexcept { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }
  /// Waits until the socket is worth another try. False when cancelled or broken.
  awaitable<bool> wait(Outcome want);

  /// Ends our direction: close_notify, FIN. Never waits.
  void shutdown_send() noexcept;
  /// Reads and drops raw bytes: for a client that is still sending what nobody will read. False at
  /// its end.
  bool discard(std::span<std::byte> scratch, std::size_t& dropped) noexcept;
  /// Wakes whoever waits.
  void cancel() noexcept;
  /// The next close drops what is unsent and resets the connection.
  void abandon() noexcept;

 private:
  Attempt classify(int rc) noexcept;
  Attempt write_clear(std::string_view head, std::string_view body, std::size_t offset) noexcept;
  Attempt write_tls(std::string_view head, std::string_view body, std::size_t offset,
                    std::span<std::byte> scratch) noexcept;

  asio::ip::tcp::socket socket_;
  crypto::Handle<SSL, SSL_free> ssl_;
  bool broken_ = false;
};

}  // namespace kbs::http
