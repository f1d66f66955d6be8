#pragma once
/// An encrypted store over memory that does as it is told, for the tests here.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/encrypted/kek.h"
#include "storage/encrypted/store.h"
#include "storage/memory/memory.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::storage::encrypted {

using kbs::testing::run;

/// A key that is nobody's: 32 times the same letter.
inline KekPtr test_kek(char letter) {
  return local_kek("test", Secret::from_text(std::string(32, letter)));
}
inline KekSource source_of(KekPtr key) { return {{}, std::nullopt, std::move(key)}; }

template <class R>
std::string kind_of(const R& result) {
  return result ? "ok" : std::string(to_string(result.error().kind));
}
template <class R>
std::string message_of(const R& result) {
  return result ? std::string() : result.error().message;
}

/// The clock, the pool and the memory outlive every store opened on them.
class TestStore {
 public:
  explicit TestStore(unsigned versions = 5)
      : memory(memory::make({64u << 20, versions}, clock)),
        inner(std::make_shared<testing::FaultyBackend>(memory)) {
    options.key = source_of(test_kek('k'));
  }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;
  ~TestStore() {
    store.reset();
    pool.join();
  }

  Services services() { return {system_files(), clock, pool}; }
  /// Another process on the same store.
  Result<std::shared_ptr<Store>> another() {
    return run(open_store(inner, options, services(), "test", nullptr, tuning));
  }
  /// As a restart does.
  Result<> open() {
    store.reset();
    auto opened = another();
    if (!opened) return tl::unexpected(std::move(opened).error());
    store = std::move(*opened);
    return {};
  }

  /// The value, or the kind of the error in angle brackets.
  std::string read(const ResourceId& id, VersionId version = {}) {
    return read(*store, id, version);
  }
  static std::string read(Backend& from, const ResourceId& id, const VersionId& version = {}) {
    auto found = run(from.read(id, ReadOptions{version}));
    if (!found) return '<' + std::string(to_string(found.error().kind)) + '>';
    return std::string(found->value.expose_text());
  }
  /// What a failed read says.
  std::string complaint(const ResourceId& id, const VersionId& version = {}) {
    return message_of(run(store->read(id, ReadOptions{version})));
  }
  Result<VersionId> write(const ResourceId& id, std::string_view value, WriteOptions how = {}) {
    return run(store->write(id, Secret::from_text(value), std::move(how)));
  }
  Result<> remove(const ResourceId& id) { return run(store->remove(id, RemoveOptions{})); }
  Result<> remove_softly(const ResourceId& id) {
    return run(store->remove(id, RemoveOptions{std::nullopt, true}));
  }
  Result<> undelete(const ResourceId& id) { return run(store->undelete(id)); }
  std::vector<Entry> versions(const ResourceId& id) {
    auto page = run(store->versions(id, ListOptions{}));
    return page ? page->entries : std::vector<Entry>();
  }

  /// What lies in the store under a name, as its operator sees it.
  std::string raw(const ResourceId& id, const VersionId& version = {}) {
    auto found = run(memory->read(id, ReadOptions{version}));
    return found ? std::string(found->value.expose_text()) : std::string();
  }
  /// The operator's hands: the current bytes are exchanged, past the decorator.
  void put_raw(const ResourceId& id, std::string_view bytes) {
    (void)run(memory->write(id, Secret::from_text(bytes), WriteOptions{}));
  }
  void remove_raw(const ResourceId& id) { (void)run(memory->remove(id, RemoveOptions{})); }
  /// The names that begin so, in the inner backend.
  std::vector<std::string> names(const std::string& prefix) {
    auto page = run(memory->list(ListOptions{prefix, 1000, {}}));
    std::vector<std::string> all;
    for (std::size_t i = 0; page && i < page->entries.size(); ++i) {
      all.push_back(page->entries[i].path);
    }
    return all;
  }
  /// Everything current in the inner backend, by name: what a thief keeps.
  std::map<std::string, std::string> everything() {
    std::map<std::string, std::string> all;
    for (const std::string& name : names("")) all[name] = raw(*ResourceId::parse(name));
    return all;
  }
  std::vector<std::string> verify() {
    auto found = run(store->verify());
    return found ? *found : std::vector<std::string>{"verify failed: " + found.error().message};
  }

  kbs::testing::ManualClock clock;
  asio::thread_pool pool{1};
  BackendPtr memory;
  std::shared_ptr<testing::FaultyBackend> inner;
  Options options;
  Tuning tuning;
  std::shared_ptr<Store> store;
};

inline const ResourceId kId{"default", "key", "1"};
inline const ResourceId kOther{"default", "key", "2"};

}  // namespace kbs::storage::encrypted
