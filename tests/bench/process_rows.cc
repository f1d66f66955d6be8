#include "bench/process_rows.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <thread>

#include "bench/openssl_speed.h"

namespace kbs::bench {
namespace {

constexpr double kIdleLimitKib = 10e6 / 1024;
constexpr double kFlatKib = 512;
constexpr std::size_t kWarm = 1000;
constexpr std::size_t kConnections = 8;

std::string mb(double kib) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f MB", kib * 1024 / 1e6);
  return text;
}

Result<double> settled_rss(const Bench& bench) {
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  KBS_TRY(std::int64_t kib, bench.server.rss_anon_kib());
  return static_cast<double>(kib);
}

using Prepare = std::function<Result<Streams>(LoadClient& client, std::size_t& left)>;

/// Memory idle, warm and after many requests, on a server of its own.
Result<Row> memory_row(const Run& run, std::string name, const Prepare& prepare) {
  KBS_TRY(Bench bench, run.lab.start(State::local_fs));
  KBS_TRY(double idle, settled_rss(bench));
  KBS_TRY(LoadClientPtr client, bench.connect(kConnections));
  std::size_t left = 0;
  KBS_TRY(Streams streams, prepare(*client, left));
  left = kWarm;
  KBS_OK(client->run(streams));
  KBS_TRY(double warm, settled_rss(bench));
  left = run.effort.memory_requests;
  KBS_OK(client->run(streams));
  KBS_TRY(double after, settled_rss(bench));
  Row row{.name = std::move(name), .state = describe(bench.state)};
  row.note = mb(after) + ", " + mb(after - warm) + " more than after " + std::to_string(kWarm);
  row.more = {{"rss_kib", after},
              {"warm_rss_kib", warm},
              {"idle_rss_kib", idle},
              {"growth_kib", after - warm},
              {"requests", run.effort.memory_requests}};
  row.target = Target{"flat", kFlatKib, after - warm};
  return row;
}

}  // namespace

Result<Row> measure_idle(const Run& run) {
  KBS_TRY(Bench bench, run.lab.start_bare(State::local_fs));
  KBS_TRY(double kib, settled_rss(bench));
  Row row{.name = "rss_idle", .state = describe(bench.state)};
  row.note = mb(kib);
  row.more = {{"rss_kib", kib}};
  row.target = Target{"10 MB", kIdleLimitKib, kib};
  return row;
}

Result<Row> measure_memory_after_gets(const Run& run) {
  KBS_TRY(GuestKeys keys, GuestKeys::make(crypto::KeyType::ec_p256));
  std::deque<Attested> guests;
  Samples samples;
  const auto prepare = [&](LoadClient& client, std::size_t& left) -> Result<Streams> {
    std::size_t handshakes = client.connections();
    Streams attesting, streams;
    for (std::size_t i = 0; i < client.connections(); ++i) {
      attesting.push_back(std::make_unique<GuestStream>(GuestPlan{.keys = keys,
                                                                  .attesters = run.lab.attesters(),
                                                                  .left = handshakes,
                                                                  .attested = &guests}));
    }
    KBS_OK(client.run(attesting));
    for (const Attested& guest : guests) {
      streams.push_back(std::make_unique<RepeatStream>(Lab::kSmall, guest, left, samples));
    }
    return streams;
  };
  KBS_TRY(Row row, memory_row(run, "rss_after_100k_gets", prepare));
  KBS_OK(samples.check(run.lab.small()));
  return row;
}

Result<Row> measure_memory_after_auth(const Run& run) {
  const auto prepare = [](LoadClient& client, std::size_t& left) -> Result<Streams> {
    Streams streams;
    const std::string request = post_request("/kbs/v0/auth", client::auth_request_body("sample"));
    while (streams.size() < client.connections())
      streams.push_back(std::make_unique<RepeatStream>(request, left));
    return streams;
  };
  return memory_row(run, "rss_after_100k_auth", prepare);
}

Result<Row> measure_start(const Run& run) {
  std::vector<double> times;
  for (int i = 0; i < run.effort.starts; ++i) {
    KBS_TRY(Bench bench, run.lab.start_bare(State::local_fs));
    times.push_back(bench.server.start_ms());
  }
  const double ms = median(times);
  Row row{.name = "start_ms", .state = describe(State::local_fs)};
  row.note = std::to_string(static_cast<int>(std::lround(ms))) + " ms";
  row.more = {{"ms", ms},
              {"min_ms", *std::min_element(times.begin(), times.end())},
              {"max_ms", *std::max_element(times.begin(), times.end())}};
  row.target = Target{"60 ms", 60, ms};
  return row;
}

Result<std::vector<Row>> check_floor(const Run& run) {
  KBS_OK(pin_to(run.lab.cores().server));
  const auto measured = [&](Floor::Operation operation) {
    std::vector<double> times;
    for (int i = 0; i < 5; ++i)
      times.push_back(run.floor.measure_us(operation, run.effort.floor_ms));
    return median(std::move(times));
  };
  const double ours[] = {measured(Floor::Operation::ecdh_p256),
                         measured(Floor::Operation::ecdsa_p256_verify),
                         measured(Floor::Operation::rsa_2048_verify)};
  KBS_OK(pin_to(run.lab.cores().driver));
  KBS_TRY(OpensslSpeed speed,
          OpensslSpeed::measure(run.lab.cores().server, run.effort.openssl_seconds));
  const double theirs[] = {speed.ecdh_p256, speed.ecdsa_p256_verify, speed.rsa_2048_verify};
  const char* names[] = {"check_ecdh_p256", "check_ecdsa_p256_verify", "check_rsa_2048_verify"};
  std::vector<Row> rows;
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const double deviation = std::abs(ours[i] / theirs[i] - 1) * 100;
    Row row{.name = names[i], .floor_us = ours[i]};
    char note[64];
    std::snprintf(note, sizeof note, "openssl speed: %.1f us, %.1f %% apart", theirs[i], deviation);
    row.note = note;
    row.more = {{"openssl_us", theirs[i]}, {"deviation_percent", deviation}};
    row.target = Target{"within 10 %", 10, deviation};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace kbs::bench
