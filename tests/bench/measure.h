#pragma once
/// One row of requests: rounds, each with its floor beside it, and the medians of both.

#include <functional>
#include <string>

#include "bench/floor.h"
#include "bench/guests.h"
#include "bench/lab.h"
#include "bench/report.h"

namespace kbs::bench {

/// How long to measure.
struct Effort {
  std::size_t rounds = 7;
  double scale = 1.0;    ///< of the units in a round
  double floor_ms = 60;  ///< beside each round
  std::size_t memory_requests = 100'000;
  int starts = 10;
  int openssl_seconds = 3;

  static Effort quick();
};

/// What the rows share.
struct Run {
  Lab& lab;
  const Floor& floor;
  Effort effort;

  /// CPU time of the floor of `recipe` on the server's core; this thread goes back to the driver's.
  Result<double> floor_us(const FloorRecipe& recipe) const;
};

/// What to measure. `prepare` makes the streams of a round of so many units, one for each
/// connection; what it does is not measured. `check` looks at what the round brought back.
struct Measurement {
  std::string name;
  FloorRecipe floor = {};
  std::size_t units = 1000;
  std::function<Result<Streams>(std::size_t units, LoadClient& client)> prepare;
  std::function<Result<>()> check = {};
};

Result<Row> measure(const Run& run, const Bench& bench, std::size_t connections,
                    const Measurement& what);

double median(std::vector<double> values);

}  // namespace kbs::bench
