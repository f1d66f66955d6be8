#include "bench/http_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <charconv>
#include <chrono>
#include <span>

namespace kbs::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kSpace = std::size_t{64} << 10;
constexpr int kPatienceMs = 20'000;
// The driver looks again rather than sleep, for this long: waking a sleeper on another core would
// be charged to the server's send, and is no part of serving clients elsewhere.
constexpr std::chrono::milliseconds kRestless{2};
constexpr std::string_view kCookie = "kbs-session-id=";

auto broken(std::string what) { return fail(ErrorKind::unavailable, std::move(what)); }

Result<> send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return tl::unexpected(error_from_errno(errno, "send a request"));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// One connection at work.
struct Lane {
  int socket = -1;
  Stream* stream = nullptr;
  AnswerReader reader;
  std::string request;
  SteadyClock::time_point begun;
  bool in_unit = false;

  /// False when there is nothing left to ask.
  Result<bool> ask_next() {
    request.clear();
    reader.clear();
    if (!stream->next(request)) return false;
    if (!in_unit) begun = SteadyClock::now();
    in_unit = true;
    KBS_OK(send_all(socket, request));
    return true;
  }

  /// Takes what has come; false when this lane is done.
  Result<bool> on_readable(Load& load) {
    const std::span<char> into = reader.space();
    const ssize_t got = recv(socket, into.data(), into.size(), 0);
    if (got <= 0) return broken("the server closed a connection");
    KBS_TRY(bool whole, reader.received(static_cast<std::size_t>(got)));
    if (!whole) return true;
    KBS_TRY(bool unit, stream->answered(reader.answer()));
    if (unit) {
      const std::chrono::duration<double, std::milli> took = SteadyClock::now() - begun;
      load.latencies_ms.push_back(took.count());
      ++load.units;
      in_unit = false;
    }
    return ask_next();
  }
};

/// Starts every lane; returns how many have work.
Result<std::size_t> begin(std::vector<Lane>& lanes, int epoll) {
  std::size_t active = 0;
  for (Lane& lane : lanes) {
    KBS_TRY(bool working, lane.ask_next());
    if (!working) continue;
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.ptr = &lane;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, lane.socket, &interest) != 0) {
      return tl::unexpected(error_from_errno(errno, "epoll_ctl"));
    }
    ++active;
  }
  return active;
}

class PlainClient final : public LoadClient {
 public:
  explicit PlainClient(std::vector<Fd> sockets) : sockets_(std::move(sockets)) {}
  std::size_t connections() const noexcept override { return sockets_.size(); }
  Result<Load> run(const Streams& streams) override;

 private:
  std::vector<Fd> sockets_;
};

std::string request_text(std::string_view line, std::string_view bearer, std::string_view cookie) {
  std::string text;
  text.reserve(line.size() + bearer.size() + cookie.size() + 160);
  text.append(line).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n");
  if (!bearer.empty()) text.append("Authorization: Bearer ").append(bearer).append("\r\n");
  if (!cookie.empty()) text.append("Cookie: ").append(kCookie).append(cookie).append("\r\n");
  return text;
}

/// Waits for answers; how many are there.
int wait_for_answers(int epoll, std::span<epoll_event> ready) {
  const int size = static_cast<int>(ready.size());
  const auto begin = SteadyClock::now();
  do {
    if (const int count = epoll_wait(epoll, ready.data(), size, 0); count != 0) return count;
  } while (SteadyClock::now() - begin < kRestless);
  return epoll_wait(epoll, ready.data(), size, kPatienceMs);
}

}  // namespace

std::span<char> AnswerReader::space() {
  if (buffer_.size() < size_ + kSpace) buffer_.resize(size_ + 2 * kSpace);
  return std::span(buffer_).subspan(size_);
}

Result<bool> AnswerReader::received(std::size_t size) {
  size_ += size;
  if (head_ == 0) KBS_OK(read_head());
  if (head_ == 0) return false;
  if (size_ > whole_) return broken("the server sent more than one answer");
  return size_ == whole_;
}

Result<> AnswerReader::read_head() {
  const std::string_view text(buffer_.data(), size_);
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return {};
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  std::size_t body = 0;
  const auto at = text.substr(0, end).find(kLength);
  const char* last = text.data() + end;
  if (at != text.npos) std::from_chars(text.data() + at + kLength.size(), last, body);
  if (!text.starts_with("HTTP/1.1 ")) return broken("the server does not speak HTTP/1.1");
  std::from_chars(text.data() + 9, text.data() + 12, status_);
  head_ = end + 4;
  whole_ = head_ + body;
  return {};
}

Answer AnswerReader::answer() const noexcept {
  const std::string_view text(buffer_.data(), size_);
  return {status_, text.substr(0, head_), text.substr(head_)};
}

void AnswerReader::clear() noexcept { size_ = head_ = whole_ = 0; }

Result<Fd> connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::unexpected(error_from_errno(errno, "connect"));
  }
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

Result<LoadClientPtr> connect_plain(std::uint16_t port, std::size_t connections) {
  std::vector<Fd> sockets;
  for (std::size_t i = 0; i < connections; ++i) {
    KBS_TRY(Fd socket, connect_to(port));
    sockets.push_back(std::move(socket));
  }
  return std::make_unique<PlainClient>(std::move(sockets));
}

Result<Load> PlainClient::run(const Streams& streams) {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  std::vector<Lane> lanes(streams.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    lanes[i].socket = sockets_.at(i).get();
    lanes[i].stream = streams[i].get();
  }
  Load load;
  const auto start = SteadyClock::now();
  KBS_TRY(std::size_t active, begin(lanes, epoll.get()));
  epoll_event ready[16];
  while (active > 0) {
    const int count = wait_for_answers(epoll.get(), ready);
    if (count <= 0) return broken("the server does not answer");
    for (int i = 0; i < count; ++i) {
      Lane& lane = *static_cast<Lane*>(ready[i].data.ptr);
      KBS_TRY(bool working, lane.on_readable(load));
      if (working) continue;
      epoll_ctl(epoll.get(), EPOLL_CTL_DEL, lane.socket, nullptr);
      --active;
    }
  }
  load.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return load;
}

Result<OwnedAnswer> ask(std::uint16_t port, std::string_view request) {
  KBS_TRY(Fd socket, connect_to(port));
  KBS_OK(send_all(socket.get(), request));
  AnswerReader reader;
  for (bool whole = false; !whole;) {
    const std::span<char> into = reader.space();
    const ssize_t got = recv(socket.get(), into.data(), into.size(), 0);
    if (got <= 0) return broken("the server closed the connection");
    KBS_TRY(whole, reader.received(static_cast<std::size_t>(got)));
  }
  const Answer answer = reader.answer();
  return OwnedAnswer{answer.status, std::string(answer.head), std::string(answer.body)};
}

std::string get_request(std::string_view target, std::string_view bearer, std::string_view cookie) {
  return request_text("GET " + std::string(target), bearer, cookie) + "\r\n";
}

std::string post_request(std::string_view target, std::string_view body, std::string_view cookie) {
  std::string text = request_text("POST " + std::string(target), {}, cookie);
  text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size());
  return text.append("\r\n\r\n").append(body);
}

std::string_view session_cookie_in(std::string_view head) {
  const auto at = head.find(kCookie);
  if (at == head.npos) return {};
  head.remove_prefix(at + kCookie.size());
  return head.substr(0, head.find_first_of(";\r"));
}

}  // namespace kbs::bench
