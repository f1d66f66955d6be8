// What every call of a mount gets: an end, a name, an observer.
#include "storage/mounts/guarded.h"

#include <gmock/gmock.h>

#include <mutex>

#include "storage/mounts/mounts_fixture.h"
#include "storage/testing/call.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using ::testing::HasSubstr;
using testing::Op;

template <class T>
awaitable<Result<>> drop_value(awaitable<Result<T>> work) {
  auto result = co_await std::move(work);
  if (!result) co_return tl::unexpected(std::move(result).error());
  co_return Result<>();
}

struct Operation {
  const char* name;
  bool changes;
  std::function<awaitable<Result<>>(Backend&)> start;
};

const Operation kOperations[] = {
    {"read", false, [](Backend& b) { return drop_value(b.read(id_of("r/t/1"), {})); }},
    {"write", true,
     [](Backend& b) { return drop_value(b.write(id_of("r/t/1"), Secret(), WriteOptions())); }},
    {"remove", true, [](Backend& b) { return b.remove(id_of("r/t/1"), {}); }},
    {"undelete", true, [](Backend& b) { return b.undelete(id_of("r/t/1")); }},
    {"list", false, [](Backend& b) { return drop_value(b.list({})); }},
    {"versions", false, [](Backend& b) { return drop_value(b.versions(id_of("r/t/1"), {})); }},
    {"destroy", true, [](Backend& b) { return b.destroy(id_of("r/t/1"), "1"); }},
    {"replace", true, [](Backend& b) { return b.replace(id_of("r/t/1"), "1", Secret()); }},
    {"health", false, [](Backend& b) { return b.health(); }},
};

class Notes final : public MountObserver {
 public:
  void called(const std::string& mount, std::string_view operation, std::chrono::microseconds took,
              const Error* failure) override {
    EXPECT_GE(took.count(), 0);
    lines.push_back(mount + ' ' + std::string(operation) + ' ' +
                    (failure == nullptr ? "ok" : std::string(to_string(failure->kind))));
  }
  std::vector<std::string> lines;
};

TEST(Guarded, AReadOnlyMountRefusesEveryChangeByName) {
  TestMount vault("vault", "");
  vault.options.read_only = true;
  vault.put("r/t/1", "value");
  const BackendPtr backend = make_guarded(vault.store, vault.options, system_clock(), nullptr);
  const Capabilities& can = backend->capabilities();
  EXPECT_FALSE(can.write || can.remove || can.undelete || can.compare_and_set || can.expiry ||
               can.replace);
  EXPECT_TRUE(can.list && can.versions);
  for (const Operation& operation : kOperations) {
    SCOPED_TRACE(operation.name);
    auto done = run(operation.start(*backend));
    if (!operation.changes) {
      EXPECT_EQ(kind(done), "ok");
      continue;
    }
    EXPECT_EQ(kind(done), "unsupported");
    EXPECT_EQ(message(done), "mount \"vault\" is read-only");
  }
  EXPECT_EQ(vault.store->calls(), 4u) << "no change reached the store";
  EXPECT_EQ(text(*backend, "r/t/1"), "value");
}

TEST(Guarded, ACallThatHangsIsCancelledAndEndsByName) {
  for (const Operation& operation : kOperations) {
    SCOPED_TRACE(operation.name);
    TestMount slow("slow", "");
    slow.options.timeout = milliseconds(30);
    slow.store->stall();
    const BackendPtr backend = make_guarded(slow.store, slow.options, system_clock(), nullptr);
    auto done = run(operation.start(*backend));
    EXPECT_EQ(kind(done), "unavailable");
    EXPECT_EQ(message(done), "mount \"slow\": no answer within 30 ms");
    EXPECT_EQ(slow.store->waiting(), 0u) << "the call was cancelled, not left behind";
  }
}

