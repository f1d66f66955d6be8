#include "kbs/plugins/current.h"

namespace kbs::plugins {
namespace {

using storage::Entry;
using storage::Mounts;

/// Who loses against other writers this often is told so.
constexpr int kTries = 8;

tl::unexpected<Error> absent() { return fail(ErrorKind::not_found, "no such resource"); }
tl::unexpected<Error> unmet() {
  return fail(ErrorKind::conflict, "the resource is not at a version that If-Match names");
}
tl::unexpected<Error> contended() {
  return fail(ErrorKind::conflict, "others keep changing the resource; look again, then repeat");
}

/// The first entry of a page when it is the resource itself as a read would find it.
Result<Entry> first_of(Result<storage::Page> page, const std::string& path) {
  if (!page) return tl::unexpected(std::move(page).error());
  if (page->entries.empty()) return absent();
  Entry& first = page->entries.front();
  if (first.path != path || !first.current) return absent();
  return std::move(first);
}

bool needs_lookup(const Precondition& condition) {
  return condition.exists || condition.versions.size() > 1;
}

/// The version to name to the backend.
awaitable<Result<storage::VersionId>> acceptable(Mounts& mounts, ResourceId id,
                                                 const Precondition& condition) {
  KBS_CO_TRY(Entry current, co_await find_current(mounts, std::move(id)));
  if (!condition.met_by(current.version)) co_return unmet();
  co_return std::move(current.version);
}

}  // namespace

awaitable<Result<Entry>> find_current(Mounts& mounts, ResourceId id) {
  const std::string path = id.path();
  const storage::Mount* mount = mounts.find(id);
  const storage::Capabilities can =
      mount ? mount->backend->capabilities() : storage::Capabilities{};
  storage::ListOptions one;
  one.limit = 1;
  if (can.versions) {
    auto page = co_await mounts.versions(std::move(id), std::move(one));
    co_return first_of(std::move(page), path);
  }
  if (can.list) {
    one.prefix = path;
    auto page = co_await mounts.list(std::move(one));
    co_return first_of(std::move(page), path);
  }
  storage::ReadOptions options;
  KBS_CO_TRY(storage::Resource resource, co_await mounts.read(std::move(id), std::move(options)));
  resource.metadata.size = resource.value.size();
  co_return Entry{path, std::move(resource.version), std::move(resource.metadata)};
}

awaitable<Result<storage::VersionId>> write_if(Mounts& mounts, ResourceId id, Secret value,
                                               storage::WriteOptions options,
                                               Precondition condition) {
  options.create_only = condition.absent;
  if (!needs_lookup(condition)) {
    if (!condition.versions.empty()) options.if_version = std::move(condition.versions.front());
    co_return co_await mounts.write(std::move(id), std::move(value), std::move(options));
  }
  for (int tries = 0; tries < kTries; ++tries) {
    auto version = co_await acceptable(mounts, id, condition);
    if (!version && version.error().kind == ErrorKind::not_found) co_return unmet();
    if (!version) co_return tl::unexpected(std::move(version).error());
    options.if_version = std::move(*version);
    auto written = co_await mounts.write(id, value.clone(), options);
    if (written || written.error().kind != ErrorKind::conflict) co_return written;
  }
  co_return contended();
}

awaitable<Result<>> remove_if(Mounts& mounts, ResourceId id, storage::RemoveOptions options,
                              Precondition condition) {
  if (condition.versions.size() <= 1) {
    // "It exists" is what a removal wants anyway.
    if (!condition.versions.empty()) options.if_version = std::move(condition.versions.front());
    co_return co_await mounts.remove(std::move(id), std::move(options));
  }
  for (int tries = 0; tries < kTries; ++tries) {
    KBS_CO_TRY(storage::VersionId version, co_await acceptable(mounts, id, condition));
    options.if_version = std::move(version);
    auto removed = co_await mounts.remove(id, options);
    if (removed || removed.error().kind != ErrorKind::conflict) co_return removed;
  }
  co_return contended();
}

}  // namespace kbs::plugins
