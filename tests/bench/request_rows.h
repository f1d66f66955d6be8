#pragma once
/// The rows that cost CPU time per request.

#include <functional>
#include <string>
#include <vector>

#include "bench/measure.h"

namespace kbs::bench {

/// A row's name and how to measure it.
struct RowMaker {
  std::string name;
  std::function<Result<Row>(const Run& run, const Bench& bench)> make;
};

/// Rows against one server that keeps `state`.
std::vector<RowMaker> request_rows(State state);

}  // namespace kbs::bench
