#include "storage/local_fs/watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

namespace kbs::storage::local_fs {
namespace {

/// How often we look whether a root was replaced or mounted over, which no event tells, and try
/// again when watches ran out.
constexpr int kLookMilliseconds = 2000;

constexpr const char* kNone =
    "cannot watch the resource directory for changes (raise "
    "fs.inotify.max_user_watches and max_user_instances)";

}  // namespace

std::shared_ptr<Watcher> Watcher::start(FileOps& files, std::vector<Root> roots) {
  const std::string first = roots.empty() ? "" : roots.front().path;
  std::shared_ptr<Watcher> watcher(new Watcher(files, std::move(roots)));
  watcher->stop_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watcher->stop_ || !watcher->tree_.rebuild()) {
    KBS_LOG(warn, "storage", kNone, {{"root", first}});
    return nullptr;
  }
  watcher->thread_ = std::thread([raw = watcher.get()] { raw->run(); });
  return watcher;
}

Watcher::~Watcher() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

std::shared_ptr<void> Watcher::subscribe(ChangeListener listener) {
  const std::lock_guard guard(lock_);
  const auto at = listeners_.insert(listeners_.end(), std::move(listener));
  return {&*at, [self = shared_from_this(), at](void*) mutable {
            {
              const std::lock_guard ending(self->lock_);
              self->listeners_.erase(at);
            }
            self.reset();
          }};
}

void Watcher::tell(std::string_view prefix) {
  const std::lock_guard guard(lock_);
  for (const ChangeListener& listener : listeners_) listener(prefix);
}

/// False when it is time to end.
bool Watcher::wait(bool degraded) {
  pollfd fds[2] = {{stop_.get(), POLLIN, 0}, {degraded ? -1 : tree_.descriptor(), POLLIN, 0}};
  (void)::poll(fds, 2, kLookMilliseconds);
  return (fds[0].revents & POLLIN) == 0;
}

void Watcher::run() {
  const auto told = [this](std::string_view prefix) { tell(prefix); };
  bool degraded = false;
  while (wait(degraded)) {
    const bool sound = !degraded && tree_.handle_events(told) && tree_.is_up_to_date();
    if (sound) continue;
    const bool rebuilt = tree_.rebuild();
    if (!rebuilt && !degraded) KBS_LOG(warn, "storage", kNone, {});
    degraded = !rebuilt;
    // Watched anew first, so that nothing is missed; while there are no watches everything may
    // have changed, again and again.
    tell("");
  }
}

}  // namespace kbs::storage::local_fs
