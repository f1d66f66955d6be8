#include "bench/many_rows.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/run.h"
#include "storage/local_fs/local_fs.h"

namespace kbs::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using storage::local_fs::Layout;

constexpr std::size_t kResources = 100'000;
constexpr std::size_t kPerType = 1000;
constexpr double kFlatKib = 16 * 1024;

double ms_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

double own_rss_kib() {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    double kib = 0;
    if (word == "RssAnon:" && in >> kib) return kib;
  }
  return 0;
}

/// As an operator or another server left them: 100 types of 1,000 tags.
Result<> make_resources(const std::filesystem::path& root, Layout layout) {
  for (std::size_t i = 0; i < kResources; ++i) {
    const std::size_t type = i / kPerType;
    const std::string separator = layout == Layout::tree ? "/" : R"(\x2F)";
    const std::string dir =
        "repository-" + std::to_string(type / 10) + separator + "type-" + std::to_string(type % 10);
    if (layout == Layout::tree && i % kPerType == 0) {
      std::error_code ignored;
      std::filesystem::create_directories(root / dir, ignored);
    }
    const std::string name = dir + separator + "tag-" + std::to_string(i);
    const auto file = system_files().open((root / name).string(), O_WRONLY | O_CREAT, 0600);
    if (!file) return tl::unexpected(error_from_errno(file.error(), "make a resource"));
    if (auto written = system_files().write(file->get(), as_bytes(name)); !written) {
      return tl::unexpected(error_from_errno(written.error(), "write a resource"));
    }
  }
  return {};
}

/// One directory of each layout, made when first asked for.
Result<std::filesystem::path> resources_in(const Run& run, Layout layout) {
  static std::filesystem::path made[2];
  std::filesystem::path& path = made[layout == Layout::tree ? 0 : 1];
  if (!path.empty()) return path;
  KBS_TRY(const std::filesystem::path dir,
          run.lab.make_directory(layout == Layout::tree ? "many-tree" : "many-flat"));
  KBS_OK(make_resources(dir, layout));
  path = dir;
  return path;
}

struct Listing {
  std::size_t entries = 0, pages = 0;
  double ms = 0, slowest_page_ms = 0, growth_kib = 0;
};

Result<Listing> list_all(storage::Backend& backend) {
  Listing listing;
  storage::ListOptions options{.prefix = {}, .limit = 1000, .cursor = {}};
  const double before = own_rss_kib();
  do {
    const auto begin = SteadyClock::now();
    KBS_TRY(storage::Page page, run_to_end(backend.list(options)));
    const double ms = ms_since(begin);
    listing.ms += ms;
    listing.slowest_page_ms = std::max(listing.slowest_page_ms, ms);
    listing.growth_kib = std::max(listing.growth_kib, own_rss_kib() - before);
    listing.entries += page.entries.size();
    ++listing.pages;
    options.cursor = std::move(page.next);
  } while (!options.cursor.empty());
  return listing;
}

Result<Listing> list_layout(const Run& run, Layout layout) {
  KBS_TRY(const std::filesystem::path root, resources_in(run, layout));
  asio::thread_pool pool(1);
  storage::local_fs::Options options;
  options.roots = {{root.string()}};
  options.layout = layout;
  KBS_TRY(storage::BackendPtr backend,
          storage::local_fs::make(options, {system_files(), system_clock(), pool}));
  KBS_OK(run_to_end(backend->health()));  // after the tidying up, on this one thread
  auto listing = list_all(*backend);
  backend.reset();
  pool.join();
  if (listing && listing->entries != kResources) {
    return fail(ErrorKind::internal, "listed " + std::to_string(listing->entries) + " resources");
  }
  return listing;
}

Result<Row> measure_list(const Run& run, Layout layout) {
  KBS_TRY(const Listing listing, list_layout(run, layout));
  Row row{.name = layout == Layout::tree ? "list_100k_tree" : "list_100k_flat",
          .state = "LocalFs without a server"};
  char note[120];
  std::snprintf(note, sizeof note, "%.0f ms in %zu pages (slowest %.0f ms), memory + %.1f MB",
                listing.ms, listing.pages, listing.slowest_page_ms,
                listing.growth_kib * 1024 / 1e6);
  row.note = note;
  row.more = {{"ms", listing.ms},
              {"pages", listing.pages},
              {"slowest_page_ms", listing.slowest_page_ms},
              {"growth_kib", listing.growth_kib},
              {"memory_flat", listing.growth_kib <= kFlatKib}};
  row.target = Target{"2000 ms", 2000, listing.ms};
  return row;
}

Result<Row> measure_start_with_many(const Run& run) {
  KBS_TRY(const std::filesystem::path root, resources_in(run, Layout::tree));
  std::vector<double> times;
  for (int i = 0; i < run.effort.starts; ++i) {
    KBS_TRY(const Bench bench, run.lab.start_bare(State::local_fs, root));
    times.push_back(bench.server.start_ms());
  }
  const double ms = median(times);
  Row row{.name = "start_100k_ms", .state = describe(State::local_fs)};
  row.note = std::to_string(static_cast<int>(std::lround(ms))) + " ms with 100,000 resources";
  row.more = {{"ms", ms}, {"max_ms", *std::max_element(times.begin(), times.end())}};
  row.target = Target{"200 ms", 200, ms};
  return row;
}

}  // namespace

std::vector<StorageRow> many_rows() {
  return {{"list_100k_tree", [](const Run& run) { return measure_list(run, Layout::tree); }},
          {"list_100k_flat", [](const Run& run) { return measure_list(run, Layout::flat); }},
          {"start_100k_ms", measure_start_with_many}};
}

}  // namespace kbs::bench
