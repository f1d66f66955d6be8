#pragma once
/// Tables of mounts over stores that do as they are told, for the tests here.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/memory/memory.h"
#include "storage/mounts/mounts.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::storage {

inline ResourceId id_of(std::string_view path) { return ResourceId::parse(path).value(); }

/// The kind of failure, or "ok".
template <class R>
std::string kind(const R& result) {
  return result ? "ok" : std::string(to_string(result.error().kind));
}

template <class R>
std::string message(const R& result) {
  return result ? "ok" : result.error().message;
}

/// A mount of a memory store, without decorators.
struct TestMount {
  TestMount(std::string name, std::string prefix) {
    options.name = std::move(name);
    options.prefix = std::move(prefix);
    options.backend = "memory";
  }
  Mount mount() const { return {options, store}; }
  /// Puts it there whatever the routes say.
  void put(std::string_view path, std::string_view value = "x") const {
    auto done =
        kbs::testing::run(memory->write(id_of(path), Secret::from_text(value), WriteOptions()));
    if (!done) std::abort();
  }
  void remove(std::string_view path) const {
    if (!kbs::testing::run(memory->remove(id_of(path), RemoveOptions()))) std::abort();
  }
  Capabilities can() const { return store->capabilities(); }

  MountOptions options;
  BackendPtr memory = memory::make({64u << 20, 5}, system_clock());
  std::shared_ptr<testing::FaultyBackend> store = std::make_shared<testing::FaultyBackend>(memory);
};

template <class... Mount>
std::shared_ptr<Mounts> table(const Mount&... mounts) {
  return Mounts::make({mounts.mount()...}).value();
}

inline std::string text(Backend& backend, std::string_view path, const VersionId& version = {}) {
  auto found = kbs::testing::run(backend.read(id_of(path), ReadOptions{version}));
  if (!found) return '<' + std::string(to_string(found.error().kind)) + '>';
  return std::string(found->value.expose_text());
}

inline Result<VersionId> write(Backend& backend, std::string_view path, std::string_view value,
                               WriteOptions options = {}) {
  return kbs::testing::run(
      backend.write(id_of(path), Secret::from_text(value), std::move(options)));
}

/// The paths of one page.
inline std::vector<std::string> paths(const Page& page) {
  std::vector<std::string> all;
  all.reserve(page.entries.size());
  for (const Entry& entry : page.entries) all.push_back(entry.path);
  return all;
}

}  // namespace kbs::storage
