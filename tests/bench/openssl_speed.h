#pragma once
/// What the `openssl` program says about this core.

#include "base/result.h"

namespace kbs::bench {

/// Microseconds of CPU time for one operation.
struct OpensslSpeed {
  double ecdh_p256 = 0;
  double ecdsa_p256_verify = 0;
  double rsa_2048_verify = 0;

  /// Runs `openssl speed` on `cpu`, `seconds` for each operation. `unavailable` without the
  /// program.
  static Result<OpensslSpeed> measure(int cpu, int seconds);
};

}  // namespace kbs::bench
