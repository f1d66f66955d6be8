#pragma once
/// A disk of a few hundred kilobytes that a test can fill, and make read-only.

#include <memory>
#include <string>

#include "crash/flaky_files.h"

namespace kbs::crash {

/// A tmpfs of its own, in a mount namespace of this process, where the system allows that;
/// otherwise, or when `real` is false, a directory and a file layer that behaves like one.
class SmallDisk {
 public:
  explicit SmallDisk(bool real);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& path() const noexcept { return path_; }
  FlakyFiles& files() noexcept { return files_; }
  bool is_real() const noexcept { return mounted_; }

  void fill();
  void make_room();
  /// A real one is busy while a store on it is open: close it meanwhile.
  void set_read_only(bool read_only);

 private:
  std::string path_;
  bool mounted_ = false;
  FlakyFiles files_;
};

}  // namespace kbs::crash
