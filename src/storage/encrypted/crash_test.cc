// The store breaks off after any number of calls, and another process opens what is left: the old
// value or the new one, and what was acknowledged is there.
#include <gmock/gmock.h>

#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;

/// A backend whose process dies at call `last` + 1: before it is done, or after it was done and
/// before the answer came.
class Dying final : public Backend {
 public:
  Dying(BackendPtr inner, std::size_t last, bool done)
      : inner_(std::move(inner)), left_(last), done_(done) {}
  bool died() const { return died_; }

  const Capabilities& capabilities() const noexcept override { return inner_->capabilities(); }
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    return live(inner_->read(std::move(id), std::move(options)));
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    return live(inner_->write(std::move(id), std::move(value), std::move(options)));
  }
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    return live(inner_->remove(std::move(id), std::move(options)));
  }
  awaitable<Result<>> undelete(ResourceId id) override {
    return live(inner_->undelete(std::move(id)));
  }
  awaitable<Result<Page>> list(ListOptions options) override {
    return live(inner_->list(std::move(options)));
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    return live(inner_->versions(std::move(id), std::move(options)));
  }
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override {
    return live(inner_->destroy(std::move(id), std::move(version)));
  }
  awaitable<Result<>> replace(ResourceId id, VersionId version, Secret value) override {
    return live(inner_->replace(std::move(id), std::move(version), std::move(value)));
  }
  awaitable<Result<>> health() override { return live(inner_->health()); }

 private:
  template <class T>
  awaitable<Result<T>> live(awaitable<Result<T>> call) {
    const bool last = left_ == 0;
    if (!last) --left_;
    if (died_ || (last && !done_)) {
      died_ = true;
      co_return fail(ErrorKind::unavailable, "dead");
    }
    Result<T> result = co_await std::move(call);
    if (!last) co_return result;
    died_ = true;
    co_return fail(ErrorKind::unavailable, "dead");
  }

  const BackendPtr inner_;
  std::size_t left_;
  const bool done_;
  bool died_ = false;
};

/// A step, and what may be read afterwards: `before` or `after`.
struct Step {
  const char* why;
  Result<> (*act)(Backend& backend);
  const char* before;
  const char* after;
};

Result<> write(Backend& backend, const char* value, WriteOptions how = {}) {
  auto written = run(backend.write(kId, Secret::from_text(value), std::move(how)));
  if (!written) return tl::unexpected(std::move(written).error());
  return {};
}
Result<> first(Backend& backend) { return write(backend, "one"); }
Result<> second(Backend& backend) { return write(backend, "two"); }
Result<> remove(Backend& backend) { return run(backend.remove(kId, RemoveOptions{})); }
Result<> put_away(Backend& backend) {
  return run(backend.remove(kId, RemoveOptions{std::nullopt, true}));
}
Result<> undelete(Backend& backend) { return run(backend.undelete(kId)); }
Result<> destroy_newest(Backend& backend) {
  KBS_TRY(const Page page, run(backend.versions(kId, ListOptions{})));
  return run(backend.destroy(kId, page.entries.at(0).version));
}

constexpr Step kCreate{"create", first, "<not_found>", "one"};
constexpr Step kOverwrite{"overwrite", second, "one", "two"};
constexpr Step kRemove{"delete", remove, "two", "<not_found>"};
constexpr Step kCreateAgain{"create what was deleted", first, "<not_found>", "one"};
constexpr Step kOverwriteAgain{"overwrite again", second, "one", "two"};
constexpr Step kPutAway{"delete for undelete", put_away, "two", "<not_found>"};
constexpr Step kUndelete{"undelete", undelete, "<not_found>", "two"};
constexpr Step kPutAwayAgain{"delete for undelete again", put_away, "two", "<not_found>"};
constexpr Step kDestroy{"destroy the newest kept", destroy_newest, "<not_found>", "<not_found>"};
constexpr Step kUndeleteNext{"undelete what is left", undelete, "<not_found>", "one"};

const std::vector<Step> kSteps = {kCreate,         kOverwrite,   kRemove,   kCreateAgain,
                                  kOverwriteAgain, kPutAway,     kUndelete, kPutAwayAgain,
                                  kDestroy,        kUndeleteNext};

/// Runs the steps on a store that dies after `calls` calls, then looks; false when all were done.
bool dies_after(std::size_t calls, bool done, const Tuning& tuning) {
  TestStore s;
  s.tuning = tuning;
  const auto dying = std::make_shared<Dying>(s.inner, calls, done);
  auto opened = run(open_store(dying, s.options, s.services(), "test", nullptr, tuning));
  const Step* broken = nullptr;
  std::string acknowledged = "<not_found>";
  for (const Step& step : kSteps) {
    if (!opened || dying->died()) break;
    if (step.act(**opened)) {
      acknowledged = step.after;
    } else {
      broken = &step;
      break;
    }
  }
  if (opened) opened->reset();
  if (!s.open()) {
    ADD_FAILURE() << "cannot be opened again: " << message_of(s.another());
    return dying->died();
  }
  const std::string now = s.read(kId);
  if (broken != nullptr) {
    EXPECT_THAT(now, AnyOf(broken->before, broken->after)) << "broken off: " << broken->why;
  } else {
    EXPECT_EQ(now, acknowledged);
  }
  EXPECT_THAT(s.verify(), IsEmpty());
  EXPECT_EQ(s.read(kId), now) << "and it stays so";
  EXPECT_EQ(kind_of(s.write(kId, "next")), "ok");
  EXPECT_EQ(s.read(kId), "next");
  EXPECT_THAT(s.verify(), IsEmpty());
  EXPECT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "next");
  return dying->died();
}

void dies_everywhere(const Tuning& tuning) {
  for (const bool done : {false, true}) {
    std::size_t calls = 0;
    while (calls < 2000) {
      SCOPED_TRACE(std::to_string(calls) + (done ? " calls, the last unanswered" : " calls"));
      if (!dies_after(calls, done, tuning)) break;
      if (::testing::Test::HasFailure()) return;
      ++calls;
    }
    EXPECT_GT(calls, 40u) << "there was something to break";
    EXPECT_LT(calls, 2000u);
  }
}

TEST(Crash, AtAnyCallLeavesTheOldOrTheNew) { dies_everywhere(Tuning{}); }

TEST(Crash, AmidCheckpointsToo) {
  dies_everywhere(Tuning{
      .records_per_checkpoint = 2, .part_bytes = 100, .keep_superseded = std::chrono::seconds(0)});
}

TEST(Crash, WhatArrivesLateIsMet) {
  // The write timed out here and still happens there, after this process gave up.
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "old"));
  s.inner->fail_next(1, ErrorKind::unavailable, testing::Op::write);
  EXPECT_EQ(kind_of(s.write(kId, "lost")), "unavailable") << "its announcement was";
  EXPECT_EQ(s.read(kId), "old");
  EXPECT_EQ(kind_of(s.write(kId, "new")), "ok");
  EXPECT_EQ(s.read(kId), "new");
  EXPECT_THAT(s.verify(), IsEmpty());
}

}  // namespace
}  // namespace kbs::storage::encrypted
