#include "storage/local_fs/name_cache.h"

#include <algorithm>

#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {
namespace {

/// Smaller ones are read in no time.
constexpr std::size_t kLarge = 500;
constexpr auto kLongest = std::chrono::seconds(30);

bool is_same(const timespec& a, const timespec& b) noexcept {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool is_unchanged(const Stat& a, const Stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && is_same(a.st_mtim, b.st_mtim) &&
         is_same(a.st_ctim, b.st_ctim);
}

/// Whether a change from now on would show in the directory's times. File systems keep them as
/// coarsely as two seconds, and the kernel's own tick is some milliseconds. By the kernel's clock,
/// which dates files, and not by one that a test holds still.
bool is_settled(const Stat& info) {
  const bool fine = info.st_ctim.tv_nsec % 1'000'000 != 0;
  const std::int64_t tick = fine ? 50'000'000 : 2'500'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - std::max(nanoseconds(info.st_ctim), nanoseconds(info.st_mtim)) > tick;
}

std::shared_ptr<const SortedNames> sort(std::vector<std::string> names, Order order) {
  auto sorted = std::make_shared<SortedNames>();
  for (std::string& name : names) {
    if (is_resource_segment(name)) {
      if (order == Order::directories) name += '/';
      sorted->segments.push_back(std::move(name));
    } else if (order == Order::directories) {
      if (auto id = resource_of_flat_name(name)) sorted->flat.push_back(id->path());
    }
  }
  std::sort(sorted->segments.begin(), sorted->segments.end());
  std::sort(sorted->flat.begin(), sorted->flat.end());
  return sorted;
}

}  // namespace

Step<std::shared_ptr<const SortedNames>> NameCache::names(FileOps& files, int dir, Order order) {
  auto info = files.fstat(dir);
  if (!info) return tl::unexpected(Failure{info.error(), "stat a directory"});
  if (auto known = find(*info, order)) return known;
  const bool settled = is_settled(*info);
  auto names = files.list(dir);
  if (!names) return tl::unexpected(Failure{names.error(), "list a directory"});
  const bool large = names->size() >= kLarge;
  auto sorted = sort(std::move(*names), order);
  if (large && settled) keep(*info, order, sorted);
  return sorted;
}

std::shared_ptr<const SortedNames> NameCache::find(const Stat& info, Order order) {
  const auto oldest = Clock::now() - kLongest;
  const std::lock_guard guard(lock_);
  for (Slot& slot : slots_) {
    if (slot.names && slot.listed < oldest) slot = Slot();
  }
  for (Slot& slot : slots_) {
    if (!slot.names || slot.order != order || !is_unchanged(slot.info, info)) continue;
    if (&slot != &slots_[0]) std::swap(slot, slots_[0]);
    return slots_[0].names;
  }
  return nullptr;
}

void NameCache::keep(const Stat& info, Order order, std::shared_ptr<const SortedNames> names) {
  const std::lock_guard guard(lock_);
  slots_[1] = std::move(slots_[0]);
  slots_[0] = {info, order, Clock::now(), std::move(names)};
}

void NameCache::clear() {
  const std::lock_guard guard(lock_);
  slots_ = {};
}

}  // namespace kbs::storage::local_fs
