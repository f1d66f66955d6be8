#pragma once
/// Stores, and what lies in them, for the tests of this folder.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/run.h"
#include "storage/local_fs/local_fs.h"
#include "storage/memory/memory.h"
#include "storage/testing/temp_dir.h"
#include "storage/transfer/transfer.h"

namespace kbs::storage::transfer {

using kbs::testing::run;
using storage::testing::TempDir;

inline ResourceId id(std::string_view path) { return *ResourceId::parse(path); }

/// One store and a few words to say what is in it.
struct TestSide {
  BackendPtr backend;
  std::string name = "store";

  Side side() const { return {backend, name, {}}; }

  void put(std::string_view path, std::string_view value, WriteOptions options = {}) const {
    auto written = run(backend->write(id(path), Secret::from_text(value), std::move(options)));
    if (!written) throw std::runtime_error(describe(written.error()));
  }
  std::string get(std::string_view path) const {
    auto read = run(backend->read(id(path), {}));
    if (!read) return '<' + std::string(to_string(read.error().kind)) + '>';
    return std::string(read->value.expose_text());
  }
  /// All current values by path.
  std::map<std::string, std::string> all() const {
    std::map<std::string, std::string> found;
    ListOptions options;
    do {
      auto page = run(backend->list(options));
      if (!page) throw std::runtime_error(describe(page.error()));
      for (const Entry& entry : page->entries) found[entry.path] = get(entry.path);
      options.cursor = page->next;
    } while (!options.cursor.empty());
    return found;
  }
  /// All values of one resource, oldest first.
  std::vector<std::string> history(std::string_view path) const {
    std::vector<std::string> found;
    auto page = run(backend->versions(id(path), {}));
    if (!page) return found;
    for (auto entry = page->entries.rbegin(); entry != page->entries.rend(); ++entry) {
      auto read = run(backend->read(id(path), {entry->version}));
      if (read) found.emplace_back(read->value.expose_text());
    }
    return found;
  }
};

inline TestSide memory_side(unsigned versions = 10, const Clock& clock = system_clock()) {
  memory::Options options;
  options.versions = versions;
  return {memory::make(options, clock), "memory"};
}

/// A LocalFs in a directory of its own.
class DirectorySide : public TestSide {
 public:
  explicit DirectorySide(local_fs::Layout layout = local_fs::Layout::tree,
                         FileOps& files = system_files())
      : files_(files) {
    name = "directory";
    open(layout);
  }
  DirectorySide(const DirectorySide&) = delete;
  DirectorySide& operator=(const DirectorySide&) = delete;
  ~DirectorySide() {
    backend.reset();
    pool_.join();
  }
  void open(local_fs::Layout layout) {
    local_fs::Options options;
    options.roots = {{dir.path().string()}};
    options.layout = layout;
    auto made = local_fs::make(options, services());
    if (!made) throw std::runtime_error(describe(made.error()));
    backend = std::move(*made);
  }
  Services services() { return {files_, system_clock(), pool_}; }

  TempDir dir;

 private:
  FileOps& files_;
  asio::thread_pool pool_{2};
};

}  // namespace kbs::storage::transfer
