#include "storage/memory/memory.h"

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>

namespace kbs::storage::memory {
namespace {

/// What an entry costs beside its name and value, roughly.
constexpr std::uint64_t kEntryBytes = 256;

struct Stored {
  std::shared_ptr<const Secret> value;  ///< shared, so that readers copy it outside the lock
  std::uint64_t version = 0;
  Metadata metadata;
};

struct Shard {
  std::mutex lock;
  std::unordered_map<std::string, Stored> entries;
};

class Memory final : public Backend {
 public:
  Memory(const Options& options, const Clock& clock)
      : limit_(options.max_total_bytes), clock_(clock) {
    can_.write = can_.remove = can_.list = can_.compare_and_set = can_.expiry = true;
    can_.max_value_bytes = limit_;
  }

  const Capabilities& capabilities() const noexcept override { return can_; }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    KBS_CO_OK(check(id, can_));
    co_return read_now(id.path(), options.version);
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    KBS_CO_OK(check(id, can_));
    KBS_CO_OK(check(options, value.size(), can_));
    co_return write_now(id.path(), std::move(value), options);
  }
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    KBS_CO_OK(check(id, can_));
    KBS_CO_OK(check(options, can_));
    co_return remove_now(id.path(), options);
  }
  awaitable<Result<Page>> list(ListOptions options) override {
    KBS_CO_OK(check(options));
    co_return list_now(options);
  }
  awaitable<Result<>> health() override { co_return Result<>(); }

 private:
  Shard& shard(const std::string& path) {
    return shards_[std::hash<std::string>()(path) % shards_.size()];
  }

  bool is_live(const Stored& stored) const {
    return !stored.metadata.not_after || clock_.now() <= *stored.metadata.not_after;
  }

  /// Takes room for `added` bytes while `removed` are given back. No eviction: a full store says
  /// so.
  bool reserve(std::uint64_t added, std::uint64_t removed) {
    std::uint64_t used = used_.load();
    do {
      if (added > removed && added - removed > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + added - removed));
    return true;
  }

  static std::uint64_t cost(const std::string& path, const Secret& value) {
    return kEntryBytes + path.size() + value.size();
  }

  Result<Resource> read_now(const std::string& path, const VersionId& version) {
    Stored found;
    {
      Shard& at = shard(path);
      const std::lock_guard guard(at.lock);
      const auto it = at.entries.find(path);
      if (it != at.entries.end()) found = it->second;
    }
    if (!found.value || !is_live(found)) return fail(ErrorKind::not_found, "no such resource");
    VersionId current = std::to_string(found.version);
    if (!version.empty() && version != current) {
      return fail(ErrorKind::not_found, "no such version of the resource");
    }
    return Resource{found.value->clone(), std::move(current), std::move(found.metadata)};
  }

  Result<VersionId> write_now(const std::string& path, Secret value, const WriteOptions& options) {
    Shard& at = shard(path);
    const std::lock_guard guard(at.lock);
    const auto it = at.entries.find(path);
    const bool exists = it != at.entries.end() && is_live(it->second);
    if (options.create_only && exists)
      return fail(ErrorKind::conflict, "the resource exists already");
    if (options.if_version &&
        (!exists || std::to_string(it->second.version) != *options.if_version)) {
      return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
    }
    const std::uint64_t before = it == at.entries.end() ? 0 : cost(path, *it->second.value);
    if (!reserve(cost(path, value), before)) {
      return fail(ErrorKind::unavailable, "the memory store is full: delete resources first");
    }
    Metadata metadata{options.content_type, value.size(), clock_.now(), options.not_after};
    const std::uint64_t version = ++last_version_;
    at.entries[path] = {std::make_shared<const Secret>(std::move(value)), version,
                        std::move(metadata)};
    return std::to_string(version);
  }

  Result<> remove_now(const std::string& path, const RemoveOptions& options) {
    Shard& at = shard(path);
    const std::lock_guard guard(at.lock);
    const auto it = at.entries.find(path);
    if (it == at.entries.end() || !is_live(it->second)) {
      return fail(ErrorKind::not_found, "no such resource");
    }
    if (options.if_version && std::to_string(it->second.version) != *options.if_version) {
      return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
    }
    reserve(0, cost(path, *it->second.value));
    at.entries.erase(it);
    return {};
  }

  Page list_now(const ListOptions& options) {
    // The smallest limit + 1: one more than a page, to know whether there is a next.
    std::map<std::string, Entry> smallest;
    for (Shard& at : shards_) {
      const std::lock_guard guard(at.lock);
      for (const auto& [path, stored] : at.entries) {
        if (path <= options.cursor || !path.starts_with(options.prefix) || !is_live(stored))
          continue;
        if (smallest.size() > options.limit && path > smallest.rbegin()->first) continue;
        smallest.emplace(path, Entry{path, std::to_string(stored.version), stored.metadata});
        if (smallest.size() > options.limit + 1) smallest.erase(std::prev(smallest.end()));
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

  const std::uint64_t limit_;
  const Clock& clock_;
  Capabilities can_;
  std::array<Shard, 64> shards_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> last_version_{0};
};

}  // namespace

BackendPtr make(const Options& options, const Clock& clock) {
  return std::make_shared<Memory>(options, clock);
}

}  // namespace kbs::storage::memory
