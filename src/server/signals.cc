#include "server/signals.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace kbs::server {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that left must cost a write error, not the process.
  signal(SIGPIPE, SIG_IGN);
}

int wait_for_signal() {
  const sigset_t set = our_signals();
  int which = 0;
  while (sigwait(&set, &which) != 0) {
  }
  return which;
}

void protect_memory() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__has_feature) || \
    !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
  // The leak checker traces its own process, which this would forbid.
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

void tune_allocator() {
#ifdef __GLIBC__
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

}  // namespace kbs::server
