#pragma once
/// The store under test: opened, written to, and looked at through `Backend`.

#include <memory>
#include <string>
#include <vector>

#include "crash/model.h"
#include "storage/backend.h"
#include "storage/key_value.h"

namespace kbs::crash {

/// Numbers from here on are those of values that `Verb::replace` puts in.
inline constexpr Seq kReplacing = Seq{1} << 40;

/// What kind of store.
struct Shape {
  bool flat = false;
  unsigned versions = 3;  ///< earlier ones kept
  bool encrypted = false;
};
std::string describe(const Shape& shape);

/// A store in `path`, with a pool of its own. Its recovery is done when `open` returns.
class OpenStore {
 public:
  static Result<std::unique_ptr<OpenStore>> open(const std::string& path, const Shape& shape,
                                                 FileOps& files, const Clock& clock,
                                                 std::size_t threads = 1);
  ~OpenStore();

  storage::Backend& backend() noexcept { return *backend_; }
  /// Any thread. `length` is that of the value, if one is written.
  Result<> perform(const std::string& path, const Operation& operation, std::size_t length = 100);
  /// Reads all there is of one resource; `listed` is what `list` gave. One that is kept for
  /// undelete is brought back for a moment.
  Observed observe(const std::string& path, const std::vector<std::string>& listed);
  /// All that the store lists.
  Result<std::vector<std::string>> list();

 private:
  explicit OpenStore(std::size_t threads) : pool_(threads) {}
  Result<std::vector<storage::Entry>> versions_of(const ResourceId& id);
  void look(const ResourceId& id, Observed& seen);
  void look_at_kept(const ResourceId& id, Observed& seen);
  Seq read_version(const ResourceId& id, const storage::VersionId& version, std::string& wrong);

  asio::thread_pool pool_;
  storage::BackendPtr backend_;
};

/// A clock an hour ahead: what a crash left is old enough to be swept.
const Clock& later_clock();

/// The first file below `path` that no store at rest has (a temporary one, a marker); "" when there
/// is none.
std::string leftover_in(const std::string& path);

}  // namespace kbs::crash
