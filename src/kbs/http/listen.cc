#include "kbs/http/listen.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include <boost/asio/ip/tcp.hpp>

namespace kbs::http {
namespace {

namespace asio = boost::asio;
using Endpoint = asio::ip::tcp::endpoint;

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return std::nullopt;
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(std::string(host), ec);
  if (ec || address.is_v6() != bracketed) return std::nullopt;
  return Endpoint(address, port);
}

std::string to_text(const Endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

std::string_view remedy(int err) {
  switch (err) {
    case EADDRINUSE:
      return "another server has it; stop that one, or choose another port in http_server.sockets";
    case EACCES:
      return "ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it or choose a "
             "higher port";
    case EADDRNOTAVAIL:
      return "no interface of this host has that address; correct http_server.sockets";
    case EMFILE:
    case ENFILE:
      return "too many open files; raise the limit (ulimit -n, LimitNOFILE)";
    default:
      return "see http_server.sockets";
  }
}

tl::unexpected<Error> cannot(const Endpoint& at, std::string_view call, int err) {
  const std::string text = std::strerror(err);
  return fail(ErrorKind::unavailable,
              "cannot listen on " + to_text(at) + ": " + text + ": " + std::string(remedy(err)),
              std::string(call) + ": " + text);
}

int set(const Fd& fd, int level, int option, int value) {
  return ::setsockopt(fd.get(), level, option, &value, sizeof value);
}

/// A bound socket. Only the first of an address is `exclusive`.
Result<Fd> bind_socket(const Endpoint& at, bool exclusive, bool v6_only) {
  Fd fd(::socket(at.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return cannot(at, "socket", errno);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (v6_only) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (!exclusive && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
    return cannot(at, "SO_REUSEPORT", errno);
  if (::bind(fd.get(), at.data(), static_cast<socklen_t>(at.size())) != 0)
    return cannot(at, "bind", errno);
  // Set late: the address was free when we came, and our other workers may share it from now on.
  if (exclusive && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
    return cannot(at, "SO_REUSEPORT", errno);
  return fd;
}

Result<Endpoint> bound_endpoint(const Fd& fd, const Endpoint& asked) {
  Endpoint got = asked;
  socklen_t size = static_cast<socklen_t>(got.capacity());
  if (::getsockname(fd.get(), got.data(), &size) != 0) return cannot(asked, "getsockname", errno);
  got.resize(size);
  return got;
}

Result<Listener> listen_at(const Endpoint& asked, unsigned copies, bool v6_only) {
  Listener listener;
  Endpoint at = asked;
  for (unsigned i = 0; i < copies; ++i) {
    KBS_TRY(Fd fd, bind_socket(at, i == 0, v6_only));
    if (i == 0) {
      KBS_TRY(at, bound_endpoint(fd, asked));
      listener.address = to_text(at);
    }
    if (::listen(fd.get(), SOMAXCONN) != 0) return cannot(at, "listen", errno);
    listener.sockets.push_back(std::move(fd));
  }
  return listener;
}

}  // namespace

Result<std::vector<Listener>> listen_on(const std::vector<std::string>& addresses,
                                        unsigned copies) {
  if (addresses.empty()) {
    return fail(ErrorKind::invalid_request,
                "http_server.sockets is empty: name at least one \"ip:port\"");
  }
  std::vector<Endpoint> endpoints;
  for (const std::string& text : addresses) {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) {
      return fail(
          ErrorKind::invalid_request,
          "http_server.sockets: \"" + text +
              "\" is not ip:port; write \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::]:8080\"");
    }
    endpoints.push_back(*endpoint);
  }
  std::vector<Listener> listeners;
  for (const Endpoint& endpoint : endpoints) {
    // "[::]:80" takes IPv4 as well, unless it stands beside "0.0.0.0:80", which would then be in
    // use.
    const bool v6_only =
        endpoint.address().is_v6() &&
        std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& other) {
          return other.address().is_v4() && other.port() == endpoint.port();
        });
    KBS_TRY(Listener listener, listen_at(endpoint, copies, v6_only));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

}  // namespace kbs::http
