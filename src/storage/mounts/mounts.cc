#include "storage/mounts/mounts.h"

#include <algorithm>

#include "storage/deadline.h"
#include "storage/mounts/guarded.h"
#include "storage/mounts/listing.h"

namespace kbs::storage {

struct Mounts::State {
  explicit State(std::vector<Mount> all) : mounts(std::move(all)), routes(mounts) {}
  const std::vector<Mount> mounts;
  const Routes routes;
  Capabilities can;
};

namespace {

constexpr std::size_t kLongestName = 64;

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::invalid_request, std::move(message));
}

Result<> check_one(const MountOptions& options) {
  if (options.name.size() > kLongestName || !is_resource_segment(options.name)) {
    return refuse("\"" + options.name +
                  "\" is no name for a mount: take 1 to 64 letters, digits, '_', '-' and '.', not "
                  "beginning with '.'");
  }
  if (options.prefix.empty()) return {};
  const std::string_view prefix = options.prefix;
  const std::size_t slash = prefix.find('/');
  const std::string_view repository = prefix.substr(0, slash);
  const bool type_is_good =
      slash == std::string_view::npos || is_resource_segment(prefix.substr(slash + 1));
  if (!is_resource_segment(repository) || !type_is_good) {
    return refuse("mount \"" + options.name + "\": \"" + options.prefix +
                  "\" is no prefix of resources: write \"repository\" or \"repository/type\", or "
                  "nothing for the default mount");
  }
  if (repository != encrypted::kOwnRepository) return {};
  return refuse("mount \"" + options.name + "\": the repository " + std::string(repository) +
                " is where encryption keeps its own records: take another");
}

Result<> check_pair(const MountOptions& a, const MountOptions& b) {
  if (a.name == b.name) {
    return refuse("two mounts have the name \"" + a.name + "\" (one for " +
                  (a.prefix.empty() ? "everything" : '"' + a.prefix + '"') + ", one for " +
                  (b.prefix.empty() ? "everything" : '"' + b.prefix + '"') +
                  "): give each a name of its own");
  }
  if (a.prefix != b.prefix) return {};
  const std::string both = "the mounts \"" + a.name + "\" and \"" + b.name + "\" ";
  if (a.prefix.empty()) {
    return refuse(both +
                  "are both for everything: only one can be the default mount, give the "
                  "other a repository");
  }
  return refuse(both + "are both for \"" + a.prefix + "\": give each a prefix of its own");
}

/// The widest limit of two; 0 is none.
template <class T>
T wider(T a, T b) {
  return a == 0 || b == 0 ? 0 : std::max(a, b);
}

Capabilities unite(const Capabilities& a, const Capabilities& b) {
  Capabilities can;
  can.write = a.write || b.write;
  can.remove = a.remove || b.remove;
  can.list = a.list || b.list;
  can.versions = a.versions || b.versions;
  can.compare_and_set = a.compare_and_set || b.compare_and_set;
  can.undelete = a.undelete || b.undelete;
  can.expiry = a.expiry || b.expiry;
  can.replace = a.replace || b.replace;
  can.notices_changes = a.notices_changes || b.notices_changes;
  can.max_value_bytes = wider(a.max_value_bytes, b.max_value_bytes);
  can.max_path_bytes = wider(a.max_path_bytes, b.max_path_bytes);
  can.max_segment_bytes = wider(a.max_segment_bytes, b.max_segment_bytes);
  return can;
}

tl::unexpected<Error> uncovered() { return fail(ErrorKind::not_found, "no such resource"); }

}  // namespace

Mounts::Mounts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Mounts::~Mounts() = default;

Result<std::shared_ptr<Mounts>> Mounts::make(std::vector<Mount> mounts) {
  for (auto one = mounts.begin(); one != mounts.end(); ++one) {
    KBS_OK(check_one(one->options));
    for (auto earlier = mounts.begin(); earlier != one; ++earlier) {
      KBS_OK(check_pair(earlier->options, one->options));
    }
  }
  auto state = std::make_unique<State>(std::move(mounts));
  for (const Mount& mount : state->mounts) {
    const bool first = &mount == state->mounts.data();
    const Capabilities& can = mount.backend->capabilities();
    state->can = first ? can : unite(state->can, can);
  }
  return std::shared_ptr<Mounts>(new Mounts(std::move(state)));
}

