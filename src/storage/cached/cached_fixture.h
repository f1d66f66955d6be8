#pragma once
/// A cache over a store that does as it is told, for the tests here.

#include <memory>
#include <string>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/cached/cached.h"
#include "storage/memory/memory.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::storage::cached {

struct CachedStore {
  explicit CachedStore(Options options = {}) {
    Capabilities can = store->capabilities();
    can.notices_changes = true;
    store->declare(can);
    backend = make(store, options, clock);
  }

  std::string read(const ResourceId& id, const VersionId& version = {}) const {
    auto found = kbs::testing::run(backend->read(id, ReadOptions{version}));
    if (!found) return '<' + std::string(to_string(found.error().kind)) + '>';
    return std::string(found->value.expose_text());
  }
  /// Through the cache.
  VersionId write(const ResourceId& id, std::string_view value, WriteOptions options = {}) const {
    return kbs::testing::run(backend->write(id, Secret::from_text(value), options)).value();
  }
  /// By other hands, unnoticed.
  VersionId put(const ResourceId& id, std::string_view value, WriteOptions options = {}) const {
    return kbs::testing::run(memory->write(id, Secret::from_text(value), options)).value();
  }
  std::size_t reads() const { return store->calls(testing::Op::read); }

  kbs::testing::ManualClock clock;
  BackendPtr memory = memory::make({64u << 20, 5}, clock);
  std::shared_ptr<testing::FaultyBackend> store = std::make_shared<testing::FaultyBackend>(memory);
  BackendPtr backend;
};

inline const ResourceId kId{"default", "key", "1"};
inline const ResourceId kOther{"default", "key", "2"};

}  // namespace kbs::storage::cached
