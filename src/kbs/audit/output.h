#pragma once
/// Where the lines of the trail go: a file or standard output.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "kbs/audit/line.h"

namespace kbs::audit {

/// Writes whole lines, or knows which part of one got through. Not thread-safe: the trail's lock
/// guards it.
class Output {
 public:
  /// Opens the file for appending, creates it with 0600 when absent, and looks at how it ends.
  /// Refuses what is no regular file; messages name the path and the remedy.
  static Result<Output> open_file(FileOps& files, const std::string& path);
  static Output standard_output(FileOps& files);

  /// Appends `line`, which ends with its line feed, with one write(2). What a full or failing disk
  /// took of a line becomes a fragment on a line of its own.
  SysResult<> write_line(std::string_view line);

  /// What stands unfinished at the end; the next line to be written must be a signed one that lists
  /// them.
  const std::vector<Fragment>& fragments() const noexcept { return fragments_; }
  void forget_fragments() noexcept { fragments_.clear(); }

  const std::shared_ptr<Fd>& fd() const noexcept { return fd_; }
  /// fdatasync; nothing for standard output.
  SysResult<> sync() { return is_file_ ? files_->fdatasync(fd_->get()) : SysResult<>(); }
  bool is_file() const noexcept { return is_file_; }
  bool is_same_file_as(const Output& other) const noexcept {
    return is_file_ && other.is_file_ && device_ == other.device_ && inode_ == other.inode_;
  }

 private:
  Output(FileOps& files, std::shared_ptr<Fd> fd) : files_(&files), fd_(std::move(fd)) {}
  Result<> look_at_end(const std::string& path, off_t size);
  Result<> explain_tail(const std::string& path, std::string_view tail, bool more_before);

  FileOps* files_;
  std::shared_ptr<Fd> fd_;
  bool is_file_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool at_line_start_ = true;
  std::vector<Fragment> fragments_;
};

}  // namespace kbs::audit
