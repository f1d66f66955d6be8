#pragma once
/// What a power cut may leave of recorded file operations. Nothing is taken for granted that was
/// not synced: bytes of files, and each change of a directory, may have reached the disk or not, in
/// any combination, whatever their order was.

#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "storage/testing/recorded_files.h"

namespace kbs::crash {

using storage::testing::Change;
using storage::testing::ObjectId;

/// What is left of a file's bytes and dates since its last fsync.
enum class Left { whole, nothing, half, bytes_only, dates_only };

/// One way the cut may go.
struct Cut {
  std::vector<bool> applied;       ///< of each pending change of a directory
  std::map<ObjectId, Left> files;  ///< what is left of files not synced; others are whole
  Left others = Left::whole;       ///< of all that `files` does not name
  const char* why = "";
};

/// One name of what is left. Names of one object are hard links.
struct Remnant {
  std::string path;
  ObjectId object = 0;
  bool directory = false;
};
struct Remains {
  struct File {
    std::string bytes;
    timespec mtime{};
    std::map<std::string, std::string> attributes;
    ino_t inode = 0;
  };
  std::vector<Remnant> names;  ///< directories before what is in them
  std::map<ObjectId, File> files;

  /// The same for the same remains.
  std::size_t hash() const;
  /// Makes them in the empty directory `path`; returns the new inode of each and the one it stands
  /// for.
  std::map<ino_t, ino_t> lay_out(const std::string& path) const;
};

/// A disk that is fed a record change by change.
class Disk {
 public:
  void feed(const Change& change);
  /// The cuts to try now: all extremes, each pending change alone, dropped or applied, and
  /// `samples` at random.
  std::vector<Cut> cuts(std::mt19937_64& random, std::size_t samples) const;
  Remains remains(const Cut& cut) const;

 private:
  struct Content {
    std::string bytes;
    timespec mtime{};
    std::map<std::string, std::string> attributes;
    void apply(const Change& change, bool bytes_too, bool dates_too, bool half);
  };
  struct Object {
    bool directory = false;
    ino_t inode = 0;
    Content synced{};
    std::vector<const Change*> pending{};       ///< of a file
    std::map<std::string, ObjectId> entries{};  ///< of a directory, as far as durable
  };
  /// A change of one directory, or of two: each half becomes durable with its own directory.
  struct Pending {
    const Change* change;
    bool first = true;   ///< the half in `directory` is not durable yet
    bool second = true;  ///< the half in `to_directory`, if any
  };
  using Entries = std::map<ObjectId, std::map<std::string, ObjectId>>;

  static void apply_half(const Change& change, bool second, std::map<std::string, ObjectId>& to);
  void sync(ObjectId object, bool data_only);
  void collect(const Entries& entries, const Cut& cut, ObjectId directory, const std::string& above,
               Remains& out) const;

  std::map<ObjectId, Object> objects_{{0, Object{.directory = true}}};
  std::vector<Pending> pending_;
};

/// Shows files under the inode numbers they had when they were recorded: version ids are made of
/// them.
template <class Files>
class SameInodes final : public Files {
 public:
  template <class... Args>
  explicit SameInodes(std::map<ino_t, ino_t> shown, Args&&... args)
      : Files(std::forward<Args>(args)...), shown_(std::move(shown)) {}
  SysResult<struct stat> fstat(int fd) override { return show(Files::fstat(fd)); }
  SysResult<struct stat> lstat_at(int dir, const std::string& name) override {
    return show(Files::lstat_at(dir, name));
  }

 private:
  SysResult<struct stat> show(SysResult<struct stat> info) const {
    if (!info) return info;
    const auto at = shown_.find(info->st_ino);
    if (at != shown_.end()) info->st_ino = at->second;
    return info;
  }
  const std::map<ino_t, ino_t> shown_;
};

}  // namespace kbs::crash
