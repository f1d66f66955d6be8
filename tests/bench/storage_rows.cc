#include "bench/storage_rows.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/file.h"
#include "base/run.h"
#include "bench/raw_store.h"
#include "crypto/random.h"
#include "storage/encrypted/encrypted.h"
#include "storage/local_fs/local_fs.h"

namespace kbs::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kValue = 1024;
constexpr std::size_t kServerThreads = 16;  ///< of the real server's pool
constexpr std::size_t kWriters = 64;
constexpr const char* kAbout = "LocalFs without a server";

/// CPU time of the whole process, and of the clock on the wall, in microseconds.
struct Moment {
  double cpu = 0, wall = 0;
  static Moment now() {
    timespec cpu{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    const std::chrono::duration<double, std::micro> wall = SteadyClock::now().time_since_epoch();
    return {static_cast<double>(cpu.tv_sec) * 1e6 + static_cast<double>(cpu.tv_nsec) / 1e3,
            wall.count()};
  }
};
Moment operator-(const Moment& a, const Moment& b) { return {a.cpu - b.cpu, a.wall - b.wall}; }

Secret a_value() { return crypto::random_secret(kValue); }

/// A LocalFs with the pool of a server.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& dir, unsigned versions) {
    std::unique_ptr<Store> store(new Store);
    storage::local_fs::Options options;
    options.roots = {{dir.string()}};
    options.versions = versions;
    KBS_TRY(store->backend_,
            storage::local_fs::make(options, {system_files(), system_clock(), store->pool_}));
    return store;
  }
  ~Store() {
    backend_.reset();
    pool_.join();
  }
  storage::Backend& backend() { return *backend_; }
  /// The same store with encryption before it; the key lies in `key_file`.
  Result<storage::BackendPtr> encrypted(const std::filesystem::path& key_file) {
    storage::encrypted::Options options;
    options.key.key_file = key_file.string();
    KBS_TRY(auto made,
            run_to_end(storage::encrypted::make(backend_, std::move(options),
                                                {system_files(), system_clock(), pool_}, "bench")));
    return storage::BackendPtr(std::move(made));
  }

 private:
  Store() = default;
  asio::thread_pool pool_{kServerThreads};
  storage::BackendPtr backend_;
};

ResourceId id_of(std::size_t writer) {
  return {"bench", "t" + std::to_string(writer % 8), "v" + std::to_string(writer)};
}

awaitable<Result<>> read_times(storage::Backend& backend, std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) {
    KBS_CO_TRY(const storage::Resource resource, co_await backend.read(id_of(0), {}));
    if (resource.value.size() != kValue) co_return fail(ErrorKind::internal, "a wrong value");
  }
  co_return Result<>();
}

awaitable<Result<>> write_times(storage::Backend& backend, std::size_t writer, std::size_t times,
                                std::vector<double>* latencies_ms) {
  for (std::size_t i = 0; i < times; ++i) {
    const double begin = Moment::now().wall;
    auto written = co_await backend.write(id_of(writer), a_value(), {});
    if (!written) co_return tl::unexpected(written.error());
    if (latencies_ms) latencies_ms->push_back((Moment::now().wall - begin) / 1e3);
  }
  co_return Result<>();
}

/// What one operation costs, ours and bare, in turns, so that both see the same machine.
struct Pairs {
  std::vector<double> cpu, raw_cpu, wall, raw_wall, wall_ratio;

  Result<> add(std::size_t times, const std::function<Result<>()>& ours,
               const std::function<Result<>()>& raw) {
    const Moment start = Moment::now();
    KBS_OK(raw());
    const Moment middle = Moment::now();
    KBS_OK(ours());
    const Moment mine = Moment::now() - middle;
    const Moment theirs = middle - start;
    const auto count = static_cast<double>(times);
    cpu.push_back(mine.cpu / count);
    raw_cpu.push_back(theirs.cpu / count);
    wall.push_back(mine.wall / count);
    raw_wall.push_back(theirs.wall / count);
    wall_ratio.push_back(mine.wall / theirs.wall);
    return {};
  }
  Row row(std::string name) const {
    Row row{.name = std::move(name), .state = kAbout};
    row.cpu_us = median(cpu);
    row.floor_us = median(raw_cpu);
    row.rps = 1e6 / median(wall);
    row.more = {{"wall_us", median(wall)}, {"raw_wall_us", median(raw_wall)}};
    return row;
  }
};

