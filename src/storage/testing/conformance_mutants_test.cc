// The suite tested: a backend with every hook passes, and each of these flaws is caught by the case
// that is about it. A case that cannot fail is a defect.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "storage/memory/memory.h"
#include "storage/testing/conformance.h"
#include "storage/testing/faulty_backend.h"

namespace kbs::storage::testing {
namespace {

using kbs::testing::ManualClock;
using kbs::testing::run;

enum class Flaw {
  none,
  down_is_absent,
  down_is_healthy,
  hangs,
  ignores_cancellation,
  forgets_conditions,
  compares_before_it_locks,
  serves_a_stale_value,
  acknowledges_and_forgets,
  keeps_history_after_removal,
  keeps_too_much,
  loses_the_past,
  destroys_the_current,
  rolls_dates_forward,
  serves_the_expired,
  serves_the_deleted,
  keeps_no_expiry,
  tears_values,
  leaks_names,
  goes_deaf,
};

/// A memory store, spoilt in one way.
class Mutant final : public Backend {
 public:
  Mutant(BackendPtr inner, Flaw flaw) : inner_(std::move(inner)), flaw_(flaw) {}

  const Capabilities& capabilities() const noexcept override { return inner_->capabilities(); }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    const bool stale = flaw_ == Flaw::serves_a_stale_value && options.version.empty();
    if (stale && ++reads_ % 8 == 0) {
      Result<Page> page = co_await inner_->versions(id, ListOptions());
      if (page && page->entries.size() > 1) options.version = page->entries[1].version;
    }
    const bool deleted = flaw_ == Flaw::serves_the_deleted && !options.version.empty();
    const bool undone = deleted && co_await inner_->undelete(id);
    Result<Resource> found = co_await inner_->read(id, options);
    if (undone) {
      const RemoveOptions softly{std::nullopt, true};
      (void)co_await inner_->remove(id, softly);
    }
    if (!found && flaw_ == Flaw::down_is_absent) {
      co_return fail(ErrorKind::not_found, "no such resource");
    }
    if (found && flaw_ == Flaw::tears_values && found->value.size() > 1000 && ++reads_ % 8 == 0) {
      found->value = Secret(found->value.expose().first(1000));
    }
    co_return found;
  }

  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    if (flaw_ == Flaw::forgets_conditions) options.if_version.reset();
    if (flaw_ == Flaw::keeps_no_expiry || flaw_ == Flaw::serves_the_expired) {
      options.not_after.reset();
    }
    if (flaw_ == Flaw::compares_before_it_locks && options.if_version) {
      const ReadOptions current;
      Result<Resource> now = co_await inner_->read(id, current);
      if (!now || now->version != *options.if_version) co_return fail(ErrorKind::conflict, "moved");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      options.if_version.reset();
    }
    if (flaw_ == Flaw::loses_the_past) (void)co_await inner_->remove(id, RemoveOptions());
    if (flaw_ == Flaw::acknowledges_and_forgets && ++writes_ % 8 == 0) co_return VersionId("lost");
    if (flaw_ == Flaw::ignores_cancellation && value.size() > 1000) {
      std::this_thread::sleep_for(std::chrono::seconds(1));  // deaf and blocking: the worst
    }
    co_return co_await inner_->write(std::move(id), std::move(value), std::move(options));
  }

  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    if (flaw_ == Flaw::forgets_conditions) options.if_version.reset();
    if (flaw_ == Flaw::keeps_history_after_removal) options.keep_for_undelete = true;
    co_return co_await inner_->remove(std::move(id), std::move(options));
  }

  awaitable<Result<>> undelete(ResourceId id) override {
    co_return co_await inner_->undelete(std::move(id));
  }

  awaitable<Result<Page>> list(ListOptions options) override {
    if (flaw_ == Flaw::leaks_names) options.prefix.clear();
    co_return co_await inner_->list(std::move(options));
  }

  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    co_return co_await inner_->versions(std::move(id), std::move(options));
  }

  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    if (flaw_ == Flaw::destroys_the_current) {
      const RemoveOptions softly{std::nullopt, true};
      (void)co_await inner_->remove(id, softly);
      Result<> gone = co_await inner_->destroy(id, version);
      (void)co_await inner_->undelete(id);
      co_return gone;
    }
    co_return co_await inner_->destroy(std::move(id), std::move(version));
  }

  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    if (flaw_ != Flaw::rolls_dates_forward) {
      co_return co_await inner_->replace(std::move(id), std::move(version), std::move(value));
    }
    Result<VersionId> written =
        co_await inner_->write(std::move(id), std::move(value), WriteOptions());
    if (!written) co_return tl::unexpected(written.error());
    co_return Result<>();
  }

  std::shared_ptr<void> watch(ChangeListener listener) override {
    if (flaw_ == Flaw::goes_deaf) return std::make_shared<int>(0);
    return inner_->watch(std::move(listener));
  }

  awaitable<Result<>> health() override {
    if (flaw_ == Flaw::down_is_healthy) co_return Result<>();
    co_return co_await inner_->health();
  }

 private:
  const BackendPtr inner_;
  const Flaw flaw_;
  std::atomic<unsigned> reads_{0};
  std::atomic<unsigned> writes_{0};
};

