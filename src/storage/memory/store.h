#pragma once
/// The table behind the memory backend: plain calls, thread-safe, never waiting for long.

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/memory/memory.h"

namespace kbs::storage::memory {

class Store {
 public:
  Store(const Options& options, const Clock& clock);

  const Capabilities& capabilities() const noexcept { return can_; }
  Result<Resource> read(const std::string& path, const VersionId& version);
  Result<VersionId> write(const std::string& path, Secret value, const WriteOptions& options);
  Result<> remove(const std::string& path, const RemoveOptions& options);
  Result<> undelete(const std::string& path);
  Page list(const ListOptions& options);
  Result<Page> versions(const std::string& path, const ListOptions& options);
  Result<> destroy(const std::string& path, const VersionId& version);
  Result<> replace(const std::string& path, const VersionId& version, Secret value);

 private:
  struct Version {
    std::shared_ptr<const Secret> value;  ///< shared, so that readers copy it outside the lock
    std::uint64_t number = 0;
    Metadata metadata;
  };
  /// Never without a version: the last to go takes the record along.
  struct Record {
    std::vector<Version> versions;  ///< oldest first
    bool deleted = false;           ///< kept for undelete only
  };
  /// Ordered, so that a page of a listing costs a page and not the store.
  struct Shard {
    std::mutex lock;
    std::map<std::string, Record> records;
  };

  Shard& shard(const std::string& path);
  VersionId id_of(const Version& version) const;
  /// The version of that id, "" being the current one; past the end when there is none.
  std::vector<Version>::iterator find(Record& record, const VersionId& id) const;
  bool has_expired(const Version& version) const;
  /// Whether a plain read finds something.
  bool is_live(const Record& record) const;
  bool is_current(const Record& record, const Version& version) const;
  Entry describe(const std::string& path, const Version& version) const;
  /// Takes room for `added` bytes while `removed` are given back.
  Result<> reserve(std::uint64_t added, std::uint64_t removed);

  const std::uint64_t limit_;
  const std::size_t most_;  ///< versions of one resource, the current one counted
  const Clock& clock_;
  const std::string id_prefix_;
  Capabilities can_;
  std::array<Shard, 64> shards_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> last_number_{0};
};

}  // namespace kbs::storage::memory
