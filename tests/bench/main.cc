// kbs_bench [--quick] [--rows NAME,NAME…] [--kbs PROGRAM] [--work DIR] [--json FILE]
// Exit status 1 when something did not work; targets that are missed are only reported.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "bench/many_rows.h"
#include "bench/process_rows.h"
#include "bench/request_rows.h"
#include "bench/storage_rows.h"

namespace kbs::bench {
namespace {

struct Options {
  bool quick = false;
  std::set<std::string, std::less<>> rows;  ///< empty: all
  std::string kbs =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kbs").string();
  std::string work = std::filesystem::temp_directory_path().string();
  std::string json = "bench.json";

  bool wants(std::string_view name) const { return rows.empty() || rows.contains(name); }
};

Result<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--quick") {
      options.quick = true;
      continue;
    }
    std::string value = i + 1 < argc ? argv[++i] : "";
    if (name == "--kbs" && !value.empty()) {
      options.kbs = std::move(value);
    } else if (name == "--work" && !value.empty()) {
      options.work = std::move(value);
    } else if (name == "--json" && !value.empty()) {
      options.json = std::move(value);
    } else if (name == "--rows" && !value.empty()) {
      for (std::size_t at = 0; at <= value.size();) {
        const std::size_t comma = std::min(value.find(',', at), value.size());
        options.rows.insert(value.substr(at, comma - at));
        at = comma + 1;
      }
    } else {
      return fail(ErrorKind::invalid_request,
                  "usage: kbs_bench [--quick] [--rows NAME,NAME…] [--kbs PROGRAM] [--work DIR] "
                  "[--json FILE]");
    }
  }
  return options;
}

class Report {
 public:
  void add(Row row) {
    print(row);
    rows_.push_back(std::move(row));
  }
  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

Result<> run_request_rows(const Run& run, const Options& options, State state, Report& report) {
  std::optional<Bench> bench;
  for (const RowMaker& maker : request_rows(state)) {
    if (!options.wants(maker.name)) continue;
    if (!bench) {
      KBS_TRY(Bench started, run.lab.start(state));
      bench.emplace(std::move(started));
    }
    auto row = maker.make(run, *bench);
    if (!row)
      return fail(row.error().kind, maker.name + ": " + row.error().message, row.error().detail);
    report.add(std::move(*row));
  }
  return {};
}

Result<> run_process_rows(const Run& run, const Options& options, Report& report) {
  struct Maker {
    std::string_view name;
    Result<Row> (*make)(const Run&);
  };
  constexpr Maker kMakers[] = {{"rss_idle", measure_idle},
                               {"rss_after_100k_gets", measure_memory_after_gets},
                               {"rss_after_100k_auth", measure_memory_after_auth},
                               {"start_ms", measure_start}};
  for (const Maker& maker : kMakers) {
    if (!options.wants(maker.name)) continue;
    KBS_TRY(Row row, maker.make(run));
    report.add(std::move(row));
  }
  return {};
}

Result<> run_storage_rows(const Run& run, const Options& options, Report& report) {
  std::vector<StorageRow> makers = storage_rows();
  for (StorageRow& each : many_rows()) makers.push_back(std::move(each));
  for (const StorageRow& maker : makers) {
    if (!options.wants(maker.name)) continue;
    auto row = maker.make(run);
    if (!row)
      return fail(row.error().kind, maker.name + ": " + row.error().message, row.error().detail);
    report.add(std::move(*row));
  }
  return {};
}

Result<> run_checks(const Run& run, const Options& options, Report& report) {
  if (!options.wants("check")) return {};
  auto rows = check_floor(run);
  if (!rows) {
    std::printf("the floor is not checked: %s\n", rows.error().message.c_str());
    return {};
  }
  for (Row& row : *rows) report.add(std::move(row));
  return {};
}

Result<> run_all(const Options& options) {
  KBS_TRY(Cores cores, Cores::choose());
  KBS_OK(pin_to(cores.driver));
  KBS_TRY(Lab lab, Lab::open(options.kbs, options.work, cores));
  KBS_TRY(std::unique_ptr<Floor> floor, Floor::make());
  const Run run{lab, *floor, options.quick ? Effort::quick() : Effort{}};
  Report report;
  print_header();
  for (State state : {State::local_fs, State::memory, State::local_fs_tls}) {
    KBS_OK(run_request_rows(run, options, state, report));
  }
  KBS_OK(run_process_rows(run, options, report));
  KBS_OK(run_storage_rows(run, options, report));
  KBS_OK(run_checks(run, options, report));
  if (report.rows().empty()) return fail(ErrorKind::invalid_request, "no row of that name");
  return write_json(report.rows(), options.json, options.quick);
}

}  // namespace
}  // namespace kbs::bench

int main(int argc, char** argv) {
  auto options = kbs::bench::parse(argc, argv);
  auto done =
      options ? kbs::bench::run_all(*options) : kbs::Result<>(tl::unexpected(options.error()));
  if (done) return 0;
  std::fprintf(stderr, "kbs_bench: %s\n", kbs::describe(done.error()).c_str());
  return 1;
}
