#include <cerrno>

#include "base/log.h"
#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {
namespace {

/// A resource can move between layouts, and a volume's `..data` be swapped, between two looks of
/// ours. Absence is believed when seen this often.
constexpr int kLooks = 3;
constexpr auto kWarningInterval = std::chrono::minutes(1);

}  // namespace

Step<Directory> Store::open_root(std::size_t root) { return roots_[root]->open(services_.files); }

/// Whether that root may hold the resource in that spelling.
bool Store::has(std::size_t root, Layout layout, const Names& names) const {
  const Root& where = options_.roots[root];
  return (layout == Layout::flat ? where.flat : where.tree) && names.fits(layout);
}

bool Store::has_expired(const Extra& extra) const {
  return extra.not_after && services_.clock.now() > *extra.not_after;
}

void Store::warn(const char* message, const Names& names) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  const std::int64_t now =
      duration_cast<milliseconds>(services_.clock.steady_now().time_since_epoch()).count();
  std::int64_t due = next_warning_.load(std::memory_order_relaxed);
  const std::int64_t next = now + duration_cast<milliseconds>(kWarningInterval).count();
  if (now < due || !next_warning_.compare_exchange_strong(due, next)) return;
  KBS_LOG(warn, "storage", message, {{"resource", names.path}});
}

Step<std::optional<OpenFile>> Store::open_layout(int dir, std::size_t root, const Names& names,
                                                 Layout layout, Want want) {
  if (!has(root, layout, names)) return std::nullopt;
  auto file = want == Want::value ? open_regular(services_.files, dir, names.of(layout))
                                  : look_at(services_.files, dir, names.of(layout));
  if (file) return std::move(*file);
  if (is_absence(file.error().error)) return std::nullopt;
  return tl::unexpected(file.error());
}

Step<std::optional<Place>> Store::find_in(std::size_t root, const Names& names, Want want) {
  auto dir = open_root(root);
  if (!dir && root > 0 && is_absence(dir.error().error)) return std::nullopt;
  if (!dir) return tl::unexpected(dir.error());
  auto flat = open_layout((*dir)->get(), root, names, Layout::flat, want);
  auto tree = open_layout((*dir)->get(), root, names, Layout::tree, want);
  const bool flat_there = flat && *flat;
  const bool tree_there = tree && *tree;
  for (const auto* each : {&flat, &tree}) {
    if (*each) continue;
    // A copy that cannot be looked at might be the newer one; a FIFO or a stray link is none, if
    // there is another.
    if (!(flat_there || tree_there) || !is_foreign(each->error().error)) {
      return tl::unexpected(each->error());
    }
    if (want == Want::value)
      warn("beside this resource lies something that is not a regular file; it is ignored", names);
  }
  if (!flat_there && !tree_there) return std::nullopt;
  bool tree_wins = tree_there;
  if (flat_there && tree_there) {
    if (want == Want::value)
      warn("this resource lies there as a tree and as a flat file; the newer is served", names);
    tree_wins = later((**tree).info.st_mtim, (**flat).info.st_mtim);
  }
  if (tree_wins) return Place{root, Layout::tree, std::move(**tree)};
  return Place{root, Layout::flat, std::move(**flat)};
}

Step<std::optional<Place>> Store::find(const Names& names, Want want) {
  for (int look = 0; look < kLooks; ++look) {
    for (std::size_t root = 0; root < options_.roots.size(); ++root) {
      auto place = find_in(root, names, want);
      if (!place || *place) return place;
    }
  }
  return std::nullopt;
}

Result<> Store::health() {
  auto root = open_root(0);
  if (root) return {};
  return fail(root.error(), "cannot open the resource directory", options_.roots[0].path);
}

}  // namespace kbs::storage::local_fs
