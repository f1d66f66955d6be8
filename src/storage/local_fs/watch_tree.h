#pragma once
/// The inotify watches on the directories that hold resources, and what their events mean.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/files.h"
#include "storage/local_fs/local_fs.h"

namespace kbs::storage::local_fs {

/// Used by one thread at a time. Watches are set by path: one that leads out of the root is
/// followed, and told of for nothing, because no reader goes there.
class WatchTree {
 public:
  using Tell = std::function<void(std::string_view prefix)>;

  WatchTree(FileOps& files, std::vector<Root> roots) : files_(files), roots_(std::move(roots)) {}

  /// Begins anew: a fresh inotify descriptor and every watch. False when the system has no watches
  /// left; some may be set nevertheless.
  bool rebuild();
  /// Readable when something happened; -1 without one.
  int descriptor() const noexcept { return inotify_.get(); }
  /// Reads what happened, tells of it, and follows new directories. False when a watch was lost, or
  /// events were, and everything may have changed.
  bool handle_events(const Tell& tell);
  /// Whether the roots are still the directories that are watched.
  bool is_up_to_date();

 private:
  /// What a watched directory (or file, for a link) stands for.
  struct Spot {
    std::size_t root = 0;
    int depth = 0;       ///< 0: the root, 1: a repository, 2: a type
    std::string path;    ///< "", "r/", "r/t/"; of a link the resource's
    bool whole = false;  ///< any event in it means all of `path`
    bool operator==(const Spot&) const = default;
  };
  struct Identity {
    bool there = false;
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };

  Identity identity(const Root& root);
  std::string full_path(const Spot& spot, std::string_view name = {}) const;
  bool watch(const std::string& path, Spot spot, bool directory);
  void watch_directory(const Spot& spot);
  void watch_child(const Spot& spot, int dir, const std::string& name);
  void on_name(const Spot& spot, const std::string& name, bool appeared, const Tell& tell);
  bool on_event(int watch, std::uint32_t mask, const std::string& name, const Tell& tell);

  FileOps& files_;
  const std::vector<Root> roots_;
  std::vector<Identity> identities_;
  Fd inotify_;
  std::map<int, std::vector<Spot>> spots_;
  bool exhausted_ = false;
};

}  // namespace kbs::storage::local_fs