TEST(Guarded, ACancelledCallerGoesAtOnceAndTheCallIsCancelled) {
  for (const Operation& operation : kOperations) {
    SCOPED_TRACE(operation.name);
    const TestMount slow("slow", "");
    slow.store->stall();
    const BackendPtr backend = make_guarded(slow.store, slow.options, system_clock(), nullptr);
    Call<Result<>> call(operation.start(*backend));
    ASSERT_TRUE(slow.store->await_waiting(1));
    call.cancel();
    EXPECT_TRUE(call.wait(seconds(5)));
  }
}

/// Heeds no cancellation.
class Deaf final : public Backend {
 public:
  const Capabilities& capabilities() const noexcept override { return can_; }
  awaitable<Result<Resource>> read(ResourceId, ReadOptions) override {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(200));
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return Resource();
  }
  awaitable<Result<>> health() override { co_return Result<>(); }

 private:
  const Capabilities can_;
};

TEST(Guarded, ACallThatHeedsNothingIsLeftToItselfAndItsBackendStays) {
  MountOptions options;
  options.name = "deaf";
  options.timeout = milliseconds(10);
  std::string said;
  asio::io_context context(1);
  BackendPtr backend = make_guarded(std::make_shared<Deaf>(), options, system_clock(), nullptr);
  asio::co_spawn(context, backend->read(id_of("r/t/1"), {}),
                 [&](const std::exception_ptr&, const Result<Resource>& result) {
                   said = message(result);
                   backend.reset();  // as a reload of the configuration does
                 });
  const SteadyTime begun = std::chrono::steady_clock::now();
  while (said.empty()) context.run_one();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(190));
  EXPECT_EQ(said, "mount \"deaf\": no answer within 10 ms");
  context.run();
}

TEST(Guarded, ErrorsNameTheMountUnlessTheyAreAboutTheResource) {
  struct Case {
    ErrorKind kind;
    bool named;
  };
  const Case cases[] = {
      {ErrorKind::unavailable, true}, {ErrorKind::internal, true},  {ErrorKind::denied, true},
      {ErrorKind::unsupported, true}, {ErrorKind::too_large, true}, {ErrorKind::rate_limited, true},
      {ErrorKind::not_found, false},  {ErrorKind::conflict, false},
  };
  for (const Case& c : cases) {
    const TestMount mount("vault", "");
    mount.store->fail_next(1, c.kind);
    const BackendPtr inner = make_guarded(mount.store, mount.options, system_clock(), nullptr);
    const BackendPtr twice = make_guarded(inner, mount.options, system_clock(), nullptr);
    auto found = run(twice->read(id_of("r/t/1"), {}));
    EXPECT_EQ(found.error().kind, c.kind);
    EXPECT_EQ(message(found),
              std::string(c.named ? "mount \"vault\": " : "") + "the store was told to fail");
  }
}

TEST(Guarded, TheObserverHearsOfEveryCallThatReachedTheBackend) {
  Notes notes;
  TestMount vault("vault", "");
  const BackendPtr backend = make_guarded(vault.store, vault.options, system_clock(), &notes);
  ASSERT_TRUE(write(*backend, "r/t/1", "x"));
  for (const Operation& operation : kOperations) (void)run(operation.start(*backend));
  EXPECT_THAT(notes.lines,
              ::testing::ElementsAre("vault write ok", "vault read ok", "vault write ok",
                                     "vault remove ok", "vault undelete not_found", "vault list ok",
                                     "vault versions not_found", "vault destroy not_found",
                                     "vault replace not_found", "vault health ok"));
  notes.lines.clear();
  vault.options.read_only = true;
  vault.options.timeout = milliseconds(10);
  const BackendPtr fixed = make_guarded(vault.store, vault.options, system_clock(), &notes);
  (void)write(*fixed, "r/t/1", "x");
  EXPECT_TRUE(notes.lines.empty()) << "refused before the backend";
  vault.store->stall();
  (void)run(fixed->read(id_of("r/t/1"), {}));
  EXPECT_THAT(notes.lines, ::testing::ElementsAre("vault read unavailable"));
}

}  // namespace
}  // namespace kbs::storage