std::size_t scaled(const Run& run, std::size_t count) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(static_cast<double>(count) * run.effort.scale));
}

Result<Row> measure_read(const Run& run) {
  KBS_TRY(const std::filesystem::path dir, run.lab.make_directory("storage-read"));
  KBS_TRY(auto store, Store::open(dir / "ours", 0));
  KBS_OK(run_to_end(write_times(store->backend(), 0, 1, nullptr)));
  KBS_TRY(RawStore raw, RawStore::make(dir / "raw", false));
  KBS_OK(raw.write(a_value().expose()));
  const std::size_t times = scaled(run, 5000);
  std::byte buffer[2 * kValue];
  Pairs pairs;
  for (std::size_t round = 0; round < 2 * run.effort.rounds + 1; ++round) {
    KBS_OK(pairs.add(
        times, [&] { return run_to_end(read_times(store->backend(), times)); },
        [&]() -> Result<> {
          for (std::size_t i = 0; i < times; ++i) KBS_OK(raw.read(buffer));
          return {};
        }));
  }
  Row row = pairs.row("local_fs_read_1k");
  row.target = Target{"2 floor + 10", 2 * *row.floor_us + 10, *row.cpu_us};
  return row;
}

/// What encryption adds to a read: the floor is the same store without it.
Result<Row> measure_encrypted_read(const Run& run) {
  KBS_TRY(const std::filesystem::path dir, run.lab.make_directory("storage-encrypted"));
  const Secret key = crypto::random_secret(32);
  KBS_OK(write_file_durably(system_files(), (dir / "kek").string(), key.expose()));
  KBS_TRY(auto plain, Store::open(dir / "plain", 0));
  KBS_OK(run_to_end(write_times(plain->backend(), 0, 1, nullptr)));
  KBS_TRY(auto store, Store::open(dir / "sealed", 0));
  KBS_TRY(const storage::BackendPtr sealed, store->encrypted(dir / "kek"));
  KBS_OK(run_to_end(write_times(*sealed, 0, 1, nullptr)));
  const std::size_t times = scaled(run, 5000);
  Pairs pairs;
  for (std::size_t round = 0; round < 2 * run.effort.rounds + 1; ++round) {
    KBS_OK(pairs.add(
        times, [&] { return run_to_end(read_times(*sealed, times)); },
        [&] { return run_to_end(read_times(plain->backend(), times)); }));
  }
  Row row = pairs.row("encrypted_read_1k");
  row.target = Target{"floor + 10", *row.floor_us + 10, *row.cpu_us};
  return row;
}

struct WriteRows {
  Row cpu, wall;
};

Result<WriteRows> measure_writes(const Run& run, const std::string& name, unsigned versions) {
  KBS_TRY(const std::filesystem::path dir, run.lab.make_directory("storage-" + name));
  KBS_TRY(auto store, Store::open(dir / "ours", versions));
  KBS_TRY(RawStore raw, RawStore::make(dir / "raw", versions > 0));
  const std::size_t times = 10;
  const Secret value = a_value();
  std::vector<double> latencies;
  Pairs pairs;
  for (std::size_t round = 0; round < scaled(run, 60) + 2; ++round) {
    if (round == 2) pairs = Pairs();  // the first make directories and fill the history
    KBS_OK(pairs.add(
        times, [&] { return run_to_end(write_times(store->backend(), 0, times, &latencies)); },
        [&]() -> Result<> {
          for (std::size_t i = 0; i < times; ++i) KBS_OK(raw.write(value.expose()));
          return {};
        }));
  }
  std::sort(latencies.begin(), latencies.end());
  WriteRows rows{pairs.row(name), Row{.name = name + "_wall", .state = kAbout}};
  rows.cpu.p50_ms = latencies[latencies.size() / 2];
  rows.cpu.p99_ms = latencies[latencies.size() * 99 / 100];
  rows.cpu.target = Target{"1.15 floor + 40", 1.15 * *rows.cpu.floor_us + 40, *rows.cpu.cpu_us};
  const double ratio = median(pairs.wall_ratio);
  char note[80];
  std::snprintf(note, sizeof note, "%.0f us, bare calls %.0f us: %.2f x", median(pairs.wall),
                median(pairs.raw_wall), ratio);
  rows.wall.note = note;
  rows.wall.more = rows.cpu.more;
  rows.wall.target = Target{"1.2 x bare", 1.2, ratio};
  return rows;
}

