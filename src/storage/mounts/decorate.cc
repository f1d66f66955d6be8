// What a mount's options make of an opened backend.
#include "base/log.h"
#include "storage/mounts/guarded.h"
#include "storage/mounts/mounts.h"

namespace kbs::storage {
namespace {

/// The default of `versions`, which says nothing about what the operator wants.
constexpr unsigned kDefaultVersions = BackendTraits().versions;
/// How long a caller waits for a hanging backend when there is an old value to be had.
constexpr std::chrono::milliseconds kPatience{2'000};

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::invalid_request, std::move(message));
}

bool says_all(std::string_view name_template) {
  if (name_template.empty()) return true;  // the backend's own way
  for (std::string_view field : {"{repository}", "{type}", "{tag}"}) {
    if (name_template.find(field) == std::string_view::npos) return false;
  }
  return true;
}

Result<> check_encryption(const MountOptions& options, const Capabilities& can) {
  if (!can.write) {
    return refuse(
        "encryption needs a backend that can be written, and this one cannot: remove "
        "[mounts.encryption]");
  }
  // Its own records lie in a repository of theirs, and each value is bound to its resource.
  if (!says_all(options.traits.name_template)) {
    return refuse(
        "with encryption the name template must say {repository}, {type} and {tag}: "
        "the encryption keeps records of its own beside the resources");
  }
  if (options.traits.allow_collisions) {
    return refuse(
        "encryption binds a value to its resource, so two resources cannot share a "
        "name: remove allow_name_collisions or [mounts.encryption]");
  }
  return {};
}

Result<> check_options(const MountOptions& options, const Capabilities& can) {
  if (options.timeout <= std::chrono::milliseconds(0)) {
    return refuse("the timeout must be more than nothing: \"30s\" is the default");
  }
  if (options.keep_deleted && !options.read_only && !can.undelete) {
    return refuse(
        "keep_deleted needs a backend that can bring deleted resources back, and this "
        "one cannot (with versions = 0 none can): remove keep_deleted");
  }
  if (options.encryption) return check_encryption(options, can);
  return {};
}

void warn_of_idle_options(const MountOptions& options, const Capabilities& can) {
  const auto warn = [&](std::string_view text) {
    log_line(LogLevel::warn, "storage", text, {{"mount", options.name}});
  };
  const unsigned versions = options.traits.versions;
  if (options.keep_deleted && options.read_only) {
    warn("keep_deleted does nothing on a read-only mount");
  }
  if (!can.versions && options.guest_versions) {
    warn("guest_versions does nothing: the backend keeps no versions");
  }
  if (!can.versions && versions != 0 && versions != kDefaultVersions) {
    warn("versions does nothing: the backend keeps none");
  }
  if (!options.cache) return;
  const cached::Options& cache = *options.cache;
  if ((cache.ttl + cache.stale_on_error + cache.negative_ttl).count() == 0 ||
      cache.max_bytes == 0) {
    warn("the cache keeps nothing: give it a ttl and a max_size, or remove [mounts.cache]");
  }
}

BackendPtr add_cache(BackendPtr inner, const MountOptions& options, const Clock& clock) {
  cached::Options cache = *options.cache;
  cache.timeout = options.timeout;
  cache.patience = std::min(kPatience, options.timeout / 2);
  return cached::make(std::move(inner), cache, clock);
}

}  // namespace

awaitable<Result<Mount>> decorate(MountOptions options, BackendPtr raw, Services services,
                                  MountObserver* observer) {
  KBS_CO_OK(check_options(options, raw->capabilities()));
  warn_of_idle_options(options, raw->capabilities());
  BackendPtr backend = raw;
  if (options.cache) backend = add_cache(std::move(backend), options, services.clock);
  if (options.encryption) {
    KBS_CO_TRY(backend, co_await encrypted::make(std::move(backend), *options.encryption, services,
                                                 options.name, raw));
  }
  backend = make_guarded(std::move(backend), options, services.clock, observer);
  co_return Mount{std::move(options), std::move(backend)};
}

}  // namespace kbs::storage
