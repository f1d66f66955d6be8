#pragma once
/// The rows of a run, as a table to read and as JSON to compare.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace kbs::bench {

/// What a row should reach.
struct Target {
  std::string text;  ///< "floor + 80"
  double limit = 0;
  double reached = 0;
  bool at_least = false;
  bool met() const noexcept { return at_least ? reached >= limit : reached <= limit; }
};

/// One row. What does not apply is absent. `more` goes into the JSON as it is.
struct Row {
  std::string name;
  std::string policy = {};
  std::string state = {};
  std::optional<double> cpu_us = {}, floor_us = {}, rps = {}, p50_ms = {}, p99_ms = {};
  std::optional<Target> target = {};
  json::object more = {};
  std::string note = {};  ///< the figure of rows that have none of the above: "9.1 MB"
};

void print_header();
/// Printed as soon as it is measured.
void print(const Row& row);

/// {"machine":{…},"rows":[…]}.
Result<> write_json(const std::vector<Row>& rows, const std::string& path, bool quick);

}  // namespace kbs::bench
