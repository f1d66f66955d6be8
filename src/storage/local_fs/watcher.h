#pragma once
/// One thread that tells listeners what other hands change.

#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "storage/backend.h"
#include "storage/local_fs/watch_tree.h"

namespace kbs::storage::local_fs {

/// Thread-safe. Runs as long as a subscription lives.
class Watcher : public std::enable_shared_from_this<Watcher> {
 public:
  /// Null, with a warning in the log, when the system has no watches left. `files` outlives it.
  static std::shared_ptr<Watcher> start(FileOps& files, std::vector<Root> roots);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  /// Not from within a listener, neither this nor the end of the subscription.
  std::shared_ptr<void> subscribe(ChangeListener listener);

 private:
  Watcher(FileOps& files, std::vector<Root> roots) : tree_(files, std::move(roots)) {}
  void run();
  void tell(std::string_view prefix);
  bool wait(bool degraded);

  WatchTree tree_;
  Fd stop_;  ///< an eventfd
  std::mutex lock_;
  std::list<ChangeListener> listeners_;
  std::thread thread_;
};

}  // namespace kbs::storage::local_fs
