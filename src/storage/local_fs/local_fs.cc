#include "storage/local_fs/local_fs.h"

#include "storage/local_fs/store.h"
#include "storage/local_fs/watcher.h"

namespace kbs::storage::local_fs {
namespace {

/// fsync of a slow disk takes long; longer than this and the caller hears that it is not known to
/// be stored.
constexpr auto kWriteDeadline = std::chrono::seconds(30);
constexpr auto kHealthDeadline = std::chrono::seconds(5);

Capabilities capabilities_of(const Options& options) {
  Capabilities can;
  can.write = can.remove = can.list = can.compare_and_set = true;
  can.versions = can.undelete = options.versions > 0;
  can.replace = can.notices_changes = true;
  can.max_value_bytes = options.max_value_bytes;
  can.max_segment_bytes = kMaxName;
  // The whole name in one directory entry, with two more `\x2F` of four characters for the two
  // slashes.
  if (options.layout == Layout::flat) can.max_path_bytes = kMaxName - 6;
  return can;
}

/// Reads are quicker than a hop to another thread and stay on the worker; what waits for the disk
/// goes to the pool. The store is shared with the jobs: one past its deadline may outlive this
/// object.
class LocalFs final : public Backend {
 public:
  LocalFs(std::shared_ptr<Store> store, Services services)
      : store_(std::move(store)), services_(services) {}

  const Capabilities& capabilities() const noexcept override { return store_->capabilities(); }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    co_return store_->read(id, options);
  }

  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    KBS_CO_OK(check(id, capabilities()));
    KBS_CO_OK(check(options, value.size(), capabilities()));
    auto job = [store = store_, id = std::move(id), value = std::move(value),
                options = std::move(options)] { return store->write(id, value, options); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    KBS_CO_OK(check(id, Capabilities()));
    KBS_CO_OK(check(options, capabilities()));
    auto job = [store = store_, id = std::move(id), options = std::move(options)] {
      return store->remove(id, options);
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<>> undelete(ResourceId id) override {
    if (!capabilities().undelete) co_return co_await Backend::undelete(std::move(id));
    KBS_CO_OK(check(id, capabilities()));
    auto job = [store = store_, id = std::move(id)] { return store->undelete(id); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<Page>> list(ListOptions options) override {
    auto job = [store = store_, options = std::move(options)] { return store->list(options); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    if (!capabilities().versions) {
      co_return co_await Backend::versions(std::move(id), std::move(options));
    }
    KBS_CO_OK(check(id, Capabilities()));
    KBS_CO_OK(check(options));
    auto job = [store = store_, id = std::move(id), options = std::move(options)] {
      return store->versions(id, options);
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    if (!capabilities().versions) {
      co_return co_await Backend::destroy(std::move(id), std::move(version));
    }
    KBS_CO_OK(check(id, Capabilities()));
    auto job = [store = store_, id = std::move(id), version = std::move(version)] {
      return store->destroy(id, version);
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    const WriteOptions plain;
    KBS_CO_OK(check(id, Capabilities()));
    KBS_CO_OK(check(plain, value.size(), capabilities()));
    auto job = [store = store_, id = std::move(id), version = std::move(version),
                value = std::move(value)] { return store->replace(id, version, value); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kWriteDeadline));
  }

  std::shared_ptr<void> watch(ChangeListener listener) override {
    std::shared_ptr<Watcher> watcher;
    {
      const std::lock_guard guard(watch_lock_);
      watcher = watcher_.lock();
      if (!watcher) watcher = Watcher::start(store_->files(), store_->options().roots);
      watcher_ = watcher;
    }
    return watcher ? watcher->subscribe(std::move(listener)) : nullptr;
  }

  awaitable<Result<>> health() override {
    // Not inline: a network file system that hangs must not take the worker with it.
    auto job = [store = store_] { return store->health(); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline(kHealthDeadline));
  }

 private:
  SteadyTime deadline(std::chrono::seconds from_now) const {
    return services_.clock.steady_now() + from_now;
  }

  const std::shared_ptr<Store> store_;
  const Services services_;
  std::mutex watch_lock_;
  std::weak_ptr<Watcher> watcher_;  ///< lives as long as its subscriptions
};

}  // namespace

Store::Store(Options options, Services services)
    : options_(std::move(options)),
      services_(services),
      capabilities_(capabilities_of(options_)),
      lock_file_(options_.lock_wait) {
  for (const Root& root : options_.roots) {
    roots_.push_back(std::make_unique<RootDirectory>(root.path));
  }
}

Result<> Store::prepare() {
  const std::string& root = options_.roots[0].path;
  auto opened = open_root(0);
  if (!opened && opened.error().error == ENOENT && options_.create) {
    if (auto made = make_path(services_.files, root); !made) {
      return fail(
          made.error(),
          "cannot make the resource directory " + root + " (make it, or set another `dir_path`)",
          root);
    }
    opened = open_root(0);
  }
  if (opened) {
    capabilities_.expiry = keeps_attributes();
    return {};
  }
  return fail(
      opened.error(),
      "cannot open the resource directory " + root + " (mend it, or set another `dir_path`)", root);
}

Result<BackendPtr> make(const Options& options, Services services) {
  if (options.roots.empty() || options.roots[0].path.empty()) {
    return fail(ErrorKind::invalid_request,
                "LocalFs needs a directory: set `dir_path` to the resource directory");
  }
  const Root& first = options.roots[0];
  if (!(options.layout == Layout::flat ? first.flat : first.tree)) {
    return fail(ErrorKind::invalid_request,
                "LocalFs would write names that it does not read: give its first root the "
                "`layout` it writes");
  }
  auto store = std::make_shared<Store>(options, services);
  KBS_OK(store->prepare());
  // A large tree takes a while, and nobody needs to wait for it.
  asio::post(services.blocking, [store] { store->sweep(); });
  return std::make_shared<LocalFs>(std::move(store), services);
}

}  // namespace kbs::storage::local_fs
