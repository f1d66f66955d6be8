#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace kbs::bench {
namespace {

// After the last answer the server still tidies up.
constexpr std::chrono::milliseconds kSettle{3};

double percentile(std::vector<double>& sorted, double fraction) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(last * fraction)];
}

struct Rounds {
  std::vector<double> cpu_us, floor_us, rps, latencies_ms;
  std::size_t units = 0;
};

/// One round; nothing of it is kept when `rounds` is null (the warm-up).
Result<> one_round(const Bench& bench, LoadClient& client, const Measurement& what,
                   std::size_t units, double floor_us, Rounds* rounds) {
  KBS_TRY(Streams streams, what.prepare(units, client));
  KBS_TRY(double before, bench.server.cpu_us());
  KBS_TRY(Load load, client.run(streams));
  std::this_thread::sleep_for(kSettle);
  KBS_TRY(double after, bench.server.cpu_us());
  if (what.check) KBS_OK(what.check());
  if (!rounds) return {};
  const auto count = static_cast<double>(load.units);
  const double cpu_us = (after - before) / count;
  rounds->cpu_us.push_back(cpu_us);
  rounds->floor_us.push_back(floor_us);
  rounds->rps.push_back(count / load.seconds);
  rounds->latencies_ms.insert(rounds->latencies_ms.end(), load.latencies_ms.begin(),
                              load.latencies_ms.end());
  rounds->units += load.units;
  return {};
}

}  // namespace

Effort Effort::quick() {
  return {.rounds = 3,
          .scale = 0.3,
          .floor_ms = 30,
          .memory_requests = 10'000,
          .starts = 5,
          .openssl_seconds = 1};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Result<double> Run::floor_us(const FloorRecipe& recipe) const {
  if (!recipe.sign_token && !recipe.verify_token && !recipe.tee_key && recipe.tls == 0) return 0.0;
  KBS_OK(pin_to(lab.cores().server));
  const double us = floor.measure_us(recipe, effort.floor_ms);
  KBS_OK(pin_to(lab.cores().driver));
  return us;
}

Result<Row> measure(const Run& run, const Bench& bench, std::size_t connections,
                    const Measurement& what) {
  KBS_TRY(LoadClientPtr client, bench.connect(connections));
  const auto units = std::max<std::size_t>(
      connections, static_cast<std::size_t>(static_cast<double>(what.units) * run.effort.scale));
  KBS_OK(one_round(bench, *client, what, units / 2 + 1, 0, nullptr));
  Rounds rounds;
  for (std::size_t i = 0; i < run.effort.rounds; ++i) {
    KBS_TRY(double floor_us, run.floor_us(what.floor));
    KBS_OK(one_round(bench, *client, what, units, floor_us, &rounds));
  }
  std::sort(rounds.latencies_ms.begin(), rounds.latencies_ms.end());
  Row row{.name = what.name, .policy = "allow all", .state = describe(bench.state)};
  row.cpu_us = median(rounds.cpu_us);
  row.floor_us = median(rounds.floor_us);
  row.rps = median(rounds.rps);
  row.p50_ms = percentile(rounds.latencies_ms, 0.5);
  row.p99_ms = percentile(rounds.latencies_ms, 0.99);
  row.more = {{"cpu_us_least", *std::min_element(rounds.cpu_us.begin(), rounds.cpu_us.end())},
              {"units", rounds.units},
              {"connections", connections},
              {"failures", 0}};
  return row;
}

}  // namespace kbs::bench
