#include "bench/request_rows.h"

#include <optional>

namespace kbs::bench {
namespace {

using crypto::KeyType;

constexpr std::size_t kConnections = 8;
constexpr std::size_t kBlock = 1024;
constexpr std::size_t kLargeBlock = 65536;
// What goes through TLS for it: the ciphertext in base64url, and a little around it.
constexpr std::size_t kLargeJwe = kLargeBlock * 4 / 3 + 600;

Row with_target(Row row, std::string text, double limit, double reached, bool at_least = false) {
  row.target = Target{std::move(text), limit, reached, at_least};
  return row;
}

Row above_floor(Row row, double microseconds) {
  const double reached = *row.cpu_us - *row.floor_us;
  return with_target(std::move(row), "floor + " + std::to_string(static_cast<int>(microseconds)),
                     microseconds, reached);
}

/// So many guests that have just attested.
Result<std::deque<Attested>> attest(const Run& run, LoadClient& client, GuestKeys& keys,
                                    std::size_t count) {
  std::deque<Attested> guests;
  Streams streams;
  for (std::size_t i = 0; i < client.connections(); ++i) {
    streams.push_back(std::make_unique<GuestStream>(GuestPlan{
        .keys = keys, .attesters = run.lab.attesters(), .left = count, .attested = &guests}));
  }
  KBS_OK(client.run(streams));
  return guests;
}

struct GetRow {
  std::string name;
  KeyType key;
  bool first;  ///< each token once
  bool large = false;
  std::size_t units = 4000;
  std::size_t connections = kConnections;
  std::size_t tls = 0;

