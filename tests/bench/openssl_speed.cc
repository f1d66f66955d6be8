#include "bench/openssl_speed.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string>

#include "base/file.h"
#include "bench/cores.h"

namespace kbs::bench {
namespace {

Result<std::string> output_of_speed(int cpu, int seconds) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(error_from_errno(errno, "pipe"));
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const std::string duration = std::to_string(seconds);
  const pid_t pid = fork();
  if (pid < 0) return tl::unexpected(error_from_errno(errno, "fork"));
  if (pid == 0) {
    if (!pin_to(cpu)) _exit(126);
    dup2(writing.get(), STDOUT_FILENO);
    dup2(writing.get(), STDERR_FILENO);
    execlp("openssl", "openssl", "speed", "-mr", "-seconds", duration.c_str(), "ecdhp256",
           "ecdsap256", "rsa2048", static_cast<char*>(nullptr));
    _exit(127);
  }
  writing = Fd();
  std::string text;
  std::array<char, 4096> piece;
  for (ssize_t got = 0; (got = read(reading.get(), piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) return fail(ErrorKind::unavailable, "`openssl speed` failed");
  return text;
}

/// From "+R6:COUNT:BITS:SECONDS".
double microseconds(const std::string& line) {
  std::istringstream in(line.substr(4));
  double count = 0, bits = 0, seconds = 0;
  char colon = ':';
  in >> count >> colon >> bits >> colon >> seconds;
  return count > 0 ? seconds * 1e6 / count : 0;
}

}  // namespace

Result<OpensslSpeed> OpensslSpeed::measure(int cpu, int seconds) {
  KBS_TRY(std::string text, output_of_speed(cpu, seconds));
  OpensslSpeed speed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("+R2:")) speed.rsa_2048_verify = microseconds(line);
    if (line.starts_with("+R6:")) speed.ecdsa_p256_verify = microseconds(line);
    if (line.starts_with("+R7:")) speed.ecdh_p256 = microseconds(line);
  }
  if (speed.rsa_2048_verify <= 0 || speed.ecdsa_p256_verify <= 0 || speed.ecdh_p256 <= 0) {
    return fail(ErrorKind::unavailable, "`openssl speed -mr` printed something else than expected");
  }
  return speed;
}

}  // namespace kbs::bench