class MutantFixture final : public Fixture {
 public:
  explicit MutantFixture(Flaw flaw) : flaw_(flaw) {
    Capabilities can = store_->capabilities();
    can.notices_changes = true;
    store_->declare(can);
  }
  Backend& backend() override { return mutant_; }
  ManualClock* clock() override { return &clock_; }
  std::optional<std::size_t> kept_versions() override {
    return flaw_ == Flaw::keeps_too_much ? 4 : 5;
  }
  bool put_by_hand(const ResourceId& id, std::string_view value) override {
    const bool done = run(memory_->write(id, Secret::from_text(value), WriteOptions())).has_value();
    store_->tell(id.path());
    return done;
  }
  bool make_unavailable() override {
    store_->fail_next(SIZE_MAX, ErrorKind::unavailable);
    return true;
  }
  bool make_forbidden() override { return make_unavailable(); }
  bool stall() override {
    const auto for_ever = std::chrono::milliseconds::max();
    store_->stall({}, flaw_ == Flaw::hangs ? for_ever : std::chrono::milliseconds(50));
    return true;
  }
  std::chrono::milliseconds longest_call() override {
    const bool slow =
        flaw_ == Flaw::hangs || flaw_ == Flaw::ignores_cancellation || flaw_ == Flaw::goes_deaf;
    return slow ? std::chrono::milliseconds(300) : std::chrono::seconds(30);
  }
  void heal() override { store_->heal(); }

 private:
  const Flaw flaw_;
  ManualClock clock_;
  BackendPtr memory_ = memory::make({64u << 20, 5}, clock_);
  std::shared_ptr<FaultyBackend> store_ = std::make_shared<FaultyBackend>(memory_);
  Mutant mutant_{store_, flaw_};
};

Subject mutant(const char* name, Flaw flaw) {
  return {name, [flaw] { return std::make_unique<MutantFixture>(flaw); }};
}

