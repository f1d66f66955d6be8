#include "storage/mounts/mounts.h"

namespace kbs::storage {
namespace {

/// What a plain read gives; "" when the newest version has expired, or the resource is deleted.
awaitable<Result<VersionId>> current_version(Backend& backend, ResourceId id) {
  ListOptions newest;
  newest.limit = 1;
  KBS_CO_TRY(const Page page, co_await backend.versions(std::move(id), std::move(newest)));
  const bool current = !page.entries.empty() && page.entries.front().current;
  co_return current ? page.entries.front().version : VersionId();
}

}  // namespace

awaitable<Result<VersionId>> roll_back(Backend& backend, ResourceId id, VersionId version) {
  if (version.empty()) {
    co_return fail(ErrorKind::invalid_request, "say which version is to become the current one");
  }
  KBS_CO_TRY(const VersionId current, co_await current_version(backend, id));
  if (current == version) co_return current;
  const ReadOptions earlier{version};
  KBS_CO_TRY(Resource resource, co_await backend.read(id, earlier));
  WriteOptions options;
  options.content_type = resource.metadata.content_type;
  options.not_after = resource.metadata.not_after;
  if (current.empty()) {
    options.create_only = true;
  } else {
    options.if_version = current;
  }
  if (backend.capabilities().compare_and_set) {
    Secret value = resource.value.clone();
    Result<VersionId> written = co_await backend.write(id, std::move(value), options);
    // Among several mounts one may be without conditions.
    if (written || written.error().kind != ErrorKind::unsupported) co_return written;
  }
  options.if_version.reset();
  options.create_only = false;
  co_return co_await backend.write(std::move(id), std::move(resource.value), std::move(options));
}

}  // namespace kbs::storage
