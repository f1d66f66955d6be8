#include "storage/memory/memory.h"

#include "storage/memory/store.h"

namespace kbs::storage::memory {
namespace {

/// No call waits for anything, so none needs a deadline.
class Memory final : public Backend {
 public:
  Memory(const Options& options, const Clock& clock) : store_(options, clock) {}

  const Capabilities& capabilities() const noexcept override { return store_.capabilities(); }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    KBS_CO_OK(check(id, capabilities()));
    co_return store_.read(id.path(), options.version);
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    KBS_CO_OK(check(id, capabilities()));
    KBS_CO_OK(check(options, value.size(), capabilities()));
    co_return store_.write(id.path(), std::move(value), options);
  }
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    KBS_CO_OK(check(id, capabilities()));
    KBS_CO_OK(check(options, capabilities()));
    co_return store_.remove(id.path(), options);
  }
  awaitable<Result<>> undelete(ResourceId id) override {
    if (!capabilities().undelete) co_return co_await Backend::undelete(std::move(id));
    KBS_CO_OK(check(id, capabilities()));
    co_return store_.undelete(id.path());
  }
  awaitable<Result<Page>> list(ListOptions options) override {
    KBS_CO_OK(check(options));
    co_return store_.list(options);
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    if (!capabilities().versions) {
      co_return co_await Backend::versions(std::move(id), std::move(options));
    }
    KBS_CO_OK(check(id, capabilities()));
    KBS_CO_OK(check(options));
    co_return store_.versions(id.path(), options);
  }
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    if (!capabilities().versions) {
      co_return co_await Backend::destroy(std::move(id), std::move(version));
    }
    KBS_CO_OK(check(id, capabilities()));
    co_return store_.destroy(id.path(), version);
  }
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    KBS_CO_OK(check(id, capabilities()));
    const WriteOptions plain;
    KBS_CO_OK(check(plain, value.size(), capabilities()));
    co_return store_.replace(id.path(), version, std::move(value));
  }
  awaitable<Result<>> health() override { co_return Result<>(); }

 private:
  Store store_;
};

}  // namespace

BackendPtr make(const Options& options, const Clock& clock) {
  return std::make_shared<Memory>(options, clock);
}

}  // namespace kbs::storage::memory
