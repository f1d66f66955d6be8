#include "storage/backend.h"

namespace kbs::storage {
namespace {

tl::unexpected<Error> unsupported(const char* operation) {
  return fail(ErrorKind::unsupported, std::string("this storage backend cannot ") + operation);
}

std::string bytes_text(std::uint64_t count) { return std::to_string(count) + " bytes"; }

}  // namespace

awaitable<Result<VersionId>> Backend::write(ResourceId, Secret, WriteOptions) {
  co_return unsupported("store resources: it is read-only");
}

awaitable<Result<>> Backend::remove(ResourceId, RemoveOptions) {
  co_return unsupported("delete resources");
}

awaitable<Result<>> Backend::undelete(ResourceId) {
  co_return unsupported("bring deleted resources back");
}

awaitable<Result<Page>> Backend::list(ListOptions) { co_return unsupported("list resources"); }

awaitable<Result<Page>> Backend::versions(ResourceId, ListOptions) {
  co_return unsupported("list versions: it keeps none");
}

awaitable<Result<>> Backend::destroy(ResourceId, VersionId) {
  co_return unsupported("destroy versions: it keeps none");
}

awaitable<Result<>> Backend::replace(ResourceId, VersionId, Secret) {
  co_return unsupported("exchange the bytes of a version in its place");
}

std::shared_ptr<void> Backend::watch(ChangeListener) { return nullptr; }

Result<> check(const ListOptions& options) {
  if (options.limit >= 1 && options.limit <= 1000) return {};
  return fail(ErrorKind::invalid_request, "the page size must be from 1 to 1000");
}

Result<> check(const ResourceId& id, const Capabilities& capabilities) {
  for (const std::string* segment : {&id.repository, &id.type, &id.tag}) {
    if (!is_resource_segment(*segment)) {
      return fail(ErrorKind::invalid_request, "not a resource name: want repository/type/tag");
    }
    if (capabilities.max_segment_bytes != 0 && segment->size() > capabilities.max_segment_bytes) {
      return fail(ErrorKind::invalid_request, "a segment of the resource name is longer than the " +
                                                  bytes_text(capabilities.max_segment_bytes) +
                                                  " that this storage backend can hold");
    }
  }
  const std::size_t path = id.repository.size() + id.type.size() + id.tag.size() + 2;
  if (capabilities.max_path_bytes != 0 && path > capabilities.max_path_bytes) {
    return fail(ErrorKind::invalid_request, "the resource name is longer than the " +
                                                bytes_text(capabilities.max_path_bytes) +
                                                " that this storage backend can hold");
  }
  return {};
}

Result<> check(const WriteOptions& options, std::uint64_t value_bytes,
               const Capabilities& capabilities) {
  if (options.not_after && !capabilities.expiry) return unsupported("let a resource expire");
  if ((options.if_version || options.create_only) && !capabilities.compare_and_set) {
    return unsupported("write under a condition");
  }
  if (capabilities.max_value_bytes != 0 && value_bytes > capabilities.max_value_bytes) {
    return fail(ErrorKind::too_large, "the value is larger than the " +
                                          bytes_text(capabilities.max_value_bytes) +
                                          " that this storage backend can hold");
  }
  return {};
}

Result<> check(const RemoveOptions& options, const Capabilities& capabilities) {
  if (options.keep_for_undelete && !capabilities.undelete) {
    return unsupported("keep a deleted resource for later");
  }
  if (options.if_version && !capabilities.compare_and_set) {
    return unsupported("delete under a condition");
  }
  return {};
}

}  // namespace kbs::storage
