#pragma once
/// A LocalFs in a directory of its own, as the tests use it.

#include "base/testing/run.h"
#include "storage/local_fs/local_fs.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::local_fs {

using kbs::testing::run;

class TestStore {
 public:
  explicit TestStore(Layout layout = Layout::tree, FileOps& files = system_files()) {
    Options options;
    options.roots = {{dir.path().string()}};
    options.layout = layout;
    open(std::move(options), files);
  }
  explicit TestStore(Options options) { open(std::move(options), system_files()); }
  ~TestStore() { pool_.join(); }

  Result<Resource> read(const char* path) { return run(backend->read(id(path), {})); }
  Result<VersionId> write(const char* path, std::string_view value, WriteOptions options = {}) {
    return run(backend->write(id(path), Secret::from_text(value), std::move(options)));
  }
  Result<> remove(const char* path) { return run(backend->remove(id(path), {})); }
  /// The value, or the kind of the error in angle brackets.
  std::string text(const char* path) {
    auto resource = read(path);
    if (!resource) return '<' + std::string(to_string(resource.error().kind)) + '>';
    return std::string(resource->value.expose_text());
  }
  std::vector<std::string> paths() {
    std::vector<std::string> found;
    auto page = run(backend->list({}));
    for (std::size_t i = 0; page && i < page->entries.size(); ++i) {
      found.push_back(page->entries[i].path);
    }
    return found;
  }

  testing::TempDir dir;
  BackendPtr backend;

 private:
  static ResourceId id(const char* path) { return *ResourceId::parse(path); }

  void open(Options options, FileOps& files) {
    auto made = make(options, Services{files, system_clock(), pool_});
    if (!made) std::abort();
    backend = std::move(*made);
    // One thread: when this job is done, so is the sweep before it.
    (void)run(backend->health());
  }

  asio::thread_pool pool_{1};
};

inline constexpr const char* kFlat = R"(default\x2Fkey\x2F1)";

}  // namespace kbs::storage::local_fs
