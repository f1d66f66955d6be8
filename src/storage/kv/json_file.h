#pragma once
/// The file behind LocalJson: one JSON object, read whole and replaced whole. Everything here
/// blocks.

#include <chrono>
#include <optional>
#include <string>

#include "storage/files.h"
#include "storage/kv/json_members.h"

namespace kbs::storage::kv {

/// Thread-safe; the callers order their changes (`lock`).
class JsonFile {
 public:
  JsonFile(std::string dir, std::string name, FileOps& files)
      : dir_(std::move(dir)), name_(std::move(name)), files_(files) {}

  struct Snapshot {
    Members members;
    std::optional<Stat> info;  ///< of the very file that was read; nullopt: there is none yet
  };
  /// No file yet is an empty object.
  Result<Snapshot> load() const;
  /// Replaces the file by one whose modification time is later than `floor` and than that of the
  /// file in its place.
  Result<Stat> save(const Members& members, timespec floor) const;
  /// Where it is, for the operator's log.
  std::string path() const { return dir_ + '/' + name_; }
  const std::string& directory() const noexcept { return dir_; }

 private:
  Step<std::optional<SecretBytes>> read(std::optional<Stat>& info) const;
  Result<> refuse_link(int dir) const;

  const std::string dir_;
  const std::string name_;
  FileOps& files_;
};

}  // namespace kbs::storage::kv
