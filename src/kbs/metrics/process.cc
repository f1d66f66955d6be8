#include "kbs/metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>

namespace kbs::metrics {
namespace {

struct Memory {
  double virtual_bytes;
  double resident_bytes;
};

std::optional<Memory> read_memory() {
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen("/proc/self/statm", "re"));
  unsigned long size = 0;
  unsigned long resident = 0;
  if (!file || std::fscanf(file.get(), "%lu %lu", &size, &resident) != 2) return std::nullopt;
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return Memory{static_cast<double>(size) * page, static_cast<double>(resident) * page};
}

std::optional<double> count_open_files() {
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return std::nullopt;
  double count = 0;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(dir);
  return count - 1;  // without the one that looked
}

double to_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void expose_process(Exposition& exposition, SysTime started) {
  exposition.gauge("process_start_time_seconds",
                   "Start time of the process since unix epoch in seconds",
                   std::chrono::duration<double>(started.time_since_epoch()).count());
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    exposition.counter("process_cpu_seconds_total",
                       "Total user and system CPU time spent in seconds",
                       to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime));
  }
  if (const auto memory = read_memory()) {
    exposition.gauge("process_resident_memory_bytes", "Resident memory size in bytes",
                     memory->resident_bytes);
    exposition.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes",
                     memory->virtual_bytes);
  }
  if (const auto open = count_open_files()) {
    exposition.gauge("process_open_fds", "Number of open file descriptors", *open);
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    exposition.gauge("process_max_fds", "Maximum number of open file descriptors",
                     static_cast<double>(files.rlim_cur));
  }
}

}  // namespace kbs::metrics