struct Caught {
  const char* name;
  Flaw flaw;
  const char* by;
};
constexpr Caught kCaught[] = {
    {"DownIsAbsent", Flaw::down_is_absent, "WhatCannotBeReachedIsUnavailableAndNeverAbsent"},
    {"ForbiddenIsAbsent", Flaw::down_is_absent, "WhatIsForbiddenIsUnavailableAndNeverAbsent"},
    {"DownIsHealthy", Flaw::down_is_healthy, "WhatCannotBeReachedIsUnavailableAndNeverAbsent"},
    {"Hangs", Flaw::hangs, "EveryCallOnAHangingStoreEndsByItself"},
    {"IgnoresCancellation", Flaw::ignores_cancellation,
     "ACancelledWriteEndsPromptlyAndLeavesTheOldOrTheNew"},
    {"ForgetsConditions", Flaw::forgets_conditions, "IfVersionReplacesOnlyThat"},
    {"ForgetsConditionsAmongMany", Flaw::forgets_conditions, "EachResourceIsLinearizable"},
    {"ComparesBeforeItLocks", Flaw::compares_before_it_locks, "CompareAndSetLosesNoUpdate"},
    {"ServesAStaleValue", Flaw::serves_a_stale_value, "EachResourceIsLinearizable"},
    {"AcknowledgesAndForgets", Flaw::acknowledges_and_forgets, "EachResourceIsLinearizable"},
    {"KeepsHistoryAfterRemoval", Flaw::keeps_history_after_removal,
     "APlainRemovalDestroysTheHistory"},
    {"KeepsTooMuch", Flaw::keeps_too_much, "KeepsAsManyEarlierVersionsAsItSays"},
    {"LosesThePast", Flaw::loses_the_past, "KeepsAndServesEarlierVersions"},
    {"LosesThePastAmongMany", Flaw::loses_the_past, "EveryVersionHoldsWhatItsWriterWrote"},
    {"LosesThePastByPages", Flaw::loses_the_past, "ListsVersionsByPages"},
    {"LosesThePastInRollBack", Flaw::loses_the_past, "RollsBackByWritingAnew"},
    {"DestroysTheCurrent", Flaw::destroys_the_current, "DestroysOneEarlierVersionForGood"},
    {"RollsDatesForward", Flaw::rolls_dates_forward,
     "ReplaceExchangesTheBytesOfAVersionInItsPlace"},
    {"ReplacesWhatIsNewer", Flaw::rolls_dates_forward, "ReplaceNeverTouchesANewerValue"},
    {"ServesTheExpired", Flaw::serves_the_expired, "AnExpiredValueIsNotFound"},
    {"KeepsNoExpiry", Flaw::keeps_no_expiry, "AnEarlierVersionKeepsItsExpiry"},
    {"ServesTheDeleted", Flaw::serves_the_deleted, "WhatIsKeptForUndeleteIsUnseenUntilThen"},
    {"NeverDestroys", Flaw::keeps_history_after_removal, "APlainRemovalEndsWhatWasKeptForUndelete"},
    {"TearsValues", Flaw::tears_values, "ReadersNeverSeeATornOrEmptyValue"},
    {"LeaksNames", Flaw::leaks_names, "ListsByPagesInOrder"},
    {"GoesDeaf", Flaw::goes_deaf, "NoticesWhatOtherHandsChange"},
};

/// Set for the processes in which the flaws live.
constexpr const char* kVariable = "KBS_TEST_MUTANTS";

std::vector<Subject> mutants() {
  std::vector<Subject> all;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before main there is one thread
  if (std::getenv(kVariable) == nullptr) return all;
  for (const Caught& c : kCaught) all.push_back(mutant(c.name, c.flaw));
  return all;
}

INSTANTIATE_TEST_SUITE_P(WithEveryHook, Conformance, ::testing::Values(mutant("sound", Flaw::none)),
                         name_of);
// Run only by the test below, each in a process of its own.
INSTANTIATE_TEST_SUITE_P(Mutants, Conformance, ::testing::ValuesIn(mutants()), name_of);

/// Runs one case of this program; its exit status.
int run_case(const std::string& name) {
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=" + name;
  char* const arguments[] = {program.data(), filter.data(), nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int spawned = ::posix_spawn(&child, program.c_str(), &quiet, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  if (spawned != 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST(ConformanceSuite, CatchesEachFlaw) {
  ASSERT_EQ(::setenv(kVariable, "1", 1), 0);  // NOLINT(concurrency-mt-unsafe): nor are there more
  for (const Caught& c : kCaught) {
    const std::string name = std::string("Mutants/Conformance.") + c.by + '/' + c.name;
    EXPECT_EQ(run_case(name), 1) << c.by << " lets " << c.name << " pass";
  }
  // Run in the same way, what is sound passes.
  EXPECT_EQ(run_case("WithEveryHook/Conformance.IfVersionReplacesOnlyThat/sound"), 0);
}

}  // namespace
}  // namespace kbs::storage::testing
