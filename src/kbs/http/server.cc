#include "kbs/http/server.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>

#include "base/log.h"
#include "kbs/http/connection.h"
#include "kbs/http/listen.h"

namespace kbs::http {
namespace {

using asio::ip::tcp;
using TlsContext = std::shared_ptr<asio::ssl::context>;

constexpr std::chrono::milliseconds kDeadlineStep{200};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kIdleTime{50};  ///< for idle connections to notice that we stop
constexpr std::chrono::milliseconds kAbortTime{500};

/// What all workers share.
struct Common {
  Limits limits;
  std::atomic<std::size_t> open{0};
  std::mutex tls_mutex;  ///< held for a pointer's copy, once for each connection
  TlsContext tls;

  TlsContext current_tls() {
    const std::lock_guard lock(tls_mutex);
    return tls;
  }
};

/// An io_context whose coroutines can be destroyed while everything they refer to still lives.
class Context : public asio::io_context {
 public:
  Context() : asio::io_context(1) {}
  void destroy_coroutines() { shutdown(); }
};

std::string peer_of(const tcp::socket& socket) {
  boost::system::error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {};
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

/// Counts a connection from accept to close.
class OpenCount {
 public:
  explicit OpenCount(std::atomic<std::size_t>& count) : count_(count), now_(++count) {}
  ~OpenCount() { --count_; }
  OpenCount(const OpenCount&) = delete;
  OpenCount& operator=(const OpenCount&) = delete;
  std::size_t now() const noexcept { return now_; }

 private:
  std::atomic<std::size_t>& count_;
  std::size_t now_;
};

void log_escape(std::exception_ptr exception) {
  if (!exception) return;
  std::string what = "unknown";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an exception of no known type";
  }
  log_line(LogLevel::error, "http", "a connection ended by an exception", {{"what", what}});
}

/// One thread, its event loop, its listening sockets and its connections.
class Worker {
 public:
  Worker(Common& common, unsigned index)
      : common_(common), shared_(common.limits, index), ticker_(context_) {}
  ~Worker() { context_.destroy_coroutines(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void add(Fd socket) {
    sockaddr_storage any{};
    socklen_t size = sizeof any;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size);
    acceptors_.emplace_back(context_, any.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(),
                            socket.get());
    (void)socket.release();
  }

  void start(const HandlerFactory& factory) {
    shared_.handler = factory(shared_.index, context_);
    for (tcp::acceptor& acceptor : acceptors_)
      asio::co_spawn(context_, accept_loop(acceptor), log_escape);
    thread_ = std::thread([this] { run(); });
  }

  /// No new connections, no new requests. From any thread.
  void drain() {
    asio::post(context_, [this] {
      shared_.draining = true;
      boost::system::error_code ignored;
      for (tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
      for (Connection& connection : shared_.connections) connection.drain();
    });
  }
  void abort() {
    asio::post(context_, [this] {
      for (Connection& connection : shared_.connections) connection.abort();
    });
  }
  void join() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    pthread_setname_np(pthread_self(), ("kbs-http-" + std::to_string(shared_.index)).c_str());
    const auto guard = asio::make_work_guard(context_);
    // An exception out of the loop is a bug; the other connections are not to pay for it.
    while (!context_.stopped()) {
      try {
        context_.run();
      } catch (...) {
        log_escape(std::current_exception());
      }
    }
  }

  awaitable<> accept_loop(tcp::acceptor& acceptor) {
    asio::steady_timer pause(context_);
    SteadyTime last_warning{};
    for (;;) {
      boost::system::error_code ec;
      auto token = asio::redirect_error(asio::use_awaitable, ec);
      tcp::socket socket = co_await acceptor.async_accept(token);
      if (!acceptor.is_open()) co_return;
      if (!ec) {
        asio::co_spawn(context_, serve(std::move(socket)), log_escape);
        start_ticker();
        continue;
      }
      if (ec == asio::error::connection_aborted) continue;  // the client thought better of it
      // Out of descriptors or memory: the waiting client stays in the backlog, and trying at once
      // would spin.
      if (const auto now = std::chrono::steady_clock::now();
          now - last_warning > std::chrono::seconds(10)) {
        last_warning = now;
        log_line(LogLevel::warn, "http", "cannot accept connections; will go on trying",
                 {{"why", std::strerror(ec.value())}});
      }
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(token);
    }
  }

  awaitable<> serve(tcp::socket socket) {
    const OpenCount count(common_.open);
    if (count.now() > common_.limits.max_connections || shared_.draining) co_return;
    std::string peer = peer_of(socket);
    const TlsContext tls = common_.current_tls();
    Connection connection(shared_, std::move(socket), tls ? tls->native_handle() : nullptr,
                          std::move(peer));
    co_await connection.run();
  }

  /// One timer for the deadlines of all connections, running while there are any: setting a
  /// deadline is then one assignment instead of a timer's move in a heap.
  void start_ticker() {
    if (std::exchange(ticking_, true)) return;
    tick_later();
  }
  void tick_later() {
    ticker_.expires_after(kDeadlineStep);
    ticker_.async_wait([this](boost::system::error_code ec) {
      if (ec) return;
      const auto now = std::chrono::steady_clock::now();
      for (Connection& connection : shared_.connections) connection.check_deadline(now);
      ticking_ = !shared_.connections.empty();
      if (ticking_) tick_later();
    });
  }

  Common& common_;
  Context context_;  ///< the first to be made and, of those that use it, the last to go
  Shared shared_;
  asio::steady_timer ticker_;
  bool ticking_ = false;
  std::vector<tcp::acceptor> acceptors_;
  std::thread thread_;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(Options options, HandlerFactory factory, unsigned workers)
      : factory_(std::move(factory)) {
    common_.limits = options.limits;
    common_.tls = std::move(options.tls);
    for (unsigned i = 0; i < workers; ++i) workers_.push_back(std::make_unique<Worker>(common_, i));
  }
  ~ServerImpl() override { stop(std::chrono::milliseconds(0)); }

  void adopt(std::vector<Listener> listeners) {
    for (Listener& listener : listeners) {
      addresses_.push_back(std::move(listener.address));
      for (std::size_t i = 0; i < workers_.size(); ++i)
        workers_[i]->add(std::move(listener.sockets[i]));
    }
  }

  std::vector<std::string> addresses() const override { return addresses_; }

  void start() override {
    running_ = true;
    for (const auto& worker : workers_) worker->start(factory_);
  }

  void set_tls(TlsContext tls) override {
    const std::lock_guard lock(common_.tls_mutex);
    common_.tls.swap(tls);
  }

  void stop(std::chrono::milliseconds grace) override {
    if (!std::exchange(running_, false)) return;
    for (const auto& worker : workers_) worker->drain();
    if (!wait_until_closed(std::max(grace, kIdleTime))) {
      log_line(LogLevel::warn, "http", "closing connections that are still busy",
               {{"connections", static_cast<std::int64_t>(connections())}});
      for (const auto& worker : workers_) worker->abort();
      (void)wait_until_closed(kAbortTime);
    }
    for (const auto& worker : workers_) worker->join();
  }

  std::size_t connections() const override { return common_.open.load(); }

 private:
  bool wait_until_closed(std::chrono::milliseconds limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (connections() != 0) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  HandlerFactory factory_;
  Common common_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool running_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::bind(Options options, HandlerFactory factory) {
  // OpenSSL writes to sockets whose peer may have left.
  std::signal(SIGPIPE, SIG_IGN);
  const unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  const unsigned workers = options.workers == 0 ? cpus : options.workers;
  KBS_TRY(std::vector<Listener> listeners, listen_on(options.sockets, workers));
  auto server = std::make_unique<ServerImpl>(std::move(options), std::move(factory), workers);
  server->adopt(std::move(listeners));
  return server;
}

}  // namespace kbs::http
