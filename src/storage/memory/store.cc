#include "storage/memory/store.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "crypto/random.h"

namespace kbs::storage::memory {
namespace {

/// What a resource and each of its versions cost beside names and values, roughly.
constexpr std::uint64_t kRecordBytes = 160;
constexpr std::uint64_t kVersionBytes = 160;
/// So much of the room a single value leaves to its name and to what it costs.
constexpr std::uint64_t kReserve = 512;

std::uint64_t cost(const std::string& path) { return kRecordBytes + path.size(); }
std::uint64_t cost(std::uint64_t value_bytes, const Metadata& metadata) {
  return kVersionBytes + value_bytes + metadata.content_type.size();
}

/// An ETag from before a restart must not fit a value of today.
std::string random_prefix() {
  std::array<std::byte, 6> random;
  crypto::random_bytes(random);
  return hex(random) + '-';
}

tl::unexpected<Error> no_resource() { return fail(ErrorKind::not_found, "no such resource"); }
tl::unexpected<Error> no_version() {
  return fail(ErrorKind::not_found, "no such version of the resource");
}
tl::unexpected<Error> moved_on() {
  return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
}

}  // namespace

Store::Store(const Options& options, const Clock& clock)
    : limit_(options.max_total_bytes),
      most_(std::size_t{options.versions} + 1),
      clock_(clock),
      id_prefix_(random_prefix()) {
  can_.write = can_.remove = can_.list = can_.compare_and_set = can_.expiry = can_.replace = true;
  can_.versions = can_.undelete = options.versions > 0;
  can_.max_value_bytes = limit_ > 2 * kReserve ? limit_ - kReserve : limit_;
}

Store::Shard& Store::shard(const std::string& path) {
  return shards_[std::hash<std::string>()(path) % shards_.size()];
}

VersionId Store::id_of(const Version& version) const {
  return id_prefix_ + std::to_string(version.number);
}

std::vector<Store::Version>::iterator Store::find(Record& record, const VersionId& id) const {
  auto& versions = record.versions;
  if (id.empty()) return record.deleted ? versions.end() : std::prev(versions.end());
  return std::find_if(versions.begin(), versions.end(),
                      [&](const Version& version) { return id_of(version) == id; });
}

bool Store::has_expired(const Version& version) const {
  return version.metadata.not_after && clock_.now() > *version.metadata.not_after;
}

bool Store::is_live(const Record& record) const {
  return !record.deleted && !has_expired(record.versions.back());
}

bool Store::is_current(const Record& record, const Version& version) const {
  return &version == &record.versions.back() && is_live(record);
}

Entry Store::describe(const std::string& path, const Version& version) const {
  return Entry{path, id_of(version), version.metadata};
}

Result<> Store::reserve(std::uint64_t added, std::uint64_t removed) {
  std::uint64_t used = used_.load();
  do {
    if (added > removed && added - removed > limit_ - used) {
      return fail(ErrorKind::unavailable,
                  "the memory store is full: delete resources, keep fewer `versions`, or raise "
                  "`max_size`");
    }
  } while (!used_.compare_exchange_weak(used, used + added - removed));
  return {};
}

Result<Resource> Store::read(const std::string& path, const VersionId& version) {
  Version found;
  {
    Shard& at = shard(path);
    const std::lock_guard guard(at.lock);
    const auto it = at.records.find(path);
    if (it == at.records.end() || it->second.deleted) return no_resource();
    const auto match = find(it->second, version);
    if (match == it->second.versions.end()) return no_version();
    found = *match;
  }
  if (has_expired(found)) return version.empty() ? no_resource() : no_version();
  return Resource{found.value->clone(), id_of(found), std::move(found.metadata)};
}

Result<VersionId> Store::write(const std::string& path, Secret value, const WriteOptions& options) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  const bool known = it != at.records.end();
  const bool exists = known && is_live(it->second);
  if (options.create_only && exists) {
    return fail(ErrorKind::conflict, "the resource exists already");
  }
  if (options.if_version && (!exists || id_of(it->second.versions.back()) != *options.if_version)) {
    return moved_on();
  }
  Version next{nullptr, 0, {options.content_type, value.size(), clock_.now(), options.not_after}};
  const bool full = known && it->second.versions.size() >= most_;
  const auto freed =
      full ? cost(it->second.versions[0].value->size(), it->second.versions[0].metadata) : 0;
  KBS_OK(reserve(cost(value.size(), next.metadata) + (known ? 0 : cost(path)), freed));
  next.value = std::make_shared<const Secret>(std::move(value));
  next.number = ++last_number_;
  Record& record = known ? it->second : at.records[path];
  if (full) record.versions.erase(record.versions.begin());
  record.deleted = false;
  record.versions.push_back(std::move(next));
  return id_of(record.versions.back());
}

