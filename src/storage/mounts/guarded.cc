#include "storage/mounts/guarded.h"

#include "storage/deadline.h"

namespace kbs::storage {
namespace {

Capabilities without_changes(Capabilities can) {
  can.write = can.remove = can.compare_and_set = can.undelete = can.expiry = can.replace = false;
  return can;
}

class Guarded final : public Backend {
 public:
  Guarded(BackendPtr inner, const MountOptions& options, const Clock& clock,
          MountObserver* observer)
      : inner_(std::move(inner)),
        name_(options.name),
        read_only_(options.read_only),
        timeout_(options.timeout),
        can_(read_only_ ? without_changes(inner_->capabilities()) : inner_->capabilities()),
        clock_(clock),
        observer_(observer) {}

  const Capabilities& capabilities() const noexcept override { return can_; }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    return ask("read", inner_->read(std::move(id), std::move(options)));
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    return change("write", inner_->write(std::move(id), std::move(value), std::move(options)));
  }
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    return change("remove", inner_->remove(std::move(id), std::move(options)));
  }
  awaitable<Result<>> undelete(ResourceId id) override {
    return change("undelete", inner_->undelete(std::move(id)));
  }
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    return change("destroy", inner_->destroy(std::move(id), std::move(version)));
  }
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    return change("replace", inner_->replace(std::move(id), std::move(version), std::move(value)));
  }
  awaitable<Result<Page>> list(ListOptions options) override {
    return ask("list", inner_->list(std::move(options)));
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    return ask("versions", inner_->versions(std::move(id), std::move(options)));
  }
  std::shared_ptr<void> watch(ChangeListener listener) override {
    return inner_->watch(std::move(listener));
  }
  awaitable<Result<>> health() override { return ask("health", inner_->health()); }

 private:
  template <class T>
  awaitable<Result<T>> ask(std::string_view operation, awaitable<Result<T>> work) {
    const SteadyTime begun = clock_.steady_now();
    Result<T> result = co_await with_deadline(std::move(work), inner_, timeout_);
    if (!result) name_mount(result.error(), name_);
    if (observer_ != nullptr) {
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady_now() - begun);
      observer_->called(name_, operation, took, result ? nullptr : &result.error());
    }
    co_return result;
  }

  /// `work` has not begun: a coroutine does nothing before it is awaited.
  template <class T>
  awaitable<Result<T>> change(std::string_view operation, awaitable<Result<T>> work) {
    if (read_only_) {
      co_return fail(ErrorKind::unsupported, "mount \"" + name_ + "\" is read-only");
    }
    co_return co_await ask(operation, std::move(work));
  }

  const BackendPtr inner_;
  const std::string name_;
  const bool read_only_;
  const std::chrono::milliseconds timeout_;
  const Capabilities can_;
  const Clock& clock_;
  MountObserver* const observer_;
};

}  // namespace

void name_mount(Error& error, const std::string& mount) {
  if (error.kind == ErrorKind::not_found || error.kind == ErrorKind::conflict) return;
  const std::string name = "mount \"" + mount + '"';
  if (error.message.find(name) == std::string::npos) error.message = name + ": " + error.message;
}

BackendPtr make_guarded(BackendPtr inner, const MountOptions& options, const Clock& clock,
                        MountObserver* observer) {
  return std::make_shared<Guarded>(std::move(inner), options, clock, observer);
}

}  // namespace kbs::storage
