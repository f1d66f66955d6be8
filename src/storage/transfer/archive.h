#pragma once
/// What is inside an archive: records of resources, one behind the other. It is encrypted and
/// authenticated around this; docs/storage-commands.md has the format.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::storage::transfer {

/// The largest value an archive takes.
inline constexpr std::uint64_t kMaxArchivedValue = 1ull << 28;
/// What a value is read by where it is not wanted whole.
inline constexpr std::size_t kArchivePiece = 64u << 10;

struct ArchiveHead {
  SysTime created{};
  std::string prefix;
  bool history = false;
};

/// One version of a resource. Those of one resource stand together, oldest first; the last of them
/// is the current one.
struct ArchiveEntry {
  std::string path;
  std::string version;
  bool current = true;
  std::string content_type;
  SysTime updated{};
  std::optional<SysTime> not_after;
  std::uint64_t size = 0;
};

struct ArchiveCounts {
  std::uint64_t resources = 0;
  std::uint64_t versions = 0;
  std::uint64_t bytes = 0;  ///< of values
  friend bool operator==(const ArchiveCounts&, const ArchiveCounts&) = default;
};

/// Takes bytes in order.
using ByteSink = std::function<Result<>(std::span<const std::byte> bytes)>;
/// Gives the next bytes; how many, 0 at the end.
using ByteSource = std::function<Result<std::size_t>(std::span<std::byte> into)>;

class ArchiveWriter {
 public:
  explicit ArchiveWriter(ByteSink sink) : sink_(std::move(sink)) {}
  Result<> begin(const ArchiveHead& head);
  /// `too_large` when value or name are over the bounds of an archive; nothing is written then.
  Result<> add(const ArchiveEntry& entry, const Secret& value);
  Result<> finish();
  const ArchiveCounts& counts() const noexcept { return counts_; }

 private:
  Result<> put(std::string_view header);

  ByteSink sink_;
  ArchiveCounts counts_;
  std::string last_path_;
};

/// Refuses whatever is not an archive to its last byte (`invalid_request`).
class ArchiveReader {
 public:
  explicit ArchiveReader(ByteSource source) : source_(std::move(source)) {}
  Result<ArchiveHead> begin();
  /// The next record; its value must be read, or skipped, before the one after. Nullopt behind the
  /// last, when the counts were right and the source has ended.
  Result<std::optional<ArchiveEntry>> next();
  /// The value of the record, whole.
  Result<Secret> value();
  /// The same in pieces of `kArchivePiece`, the last one shorter.
  Result<> value(const std::function<void(std::span<const std::byte> piece)>& take);
  const ArchiveCounts& counts() const noexcept { return counts_; }

 private:
  Result<std::string> header();
  Result<> fill(std::span<std::byte> into);
  Result<> end(const std::string& header);

  ByteSource source_;
  ArchiveCounts counts_;
  std::string last_path_;
  std::uint64_t left_ = 0;  ///< of the value
};

}  // namespace kbs::storage::transfer
