#pragma once
/// One running `kbs`, and what the kernel knows about it.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kbs::bench {

/// A child process bound to one CPU. Killed when this goes.
class ServerProcess {
 public:
  /// Starts `binary -c config` on `cpu` and waits until it says where it listens and answers
  /// `/healthz` (not asked under TLS). What it writes goes to `log` and `log`.out.
  static Result<ServerProcess> start(const std::string& binary, const std::string& config,
                                     const std::string& log, int cpu, bool tls);
  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&&) = delete;
  ~ServerProcess();

  /// On 127.0.0.1.
  std::uint16_t port() const noexcept { return port_; }
  /// From just before the fork to the first answer.
  double start_ms() const noexcept { return start_ms_; }
  /// CPU time of all its threads, user and system, in microseconds.
  Result<double> cpu_us() const;
  /// RssAnon: its own memory, without the pages of the binary and libraries.
  Result<std::int64_t> rss_anon_kib() const;

 private:
  explicit ServerProcess(pid_t pid) : pid_(pid) {}
  Result<> await_port(const std::string& log);
  Result<> await_health() const;

  pid_t pid_;
  std::uint16_t port_ = 0;
  double start_ms_ = 0;
};

}  // namespace kbs::bench
