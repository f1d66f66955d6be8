#pragma once
/// What a store cannot do without: the system calls of a read and of a durable write, and no more.

#include <filesystem>
#include <span>

#include "base/file.h"
#include "base/result.h"

namespace kbs::bench {

/// One value in a directory of its own, for one thread.
class RawStore {
 public:
  /// `history`: each write links the old value into a second directory, where ten are kept.
  static Result<RawStore> make(const std::filesystem::path& dir, bool history);

  /// open, pread, close.
  Result<std::size_t> read(std::span<std::byte> into) const;
  /// open, write, fsync, rename, fsync of the directory; with history, before the rename, link and
  /// fsync of the other directory, and at the end an unlink there.
  Result<> write(std::span<const std::byte> value);

 private:
  static constexpr std::size_t kKept = 10;
  RawStore(Fd dir, Fd history, std::string path)
      : dir_(std::move(dir)), history_(std::move(history)), path_(std::move(path)) {}

  Fd dir_, history_;
  std::string path_;
  std::size_t writes_ = 0;
};

}  // namespace kbs::bench