/// Rows of one measurement come one after the other; it is made once.
template <unsigned versions>
Result<Row> write_row(const Run& run, bool wall) {
  static std::optional<WriteRows> rows;
  if (!rows) {
    const char* name = versions > 0 ? "local_fs_write_1k_history" : "local_fs_write_1k";
    KBS_TRY(rows, measure_writes(run, name, versions));
  }
  return wall ? rows->wall : rows->cpu;
}

/// Writes per second of so many coroutines, each with a resource of its own.
Result<double> rate_of(Store& store, std::size_t writers, std::size_t times) {
  asio::io_context context(1);
  std::optional<Error> error;
  for (std::size_t writer = 0; writer < writers; ++writer) {
    asio::co_spawn(context, write_times(store.backend(), writer, times, nullptr),
                   [&](std::exception_ptr, Result<> done) {
                     if (!done) error = done.error();
                   });
  }
  const double begin = Moment::now().wall;
  context.run();
  if (error) return tl::unexpected(*error);
  return static_cast<double>(writers * times) * 1e6 / (Moment::now().wall - begin);
}

/// The same of bare calls on so many threads: what the file system makes of it.
Result<double> raw_rate_of(const std::filesystem::path& dir, std::size_t threads,
                           std::size_t times) {
  std::vector<RawStore> stores;
  for (std::size_t i = 0; i < threads; ++i) {
    KBS_TRY(RawStore store, RawStore::make(dir / std::to_string(i), true));
    stores.push_back(std::move(store));
  }
  const Secret value = a_value();
  std::vector<std::thread> running;
  const double begin = Moment::now().wall;
  for (RawStore& store : stores) {
    running.emplace_back([&] {
      for (std::size_t i = 0; i < times; ++i) (void)store.write(value.expose());
    });
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(threads * times) * 1e6 / (Moment::now().wall - begin);
}

Result<Row> measure_concurrent(const Run& run) {
  KBS_TRY(const std::filesystem::path dir, run.lab.make_directory("storage-concurrent"));
  KBS_TRY(auto store, Store::open(dir / "ours", 10));
  KBS_OK(rate_of(*store, kWriters, 2));  // directories are made
  std::vector<double> one, many, raw_one, raw_many;
  for (std::size_t round = 0; round < run.effort.rounds; ++round) {
    KBS_TRY(one.emplace_back(), rate_of(*store, 1, scaled(run, 60)));
    KBS_TRY(many.emplace_back(), rate_of(*store, kWriters, scaled(run, 10)));
    const std::string name = "raw" + std::to_string(round);
    KBS_TRY(raw_one.emplace_back(), raw_rate_of(dir / (name + "-1"), 1, scaled(run, 60)));
    KBS_TRY(raw_many.emplace_back(), raw_rate_of(dir / name, kServerThreads, scaled(run, 20)));
  }
  const double ratio = median(many) / median(one);
  const double raw_ratio = median(raw_many) / median(raw_one);
  Row row{.name = "local_fs_write_64", .state = kAbout, .rps = median(many)};
  char note[120];
  std::snprintf(note, sizeof note,
                "one writer %.0f per s: %.1f x (bare calls on %zu threads %.1f x)", median(one),
                ratio, kServerThreads, raw_ratio);
  row.note = note;
  row.more = {{"one_writer_per_s", median(one)},
              {"ratio", ratio},
              {"raw_one_per_s", median(raw_one)},
              {"raw_many_per_s", median(raw_many)},
              {"raw_ratio", raw_ratio}};
  row.target = Target{">= 4 x one", 4, ratio, true};
  return row;
}

}  // namespace

std::vector<StorageRow> storage_rows() {
  return {
      {"local_fs_read_1k", measure_read},
      {"encrypted_read_1k", measure_encrypted_read},
      {"local_fs_write_1k", [](const Run& run) { return write_row<0>(run, false); }},
      {"local_fs_write_1k_wall", [](const Run& run) { return write_row<0>(run, true); }},
      {"local_fs_write_1k_history", [](const Run& run) { return write_row<10>(run, false); }},
      {"local_fs_write_1k_history_wall", [](const Run& run) { return write_row<10>(run, true); }},
      {"local_fs_write_64", measure_concurrent}};
}

}  // namespace kbs::bench
