#pragma once
/// Who runs where: the server has one core to itself, the driver another.

#include "base/result.h"

namespace kbs::bench {

/// CPU numbers. On a machine with a single one both are the same, and every figure is worth little.
struct Cores {
  int server = 0;
  int driver = 0;

  /// The first and the last CPU that this process may use.
  static Result<Cores> choose();
};

/// Binds the calling thread to one CPU.
Result<> pin_to(int cpu);

/// CPU time this thread has used, in microseconds.
double thread_cpu_us();

}  // namespace kbs::bench
