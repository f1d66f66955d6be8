#include "bench/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "base/file.h"
#include "bench/cores.h"
#include "bench/http_load.h"

namespace kbs::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::microseconds kBetweenLooks{200};

/// In the child, between fork and exec: nothing but system calls.
[[noreturn]] void become_server(const char* binary, const char* config, int out, int err, int cpu) {
  if (!pin_to(cpu)) _exit(126);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execl(binary, binary, "-c", config, static_cast<char*>(nullptr));
  _exit(127);
}

Result<Fd> create(const std::string& path) {
  Fd fd(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) return tl::unexpected(error_from_errno(errno, "create " + path));
  return fd;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The port in {"msg":"listening","address":"127.0.0.1:PORT"}; 0 while there is none.
std::uint16_t port_in(std::string_view log) {
  const auto line = log.find(R"("msg":"listening")");
  if (line == log.npos) return 0;
  constexpr std::string_view kAddress = R"("address":"127.0.0.1:)";
  const auto at = log.find(kAddress, line);
  if (at == log.npos) return 0;
  std::uint16_t port = 0;
  std::from_chars(log.data() + at + kAddress.size(), log.data() + log.size(), port);
  return port;
}

}  // namespace

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), port_(other.port_), start_ms_(other.start_ms_) {}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Result<ServerProcess> ServerProcess::start(const std::string& binary, const std::string& config,
                                           const std::string& log, int cpu, bool tls) {
  KBS_TRY(Fd err, create(log));
  KBS_TRY(Fd out, create(log + ".out"));
  const auto begin = SteadyClock::now();
  const pid_t pid = fork();
  if (pid < 0) return tl::unexpected(error_from_errno(errno, "fork"));
  if (pid == 0) become_server(binary.c_str(), config.c_str(), out.get(), err.get(), cpu);
  ServerProcess server(pid);
  KBS_OK(server.await_port(log));
  if (!tls) KBS_OK(server.await_health());
  server.start_ms_ = std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
  return server;
}

Result<> ServerProcess::await_port(const std::string& log) {
  const auto deadline = SteadyClock::now() + kPatience;
  while (SteadyClock::now() < deadline) {
    if ((port_ = port_in(slurp(log))) != 0) return {};
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return fail(ErrorKind::unavailable, "the server ended at once and said:\n" + slurp(log));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return fail(ErrorKind::unavailable,
              "the server does not say where it listens; it said:\n" + slurp(log));
}

Result<> ServerProcess::await_health() const {
  const auto deadline = SteadyClock::now() + kPatience;
  while (SteadyClock::now() < deadline) {
    auto answer = ask(port_, get_request("/healthz", ""));
    if (answer && answer->status == 200) return {};
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return fail(ErrorKind::unavailable, "/healthz does not answer 200");
}

Result<double> ServerProcess::cpu_us() const {
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid_) + "/task";
  double total = 0;
  std::error_code failed;
  for (const auto& task : std::filesystem::directory_iterator(tasks, failed)) {
    std::ifstream in(task.path() / "schedstat");
    double nanoseconds = 0;
    if (!(in >> nanoseconds))
      return fail(ErrorKind::internal, "no schedstat: " + task.path().string());
    total += nanoseconds;
  }
  if (failed) return fail(ErrorKind::unavailable, "the server is gone");
  return total / 1e3;
}

Result<std::int64_t> ServerProcess::rss_anon_kib() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; in >> word;) {
    std::int64_t kib = 0;
    if (word == "RssAnon:" && in >> kib) return kib;
  }
  return fail(ErrorKind::unavailable, "no RssAnon: the server is gone");
}

}  // namespace kbs::bench