const Mount* Mounts::find(const ResourceId& id) const noexcept {
  return state_->routes.find(id.repository, id.type);
}

const Mount* Mounts::by_name(std::string_view name) const noexcept {
  const auto found = std::find_if(state_->mounts.begin(), state_->mounts.end(),
                                  [&](const Mount& mount) { return mount.options.name == name; });
  return found == state_->mounts.end() ? nullptr : &*found;
}

std::span<const Mount> Mounts::all() const noexcept { return state_->mounts; }

const Capabilities& Mounts::capabilities() const noexcept { return state_->can; }

Result<Backend*> Mounts::route(const ResourceId& id) const {
  // Before routing: a bad segment must not choose a mount.
  KBS_OK(check(id, Capabilities()));
  const Mount* mount = find(id);
  if (mount == nullptr) return uncovered();
  return mount->backend.get();
}

awaitable<Result<Resource>> Mounts::read(ResourceId id, ReadOptions options) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->read(std::move(id), std::move(options));
}

awaitable<Result<VersionId>> Mounts::write(ResourceId id, Secret value, WriteOptions options) {
  auto backend = route(id);
  if (!backend && backend.error().kind == ErrorKind::not_found) {
    co_return refuse("no storage mount covers the repository \"" + id.repository +
                     "\": add a mount for it, or one without a repository for all others");
  }
  KBS_CO_OK(backend);
  co_return co_await (*backend)->write(std::move(id), std::move(value), std::move(options));
}

awaitable<Result<>> Mounts::remove(ResourceId id, RemoveOptions options) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->remove(std::move(id), std::move(options));
}

awaitable<Result<>> Mounts::undelete(ResourceId id) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->undelete(std::move(id));
}

awaitable<Result<Page>> Mounts::list(ListOptions options) {
  return list_merged(state_->routes, std::move(options));
}

awaitable<Result<Page>> Mounts::versions(ResourceId id, ListOptions options) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->versions(std::move(id), std::move(options));
}

awaitable<Result<>> Mounts::destroy(ResourceId id, VersionId version) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->destroy(std::move(id), std::move(version));
}

awaitable<Result<>> Mounts::replace(ResourceId id, VersionId version, Secret value) {
  KBS_CO_TRY(Backend * backend, route(id));
  co_return co_await backend->replace(std::move(id), std::move(version), std::move(value));
}

std::shared_ptr<void> Mounts::watch(ChangeListener listener) {
  auto all = std::make_shared<std::vector<std::shared_ptr<void>>>();
  for (const Mount& mount : state_->mounts) {
    if (!mount.backend->capabilities().notices_changes) continue;
    std::shared_ptr<void> one = mount.backend->watch(listener);
    if (!one) return nullptr;  // half deaf is worse than deaf: it would not be noticed
    all->push_back(std::move(one));
  }
  if (all->empty()) return nullptr;
  return all;
}

awaitable<Result<>> Mounts::health() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::vector<std::shared_ptr<Running<void>>> calls;
  for (const Mount& mount : state_->mounts) {
    awaitable<Result<>> work = mount.backend->health();
    calls.push_back(
        start<void>(executor, with_deadline(std::move(work), mount.backend, mount.options.timeout),
                    mount.backend));
  }
  // One timer for all: each end wakes it, and it is set anew until none is left.
  const auto waiting = std::make_shared<asio::steady_timer>(executor, SteadyTime::max());
  for (const auto& call : calls) call->waiting = waiting;
  const auto ended = [](const auto& call) { return call->ended(); };
  while (!std::all_of(calls.begin(), calls.end(), ended)) {
    (void)co_await waiting->async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() == asio::cancellation_type::none) continue;
    for (const auto& call : calls) call->cancellation.emit(asio::cancellation_type::all);
    co_return fail(ErrorKind::unavailable, "cancelled");
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i]->thrown) std::rethrow_exception(calls[i]->thrown);
    Result<>& answer = *calls[i]->result;
    if (answer) continue;
    name_mount(answer.error(), state_->mounts[i].options.name);
    co_return std::move(answer);
  }
  co_return Result<>();
}

}  // namespace kbs::storage
