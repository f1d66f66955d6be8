#include "kbs/audit/group_sync.h"

#include <map>
#include <mutex>
#include <vector>

namespace kbs::audit {

struct GroupSync::Waiter {
  std::shared_ptr<Fd> file;
  asio::any_io_executor executor;
  asio::steady_timer done;  // used on `executor` only
  bool answered = false;
  SysResult<> result;
};

struct GroupSync::Shared {
  FileOps& files;
  asio::thread_pool& pool;
  std::mutex mutex;
  std::vector<std::shared_ptr<Waiter>> waiting;
  bool working = false;
};

GroupSync::GroupSync(FileOps& files, asio::thread_pool& pool)
    : shared_(new Shared{files, pool, {}, {}, false}) {}

awaitable<Result<>> GroupSync::sync(std::shared_ptr<Fd> file, SteadyTime deadline) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::shared_ptr<Waiter> waiter(
      new Waiter{std::move(file), executor, asio::steady_timer(executor, deadline), false, {}});
  bool start = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->waiting.push_back(waiter);
    start = !std::exchange(shared_->working, true);
  }
  if (start) asio::post(shared_->pool, [shared = shared_] { work(*shared); });
  (void)co_await waiter->done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!waiter->answered)
    co_return fail(ErrorKind::unavailable, "timed out", "fdatasync of the audit trail");
  if (!waiter->result) {
    co_return tl::unexpected(error_from_errno(waiter->result.error(), "sync the audit trail"));
  }
  co_return Result<>();
}

void GroupSync::work(Shared& shared) {
  for (;;) {
    std::vector<std::shared_ptr<Waiter>> batch;
    {
      const std::lock_guard lock(shared.mutex);
      batch.swap(shared.waiting);
      if (batch.empty()) {
        shared.working = false;
        return;
      }
    }
    std::map<int, SysResult<>> results;  // by descriptor: two files only while one is rotated away
    for (std::shared_ptr<Waiter>& waiter : batch) {
      const int fd = waiter->file->get();
      auto found = results.find(fd);
      if (found == results.end()) found = results.emplace(fd, shared.files.fdatasync(fd)).first;
      const asio::any_io_executor executor = waiter->executor;
      asio::post(executor, [waiter = std::move(waiter), result = found->second] {
        waiter->answered = true;
        waiter->result = result;
        waiter->done.cancel();
      });
    }
  }
}

}  // namespace kbs::audit