Result<> Store::remove(const std::string& path, const RemoveOptions& options) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  if (it == at.records.end()) return no_resource();
  Record& record = it->second;
  // Whatever is still kept, expired or for undelete, a plain removal destroys for good.
  const bool plain = !options.if_version && !options.keep_for_undelete;
  if (!plain && !is_live(record)) return no_resource();
  if (options.if_version && id_of(record.versions.back()) != *options.if_version) return moved_on();
  if (options.keep_for_undelete) {
    record.deleted = true;
    return {};
  }
  std::uint64_t freed = cost(path);
  for (const Version& version : record.versions) {
    freed += cost(version.value->size(), version.metadata);
  }
  at.records.erase(it);
  return reserve(0, freed);
}

Result<> Store::undelete(const std::string& path) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  if (it == at.records.end()) return no_resource();
  if (is_live(it->second)) return fail(ErrorKind::conflict, "the resource is not deleted");
  if (!it->second.deleted) return fail(ErrorKind::not_found, "the resource has expired");
  it->second.deleted = false;
  return {};
}

Page Store::list(const ListOptions& options) {
  // The smallest limit + 1: one more than a page, to know whether there is a next.
  std::map<std::string, Entry> smallest;
  for (Shard& at : shards_) {
    const std::lock_guard guard(at.lock);
    auto it = options.cursor < options.prefix ? at.records.lower_bound(options.prefix)
                                              : at.records.upper_bound(options.cursor);
    for (; it != at.records.end() && it->first.starts_with(options.prefix); ++it) {
      const bool full = smallest.size() > options.limit;
      if (full && it->first > smallest.rbegin()->first) break;
      if (!is_live(it->second)) continue;
      smallest.emplace(it->first, describe(it->first, it->second.versions.back()));
      if (full) smallest.erase(std::prev(smallest.end()));
    }
  }
  Page page;
  for (auto& [path, entry] : smallest) {
    if (page.entries.size() == options.limit) {
      page.next = page.entries.back().path;
      break;
    }
    page.entries.push_back(std::move(entry));
  }
  return page;
}

Result<Page> Store::versions(const std::string& path, const ListOptions& options) {
  std::uint64_t below = UINT64_MAX;
  if (!options.cursor.empty()) {
    const char* end = options.cursor.data() + options.cursor.size();
    const auto parsed = std::from_chars(options.cursor.data(), end, below);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return fail(ErrorKind::invalid_request, "not a cursor of this list of versions");
    }
  }
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  if (it == at.records.end()) return no_resource();
  const std::vector<Version>& kept = it->second.versions;
  Page page;
  for (auto version = kept.rbegin(); version != kept.rend(); ++version) {
    if (version->number >= below) continue;
    if (page.entries.size() == options.limit) {
      page.next = std::to_string(std::prev(version)->number);
      break;
    }
    page.entries.push_back(describe(path, *version));
    page.entries.back().current = is_current(it->second, *version);
  }
  return page;
}

Result<> Store::destroy(const std::string& path, const VersionId& version) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  if (it == at.records.end()) return no_resource();
  Record& record = it->second;
  const auto match = find(record, version);
  if (match == record.versions.end()) return no_version();
  // Also when it has expired: what came before it would come back in its place.
  if (!record.deleted && std::next(match) == record.versions.end()) {
    return fail(ErrorKind::conflict,
                "the current version cannot be destroyed: delete the resource, or write it anew");
  }
  std::uint64_t freed = cost(match->value->size(), match->metadata);
  record.versions.erase(match);
  if (record.versions.empty()) {
    freed += cost(path);
    at.records.erase(it);
  }
  return reserve(0, freed);
}

Result<> Store::replace(const std::string& path, const VersionId& version, Secret value) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto it = at.records.find(path);
  if (it == at.records.end()) return no_resource();
  const auto match = find(it->second, version);
  if (match == it->second.versions.end()) return no_version();
  KBS_OK(reserve(value.size(), match->value->size()));
  match->metadata.size = value.size();
  match->value = std::make_shared<const Secret>(std::move(value));
  return {};
}

}  // namespace kbs::storage::memory
