#pragma once
/// A LocalFs in a directory of its own, as the tests use it.

#include <algorithm>
#include <string>
#include <vector>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/local_fs/local_fs.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::local_fs {

using kbs::testing::run;

class TestStore {
 public:
  explicit TestStore(Layout layout = Layout::tree, FileOps& files = system_files(),
                     const Clock& clock = system_clock())
      : files_(files), clock_(clock) {
    options.roots = {{dir.path().string()}};
    options.layout = layout;
    reopen();
  }
  explicit TestStore(Options chosen, FileOps& files = system_files(),
                     const Clock& clock = system_clock())
      : options(std::move(chosen)), files_(files), clock_(clock) {
    reopen();
  }
  ~TestStore() { pool_.join(); }

  /// As a restart does, with `options` as they are now. What a crash left is removed when it
  /// returns.
  void reopen() {
    auto made = make(options, Services{files_, clock_, pool_});
    if (!made) std::abort();
    backend = std::move(*made);
    // One thread: when this job is done, so is the sweep before it.
    (void)run(backend->health());
  }

  Result<Resource> read(const char* path, VersionId version = {}) {
    return run(backend->read(id(path), {std::move(version)}));
  }
  Result<VersionId> write(const char* path, std::string_view value, WriteOptions how = {}) {
    return run(backend->write(id(path), Secret::from_text(value), std::move(how)));
  }
  Result<> remove(const char* path) { return run(backend->remove(id(path), {})); }
  Result<> remove_softly(const char* path) {
    return run(backend->remove(id(path), {std::nullopt, true}));
  }
  Result<> undelete(const char* path) { return run(backend->undelete(id(path))); }
  Result<> destroy(const char* path, VersionId version) {
    return run(backend->destroy(id(path), std::move(version)));
  }
  Result<> replace(const char* path, VersionId version, std::string_view value) {
    return run(backend->replace(id(path), std::move(version), Secret::from_text(value)));
  }
  /// The value, or the kind of the error in angle brackets.
  std::string text(const char* path, VersionId version = {}) {
    auto resource = read(path, std::move(version));
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
  std::vector<Entry> versions(const char* path) {
    auto page = run(backend->versions(id(path), {}));
    return page ? page->entries : std::vector<Entry>();
  }
  /// What each version holds, newest first, the one that a plain read gives with a star. Of a
  /// deleted resource: "-" for each.
  std::vector<std::string> history(const char* path) {
    std::vector<std::string> all;
    const bool deleted = !read(path);
    for (const Entry& entry : versions(path)) {
      all.push_back(deleted ? "-" : text(path, entry.version) + (entry.current ? "*" : ""));
    }
    return all;
  }
  /// Where the earlier values of a resource lie.
  std::filesystem::path history_dir(const char* path) const {
    return std::filesystem::path(options.roots[0].path) / ".history" / path;
  }
  /// The names in it, sorted.
  std::vector<std::string> history_names(const char* path) const {
    std::vector<std::string> names;
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(history_dir(path), absent)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  testing::TempDir dir;
  BackendPtr backend;
  Options options;

 private:
  static ResourceId id(const char* path) { return *ResourceId::parse(path); }

  FileOps& files_;
  const Clock& clock_;
  asio::thread_pool pool_{1};
};

inline constexpr const char* kFlat = R"(default\x2Fkey\x2F1)";

}  // namespace kbs::storage::local_fs