  std::string_view target() const { return large ? Lab::kLarge : Lab::kSmall; }
  FloorRecipe floor() const {
    return {.verify_token = first,
            .tee_key = key,
            .plaintext = large ? kLargeBlock : kBlock,
            .tls = tls};
  }
};

Result<Row> measure_get(const Run& run, const Bench& bench, const GetRow& what) {
  KBS_TRY(GuestKeys keys, GuestKeys::make(what.key));
  Samples samples;
  std::deque<Attested> guests;
  std::size_t left = 0;
  const auto prepare = [&](std::size_t units, LoadClient& client) -> Result<Streams> {
    Streams streams;
    const bool fresh = what.first || guests.empty();
    if (fresh) {
      KBS_TRY(guests, attest(run, client, keys, what.first ? units : client.connections()));
    }
    left = units;
    for (std::size_t i = 0; i < client.connections(); ++i) {
      if (what.first) {
        streams.push_back(
            std::make_unique<OnceStream>(std::string(what.target()), guests, samples));
      } else {
        streams.push_back(
            std::make_unique<RepeatStream>(what.target(), guests.at(i), left, samples));
      }
    }
    return streams;
  };
  const std::string& expected = what.large ? run.lab.large() : run.lab.small();
  const auto check = [&] { return samples.check(expected); };
  const Measurement measurement{what.name, what.floor(), what.units, prepare, check};
  KBS_TRY(Row row, measure(run, bench, what.connections, measurement));
  row.more["key"] = what.key == KeyType::rsa       ? "RSA-2048"
                    : what.key == KeyType::ec_p256 ? "EC P-256"
                                                   : "EC P-521";
  if (what.tls > 0) {
    const double rps = *row.rps;
    return with_target(std::move(row), ">= 1500 per s", 1500, rps, true);
  }
  return above_floor(std::move(row), what.first ? 110 : 80);
}

Result<Row> measure_auth(const Run& run, const Bench& bench) {
  std::size_t left = 0;
  const auto prepare = [&](std::size_t units, LoadClient& client) -> Result<Streams> {
    left = units;
    Streams streams;
    const std::string request = post_request("/kbs/v0/auth", client::auth_request_body("sample"));
    while (streams.size() < client.connections())
      streams.push_back(std::make_unique<RepeatStream>(request, left));
    return streams;
  };
  KBS_TRY(Row row, measure(run, bench, kConnections, {"auth", {}, 8000, prepare}));
  row.policy.clear();  // it asks none
  const double reached = *row.cpu_us;
  return with_target(std::move(row), "25", 25, reached);
}

/// Sample handshakes, or whole pod starts.
Result<Row> measure_guests(const Run& run, const Bench& bench, std::string name, bool pod) {
  KBS_TRY(GuestKeys keys, GuestKeys::make(KeyType::ec_p256));
  Samples samples;
  std::size_t left = 0;
  const auto prepare = [&](std::size_t units, LoadClient& client) -> Result<Streams> {
    left = units;
    Streams streams;
    while (streams.size() < client.connections()) {
      streams.push_back(
          std::make_unique<GuestStream>(GuestPlan{.keys = keys,
                                                  .attesters = run.lab.attesters(),
                                                  .left = left,
                                                  .fetch = pod ? std::string(Lab::kSmall) : "",
                                                  .samples = &samples}));
    }
    return streams;
  };
  const FloorRecipe floor{.verify_token = pod,
                          .sign_token = true,
                          .tee_key = pod ? std::optional(KeyType::ec_p256) : std::nullopt,
                          .plaintext = pod ? kBlock : 0};
  const auto check = [&] { return samples.check(run.lab.small()); };
  KBS_TRY(Row row,
          measure(run, bench, kConnections, {std::move(name), floor, 1000, prepare, check}));
  row.more["attestation_policy"] = "stock default_cpu";
  if (pod) return row;
  row.policy = "stock attestation policy";
  return above_floor(std::move(row), 350);
}

Result<Row> measure_post(const Run& run, const Bench& bench, std::string name) {
  std::size_t left = 0;
  const auto prepare = [&](std::size_t units, LoadClient& client) -> Result<Streams> {
    left = units;
    Streams streams;
    while (streams.size() < client.connections()) {
      const std::string target =
          "/kbs/v0/resource/default/bench/post-" + std::to_string(streams.size());
      streams.push_back(
          std::make_unique<RepeatStream>(post_request(target, run.lab.small()), left));
    }
    return streams;
  };
  KBS_TRY(Row row, measure(run, bench, kConnections, {std::move(name), {}, 1000, prepare}));
  row.policy = "InsecureAllowAll";
  if (bench.state == State::local_fs) row.state += ", durable";
  return row;
}

RowMaker get_row(GetRow what) {
  return {what.name,
          [what](const Run& run, const Bench& bench) { return measure_get(run, bench, what); }};
}
RowMaker guests_row(std::string name, bool pod) {
  return {name, [name, pod](const Run& run, const Bench& bench) {
            return measure_guests(run, bench, name, pod);
          }};
}
RowMaker post_row(std::string name) {
  return {name,
          [name](const Run& run, const Bench& bench) { return measure_post(run, bench, name); }};
}

}  // namespace

std::vector<RowMaker> request_rows(State state) {
  switch (state) {
    case State::local_fs:
      return {
          get_row(
              {.name = "get_first_ec_1k", .key = KeyType::ec_p256, .first = true, .units = 1000}),
          get_row({.name = "get_again_ec_1k", .key = KeyType::ec_p256, .first = false}),
          get_row({.name = "get_first_rsa_1k", .key = KeyType::rsa, .first = true, .units = 1000}),
          get_row({.name = "get_again_rsa_1k", .key = KeyType::rsa, .first = false}),
          get_row(
              {.name = "get_first_p521_1k", .key = KeyType::ec_p521, .first = true, .units = 300}),
          get_row(
              {.name = "get_again_p521_1k", .key = KeyType::ec_p521, .first = false, .units = 600}),
          get_row({.name = "get_again_ec_64k",
                   .key = KeyType::ec_p256,
                   .first = false,
                   .large = true,
                   .units = 2000}),
          {"auth", measure_auth},
          guests_row("handshake_sample_ec", false),
          guests_row("pod_start_ec", true),
          post_row("post_1k")};
    case State::memory:
      return {get_row({.name = "get_again_ec_1k_memory", .key = KeyType::ec_p256, .first = false}),
              post_row("post_1k_memory")};
    case State::local_fs_tls:
      return {get_row({.name = "tls_64k_one_connection",
                       .key = KeyType::ec_p256,
                       .first = false,
                       .large = true,
                       .units = 2000,
                       .connections = 1,
                       .tls = kLargeJwe})};
  }
  return {};
}

}  // namespace kbs::bench
