#include "bench/cores.h"

#include <sched.h>
#include <time.h>

#include "base/file.h"

namespace kbs::bench {

Result<Cores> Cores::choose() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return tl::unexpected(error_from_errno(errno, "ask which CPUs we may use"));
  }
  Cores cores{-1, -1};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (cores.server < 0) cores.server = cpu;
    cores.driver = cpu;
  }
  return cores;
}

Result<> pin_to(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) {
    return tl::unexpected(error_from_errno(errno, "bind to a CPU"));
  }
  return {};
}

double thread_cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

}  // namespace kbs::bench
