#include "storage/kv/json_file.h"

#include <cerrno>

#include "storage/kv/stores.h"

namespace kbs::storage::kv {
namespace {

constexpr const char* kCannotRead = "cannot read the LocalJson file";
constexpr const char* kCannotWrite = "cannot write the LocalJson file";
/// How often a file that keeps changing under the reader is opened anew, and one that is absent
/// looked for again: a volume's `..data` may be swapped between one link and the next.
constexpr int kReadAttempts = 8;
constexpr int kAbsentAttempts = 3;

}  // namespace

/// As `read_regular` of files.h, with the state of the file that was read.
Step<std::optional<SecretBytes>> JsonFile::read(std::optional<Stat>& info) const {
  auto dir = open_directory(files_, dir_);
  if (!dir) return tl::unexpected(dir.error());
  for (int attempt = 1;; ++attempt) {
    auto file = open_regular(files_, dir->get(), name_);
    if (!file && is_absence(file.error().error)) {
      if (attempt < kAbsentAttempts) continue;
      return std::nullopt;
    }
    if (!file) return tl::unexpected(file.error());
    auto bytes = read_whole(files_, *file, kMaxFile);
    if (bytes) {
      info = file->info;
      return std::move(*bytes);
    }
    if (bytes.error().error != EAGAIN || attempt >= kReadAttempts) {
      return tl::unexpected(bytes.error());
    }
  }
}

Result<JsonFile::Snapshot> JsonFile::load() const {
  Snapshot snapshot;
  auto bytes = read(snapshot.info);
  if (!bytes) return fail(bytes.error(), kCannotRead, path());
  if (!*bytes) return snapshot;
  auto members = parse_members(as_text(**bytes));
  if (!members) {
    members.error().detail += ", " + path();
    return tl::unexpected(std::move(members).error());
  }
  snapshot.members = std::move(*members);
  return snapshot;
}

/// A ConfigMap shows its file as a link; replacing the link would cut the mount off unseen.
Result<> JsonFile::refuse_link(int dir) const {
  auto info = files_.lstat_at(dir, name_);
  if (!info || !S_ISLNK(info->st_mode)) return {};
  return fail(Failure{EROFS, "replace a link"}, kCannotWrite, path());
}

Result<Stat> JsonFile::save(const Members& members, timespec floor) const {
  const SecretBytes text = print_members(members);
  if (text.size() > kMaxFile) {
    return fail(ErrorKind::too_large, "the LocalJson file would grow too large");
  }
  auto dir = open_directory(files_, dir_);
  if (!dir) return fail(dir.error(), kCannotWrite, path());
  KBS_OK(refuse_link(dir->get()));
  // A file system that counts whole seconds, or pairs of them, drops a smaller difference.
  for (std::time_t step : {0, 2, 4}) {
    Replacement how;
    how.newer_than = timespec{floor.tv_sec + step, floor.tv_nsec};
    auto written = replace_durably(files_, dir->get(), name_, text, how);
    if (!written) return fail(written.error(), kCannotWrite, path());
    if (later(written->st_mtim, floor)) return *written;
  }
  return fail(ErrorKind::internal,
              "the file system of the LocalJson file keeps no modification times: move it to "
              "another",
              path());
}

}  // namespace kbs::storage::kv
