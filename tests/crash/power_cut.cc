#include "crash/power_cut.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace kbs::crash {
namespace {

using Kind = Change::Kind;

/// Pending changes that are tried one by one; of more than this the oldest only at random.
constexpr std::size_t kSingles = 16;

[[noreturn]] void give_up(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

void write_file(const std::string& path, const Remains::File& file, std::map<ino_t, ino_t>& shown) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) give_up(path);
  const auto size = static_cast<ssize_t>(file.bytes.size());
  if (::write(fd.get(), file.bytes.data(), file.bytes.size()) != size) give_up(path);
  for (const auto& [name, value] : file.attributes) {
    if (::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) != 0) give_up(path);
  }
  const timespec times[2] = {{0, UTIME_OMIT}, file.mtime};
  if (::futimens(fd.get(), times) != 0) give_up(path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) give_up(path);
  shown[info.st_ino] = file.inode;
}

/// A name is set when it becomes another's, and gone when it is unlinked or moved away.
bool is_directory_change(const Change& change) noexcept {
  return change.kind == Kind::make || change.kind == Kind::link || change.kind == Kind::rename ||
         change.kind == Kind::unlink;
}

}  // namespace

std::size_t Remains::hash() const {
  std::size_t hash = 0;
  const auto mix = [&](std::size_t more) { hash = hash * 1099511628211u + more; };
  const std::hash<std::string> text;
  for (const Remnant& each : names) {
    mix(text(each.path));
    mix(each.object);
  }
  for (const auto& [object, file] : files) {
    mix(object);
    mix(text(file.bytes));
    mix(static_cast<std::size_t>(file.mtime.tv_sec * 1'000'000'000 + file.mtime.tv_nsec));
    for (const auto& [name, value] : file.attributes) mix(text(value));
  }
  return hash;
}

std::map<ino_t, ino_t> Remains::lay_out(const std::string& path) const {
  std::map<ino_t, ino_t> shown;
  std::map<ObjectId, std::string> first;
  for (const Remnant& each : names) {
    const std::string at = path + '/' + each.path;
    if (each.directory) {
      if (::mkdir(at.c_str(), 0700) != 0) give_up(at);
    } else if (const auto other = first.find(each.object); other != first.end()) {
      if (::link(other->second.c_str(), at.c_str()) != 0) give_up(at);
    } else {
      write_file(at, files.at(each.object), shown);
      first[each.object] = at;
    }
  }
  return shown;
}

void Disk::Content::apply(const Change& change, bool bytes_too, bool dates_too, bool half) {
  if (change.kind == Kind::write && bytes_too) {
    std::string_view part = change.bytes;
    if (half) part = part.substr(0, part.size() / 2);
    const auto at = static_cast<std::size_t>(change.offset);
    if (bytes.size() < at + part.size()) bytes.resize(at + part.size());
    bytes.replace(at, part.size(), part);
  }
  if (change.kind == Kind::truncate && bytes_too) {
    bytes.resize(static_cast<std::size_t>(change.offset));
  }
  if (!dates_too) return;
  if (change.kind == Kind::attribute) attributes[change.name] = change.bytes;
  if (change.kind != Kind::attribute) mtime = change.mtime;
}

void Disk::apply_half(const Change& change, bool second, std::map<std::string, ObjectId>& to) {
  if (second) {
    to[change.to_name] = change.object;
    return;
  }
  const bool takes_away = change.kind == Kind::unlink || change.kind == Kind::rename;
  if (!takes_away) {
    to[change.name] = change.object;
    return;
  }
  // Only the name that was meant: another file may have it by now, if a change between is dropped.
  const auto at = to.find(change.name);
  if (at != to.end() && at->second == change.object) to.erase(at);
}

void Disk::feed(const Change& change) {
  if (change.kind == Kind::make) {
    Object& made = objects_[change.object];
    made.directory = change.is_directory;
    made.inode = change.inode;
    made.synced.mtime = change.mtime;
  }
  if (is_directory_change(change)) {
    pending_.push_back({&change, true, change.kind == Kind::rename});
  } else if (change.kind == Kind::sync || change.kind == Kind::sync_data) {
    sync(change.object, change.kind == Kind::sync_data);
  } else {
    objects_[change.object].pending.push_back(&change);
  }
}

void Disk::sync(ObjectId id, bool data_only) {
  Object& object = objects_[id];
  if (!object.directory) {
    std::vector<const Change*> left;
    for (const Change* each : object.pending) {
      object.synced.apply(*each, true, !data_only, false);
      if (data_only && each->kind != Kind::write) left.push_back(each);
    }
    object.pending = std::move(left);
    return;
  }
  for (Pending& each : pending_) {
    if (each.second && each.change->to_directory == id) {
      apply_half(*each.change, true, object.entries);
      each.second = false;
    }
    if (each.first && each.change->directory == id) {
      apply_half(*each.change, false, object.entries);
      each.first = false;
    }
  }
  std::erase_if(pending_, [](const Pending& each) { return !each.first && !each.second; });
}

std::vector<Cut> Disk::cuts(std::mt19937_64& random, std::size_t samples) const {
  const std::vector<bool> all(pending_.size(), true);
  const std::vector<bool> none(pending_.size(), false);
  std::vector<Cut> cuts = {{all, {}, Left::whole, "nothing is lost"},
                           {none, {}, Left::nothing, "all that was not synced is lost"},
                           {none, {}, Left::whole, "names are lost, bytes are not"},
                           {all, {}, Left::nothing, "bytes are lost, names are not"},
                           {all, {}, Left::half, "half the bytes are lost"},
                           {all, {}, Left::bytes_only, "dates and attributes are lost"},
                           {all, {}, Left::dates_only, "only dates and attributes are left"}};
  const std::size_t singles = std::min(pending_.size(), kSingles);
  for (std::size_t i = pending_.size() - singles; i < pending_.size(); ++i) {
    Cut without{all, {}, Left::whole, "one change of a directory is lost"};
    without.applied[i] = false;
    cuts.push_back(std::move(without));
    for (Left left : {Left::whole, Left::nothing}) {
      Cut only{none, {}, left, "one change of a directory is all that is left"};
      only.applied[i] = true;
      cuts.push_back(std::move(only));
    }
  }
  for (std::size_t i = 0; i < samples && !pending_.empty(); ++i) {
    Cut cut{none, {}, Left::whole, "some is lost"};
    for (std::size_t bit = 0; bit < cut.applied.size(); ++bit) cut.applied[bit] = random() % 2 == 0;
    for (const auto& [id, object] : objects_) {
      if (!object.pending.empty()) cut.files[id] = static_cast<Left>(random() % 5);
    }
    cuts.push_back(std::move(cut));
  }
  return cuts;
}

Remains Disk::remains(const Cut& cut) const {
  Entries entries;
  for (const auto& [id, object] : objects_) {
    if (object.directory) entries[id] = object.entries;
  }
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (!cut.applied[i]) continue;
    const Pending& each = pending_[i];
    if (each.second) apply_half(*each.change, true, entries[each.change->to_directory]);
    if (each.first) apply_half(*each.change, false, entries[each.change->directory]);
  }
  Remains out;
  collect(entries, cut, 0, "", out);
  return out;
}

void Disk::collect(const Entries& entries, const Cut& cut, ObjectId directory,
                   const std::string& above, Remains& out) const {
  for (const auto& [name, id] : entries.at(directory)) {
    const Object& object = objects_.at(id);
    const std::string path = above + name;
    out.names.push_back({path, id, object.directory});
    if (object.directory) {
      collect(entries, cut, id, path + '/', out);
      continue;
    }
    if (out.files.contains(id)) continue;
    Content content = object.synced;
    const auto named = cut.files.find(id);
    const Left left = named == cut.files.end() ? cut.others : named->second;
    if (left != Left::nothing) {
      for (const Change* each : object.pending) {
        content.apply(*each, left != Left::dates_only, left != Left::bytes_only,
                      left == Left::half);
      }
    }
    out.files[id] = {std::move(content.bytes), content.mtime, std::move(content.attributes),
                     object.inode};
  }
}

}  // namespace kbs::crash
