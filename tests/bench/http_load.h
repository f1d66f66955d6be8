#pragma once
/// A load driver that costs little: closed loop, keep-alive, one thread, one epoll.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace kbs::bench {

/// One answer. The views live until the next request on its connection.
struct Answer {
  int status = 0;
  std::string_view head;
  std::string_view body;
};

/// What one connection asks, request after request. A unit of work may take several.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Writes the next request into the empty `request`; false when there is no more work.
  virtual bool next(std::string& request) = 0;
  /// Takes the answer. True when it completes a unit; an error ends the run.
  virtual Result<bool> answered(const Answer& answer) = 0;
};
using Streams = std::vector<std::unique_ptr<Stream>>;

/// What a run of streams amounts to. Latency is that of a unit.
struct Load {
  std::size_t units = 0;
  double seconds = 0;
  std::vector<double> latencies_ms;
};

/// Bytes received so far on one connection, and the answer once it is whole.
class AnswerReader {
 public:
  /// Where to receive: at least 64 KiB; `received` says how much came.
  std::span<char> space();
  /// True when the answer is whole.
  Result<bool> received(std::size_t size);
  Answer answer() const noexcept;
  void clear() noexcept;

 private:
  Result<> read_head();

  std::string buffer_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;   ///< with its empty line; 0 until that came
  std::size_t whole_ = 0;  ///< head and body
  int status_ = 0;
};

/// Open connections to 127.0.0.1, kept between runs.
class LoadClient {
 public:
  virtual ~LoadClient() = default;
  virtual std::size_t connections() const noexcept = 0;
  /// Runs each stream on a connection of its own until none has work left.
  virtual Result<Load> run(const Streams& streams) = 0;
};
using LoadClientPtr = std::unique_ptr<LoadClient>;

/// Clear HTTP.
Result<LoadClientPtr> connect_plain(std::uint16_t port, std::size_t connections);

/// One request on a connection of its own. `body` holds the whole body.
struct OwnedAnswer {
  int status = 0;
  std::string head, body;
};
Result<OwnedAnswer> ask(std::uint16_t port, std::string_view request);

/// A connected TCP socket without delay.
Result<Fd> connect_to(std::uint16_t port);

std::string get_request(std::string_view target, std::string_view bearer,
                        std::string_view cookie = {});
std::string post_request(std::string_view target, std::string_view body,
                         std::string_view cookie = {});
/// Value of the cookie that an answer sets, or empty.
std::string_view session_cookie_in(std::string_view head);

}  // namespace kbs::bench
