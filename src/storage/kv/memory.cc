#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "storage/kv/stores.h"

namespace kbs::storage::kv {
namespace {

class Memory final : public KeyValue {
 public:
  awaitable<Result<std::optional<Secret>>> get(std::string key) override {
    Shard& at = shard(key);
    const std::lock_guard guard(at.lock);
    const auto it = at.values.find(key);
    if (it == at.values.end()) co_return std::nullopt;
    co_return it->second.clone();
  }

  awaitable<Result<bool>> set(std::string key, Secret value, bool overwrite) override {
    Shard& at = shard(key);
    const std::lock_guard guard(at.lock);
    if (!overwrite && at.values.contains(key)) co_return false;
    at.values.insert_or_assign(std::move(key), std::move(value));
    co_return true;
  }

  awaitable<Result<bool>> remove(std::string key) override {
    Shard& at = shard(key);
    const std::lock_guard guard(at.lock);
    co_return at.values.erase(key) > 0;
  }

  awaitable<Result<std::vector<std::string>>> list() override {
    std::vector<std::string> keys;
    for (Shard& at : shards_) {
      const std::lock_guard guard(at.lock);
      for (const auto& entry : at.values) keys.push_back(entry.first);
    }
    std::sort(keys.begin(), keys.end());
    co_return keys;
  }

 private:
  struct Shard {
    std::mutex lock;
    std::unordered_map<std::string, Secret> values;
  };

  Shard& shard(const std::string& key) {
    return shards_[std::hash<std::string>()(key) % shards_.size()];
  }

  std::array<Shard, 32> shards_;
};

}  // namespace

KeyValuePtr make_memory() { return std::make_shared<Memory>(); }

}  // namespace kbs::storage::kv
