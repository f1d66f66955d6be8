#include <cerrno>

#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {
namespace {

/// How often a file that somebody rewrites in place is read anew.
constexpr int kReadAttempts = 8;

}  // namespace

SysTime updated_at(const Stat& info) {
  return SysTime{std::chrono::seconds(info.st_mtim.tv_sec) +
                 std::chrono::microseconds(info.st_mtim.tv_nsec / 1000)};
}

Metadata metadata_of(const Stat& info, Extra extra) {
  return {std::move(extra.content_type), static_cast<std::uint64_t>(info.st_size), updated_at(info),
          extra.not_after};
}

/// nullopt when it has expired.
Step<std::optional<Resource>> Store::take(const OpenFile& file, VersionId version) {
  // The attribute first: what is read after it is checked against the date it is bound to.
  auto extra = extra_of(services_.files, file);
  if (!extra) return tl::unexpected(extra.error());
  if (has_expired(*extra)) return std::nullopt;
  auto bytes = read_whole(services_.files, file, capabilities_.max_value_bytes);
  if (!bytes) return tl::unexpected(bytes.error());
  return Resource{Secret(std::move(*bytes)), std::move(version),
                  metadata_of(file.info, std::move(*extra))};
}

Step<std::optional<Resource>> Store::read_kept(const Names& names, const VersionId& version) {
  if (options_.versions == 0 || !Kept::parse(version)) return std::nullopt;
  auto root = open_root(0);
  if (!root) return tl::unexpected(root.error());
  auto file = open_regular(services_.files, (*root)->get(),
                           std::string(kHistory) + '/' + names.path + '/' + version);
  if (!file && is_absence(file.error().error)) return std::nullopt;
  if (!file) return tl::unexpected(file.error());
  return take(*file, version);
}

Step<std::optional<Resource>> Store::read_once(const Names& names, const VersionId& version) {
  // The current one first, also for an earlier one: of a deleted resource none is read. A value
  // that loses its place meanwhile is in the history before that.
  auto place = find(names, Want::value);
  if (!place) return tl::unexpected(place.error());
  if (!*place) return std::nullopt;
  const OpenFile& file = (*place)->file;
  VersionId current = version_of(file.info);
  if (!version.empty() && version != current) return read_kept(names, version);
  return take(file, std::move(current));
}

Result<Resource> Store::read(const ResourceId& id, const ReadOptions& options) {
  KBS_OK(check(id, Capabilities()));
  const Names names(id);
  for (int attempt = 1;; ++attempt) {
    auto resource = read_once(names, options.version);
    if (resource && *resource) return std::move(**resource);
    if (resource) {
      return fail(ErrorKind::not_found,
                  options.version.empty() ? "no such resource" : "no such version of the resource");
    }
    const int error = resource.error().error;
    const bool again = error == EAGAIN || error == ESTALE;
    if (!again || attempt >= kReadAttempts) {
      return fail(resource.error(), "cannot read the resource", names.path);
    }
  }
}

}  // namespace kbs::storage::local_fs
