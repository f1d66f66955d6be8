#pragma once
/// The descriptor of a root, kept open.

#include <memory>
#include <mutex>
#include <string>

#include "storage/files.h"

namespace kbs::storage::local_fs {

using Directory = std::shared_ptr<const Fd>;

/// Thread-safe.
class RootDirectory {
 public:
  explicit RootDirectory(std::string path) : path_(std::move(path)) {}

  /// What stands at the path now: a root that was replaced, by `mv` or by a mount, is never served
  /// stale. A look at the path costs a third of opening it.
  Step<Directory> open(FileOps& files);

 private:
  struct Kept {
    Directory dir;
    dev_t device;
    ino_t inode;
  };

  const std::string path_;
  std::mutex lock_;
  Kept kept_{};
};

}  // namespace kbs::storage::local_fs
