// What makes a table of mounts, and where a resource goes.
#include "storage/mounts/mounts.h"

#include <gmock/gmock.h>

#include <thread>

#include "storage/mounts/mounts_fixture.h"
#include "storage/testing/call.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using testing::Op;

TEST(Mounts, RefusesATableThatCannotBeMeant) {
  struct Case {
    std::vector<std::pair<std::string, std::string>> mounts;  ///< name and prefix
    std::vector<const char*> says;
    const char* why;
  };
  const Case cases[] = {
      {{{"a", "x"}, {"b", "x"}}, {"\"a\"", "\"b\"", "\"x\""}, "equal prefixes"},
      {{{"a", "x/y"}, {"c", "x"}, {"b", "x/y"}}, {"\"a\"", "\"b\"", "\"x/y\""}, "also of types"},
      {{{"a", ""}, {"b", ""}}, {"\"a\"", "\"b\"", "default"}, "two defaults"},
      {{{"a", "x"}, {"a", "y"}}, {"\"a\"", "\"x\"", "\"y\""}, "equal names"},
      {{{"", "x"}}, {"\"\"", "name"}, "no name"},
      {{{"a b", "x"}}, {"\"a b\""}, "a name with a space"},
      {{{"..", "x"}}, {"\"..\""}, "a name that is a path"},
      {{{std::string(65, 'n'), "x"}}, {"64"}, "a name without end"},
      {{{"a", "x/"}}, {"\"a\"", "\"x/\"", "repository"}, "half a prefix"},
      {{{"a", "/x"}}, {"\"a\"", "\"/x\""}, "half a prefix"},
      {{{"a", "x/y/z"}}, {"\"a\"", "\"x/y/z\""}, "a whole resource"},
      {{{"a", ".."}}, {"\"a\"", "\"..\""}, "not a repository"},
      {{{"a", "x/.y"}}, {"\"a\"", "\"x/.y\""}, "not a type"},
      {{{"a", "_kbs"}}, {"\"a\"", "_kbs"}, "where encryption keeps its records"},
      {{{"a", "_kbs/journal"}}, {"\"a\"", "_kbs"}, "or a part of it"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<Mount> mounts;
    for (const auto& [name, prefix] : c.mounts) mounts.push_back(TestMount(name, prefix).mount());
    auto made = Mounts::make(std::move(mounts));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_request);
    for (const char* part : c.says) EXPECT_THAT(message(made), ::testing::HasSubstr(part));
  }
}

TEST(Mounts, AResourceGoesToTheLongestPrefixOfWholeSegments) {
  const auto mounts = table(TestMount("default", ""), TestMount("repo", "ab"),
                            TestMount("type", "ab/key"), TestMount("lone", "zz/key"));
  struct Case {
    const char* path;
    const char* mount;
    const char* why;
  };
  const Case cases[] = {
      {"x/key/1", "default", "nothing else fits"},
      {"ab/cert/1", "repo", "the repository"},
      {"ab/key/1", "type", "repository and type: longer"},
      {"a/key/1", "default", "a shorter name is another"},
      {"abc/key/1", "default", "a longer one, too"},
      {"ab/keys/1", "repo", "a longer type"},
      {"ab/ke/1", "repo", "a shorter type"},
      {"ab-/key/1", "default", "'-' sorts before '/'"},
      {"zz/key/1", "lone", "a type without a mount for its repository"},
      {"zz/other/1", "default", "the rest of that repository"},
      {"Ab/key/1", "default", "capitals count"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Mount* mount = mounts->find(id_of(c.path));
    ASSERT_NE(mount, nullptr);
    EXPECT_EQ(mount->options.name, c.mount) << c.path;
    ASSERT_TRUE(write(*mounts, c.path, c.path));
    EXPECT_EQ(text(*mount->backend, c.path), c.path);
  }
  EXPECT_EQ(mounts->by_name("type"), mounts->find(id_of("ab/key/1")));
  EXPECT_EQ(mounts->by_name("none"), nullptr);
  std::vector<std::string> names;
  for (const Mount& mount : mounts->all()) names.push_back(mount.options.name);
  EXPECT_THAT(names, ::testing::ElementsAre("default", "repo", "type", "lone"));
}

TEST(Mounts, WhatNoMountCoversIsAbsentAndCannotBeWritten) {
  const TestMount a("a", "a");
  a.put("b/key/1");
  const auto mounts = table(a);
  const ResourceId id = id_of("b/key/1");
  EXPECT_EQ(mounts->find(id), nullptr);
  EXPECT_EQ(text(*mounts, "b/key/1"), "<not_found>");
  EXPECT_EQ(kind(run(mounts->remove(id, {}))), "not_found");
  EXPECT_EQ(kind(run(mounts->undelete(id))), "not_found");
  EXPECT_EQ(kind(run(mounts->versions(id, {}))), "not_found");
  EXPECT_EQ(kind(run(mounts->destroy(id, "1"))), "not_found");
  EXPECT_EQ(kind(run(mounts->replace(id, "1", Secret()))), "not_found");
  auto written = write(*mounts, "b/key/1", "x");
  EXPECT_EQ(kind(written), "invalid_request");
  EXPECT_THAT(message(written), ::testing::HasSubstr("\"b\""));
  EXPECT_TRUE(run(mounts->list({}))->entries.empty());
  EXPECT_EQ(a.store->calls(Op::read), 0u);

  const auto none = Mounts::make({}).value();
  EXPECT_EQ(text(*none, "a/b/c"), "<not_found>");
  EXPECT_EQ(kind(run(none->health())), "ok");
  EXPECT_FALSE(none->capabilities().write);
}

TEST(Mounts, WhatLiesUnderAnotherMountsPrefixIsUnseen) {
  const TestMount everything("everything", "");
  const TestMount vault("vault", "akv");
  everything.put("akv/key/1", "hidden");
  everything.put("default/key/1", "seen");
  vault.put("default/key/2", "hidden");
  vault.put("akv/key/2", "seen");
  const auto mounts = table(everything, vault);
  EXPECT_EQ(text(*mounts, "akv/key/1"), "<not_found>");
  EXPECT_EQ(text(*mounts, "default/key/2"), "<not_found>");
  EXPECT_THAT(paths(*run(mounts->list({}))), ::testing::ElementsAre("akv/key/2", "default/key/1"));
}

TEST(Mounts, ABadNameChoosesNoMount) {
  const TestMount a("a", "a/b");
  const auto mounts = table(a);
  for (const ResourceId& id : {ResourceId{"a/b", "..", "x"}, ResourceId{"a", "b", "../c"}}) {
    EXPECT_EQ(kind(run(mounts->read(id, {}))), "invalid_request");
    EXPECT_EQ(kind(run(mounts->write(id, Secret(), {}))), "invalid_request");
  }
  EXPECT_EQ(a.store->calls(), 0u);
}

TEST(Mounts, CanWhatOneOfThemCanAndRefusesWhereTheMountCannot) {
  const TestMount full("full", "");
  const TestMount poor("poor", "poor");
  Capabilities little;
  little.max_value_bytes = 100;
  poor.store->declare(little);
  const auto mounts = table(poor, full);
  const Capabilities& can = mounts->capabilities();
  EXPECT_TRUE(can.write && can.list && can.versions && can.compare_and_set && can.expiry);
  EXPECT_EQ(can.max_value_bytes, full.can().max_value_bytes);
  EXPECT_FALSE(table(poor)->capabilities().write);
  EXPECT_EQ(table(poor)->capabilities().max_value_bytes, 100u);
}

TEST(Mounts, HealthNamesTheMountThatIsDownAndAsksAllAtOnce) {
  const TestMount a("first", "a");
  const TestMount b("second", "b");
  const TestMount c("third", "c");
  const auto mounts = table(a, b, c);
  EXPECT_EQ(kind(run(mounts->health())), "ok");
  b.store->fail_next(1, ErrorKind::unavailable);
  EXPECT_THAT(message(run(mounts->health())), ::testing::StartsWith("mount \"second\": "));

  for (const TestMount* mount : {&a, &b, &c}) {
    mount->store->hold(testing::FaultyBackend::Gate::before, Op::health);
  }
  Call<Result<>> call(mounts->health());
  for (const TestMount* mount : {&a, &b, &c}) ASSERT_TRUE(mount->store->await_waiting(1));
  c.store->release();
  b.store->fail_next(1, ErrorKind::unavailable);
  b.store->release();
  a.store->release();
  auto outcome = call.wait();
  ASSERT_TRUE(outcome && outcome->result);
  EXPECT_EQ(kind(*outcome->result), "ok") << "b had been asked before it was told to fail";
}

TEST(Mounts, AMountThatHangsCannotHoldTheHealthOfAll) {
  TestMount hanging("hanging", "a");
  hanging.options.timeout = milliseconds(30);
  const TestMount sound("sound", "");
  hanging.store->stall(Op::health);
  const auto mounts = table(sound, hanging);
  auto health = run(mounts->health());
  EXPECT_EQ(kind(health), "unavailable");
  EXPECT_THAT(message(health), ::testing::HasSubstr("mount \"hanging\": no answer within 30 ms"));

  hanging.options.timeout = seconds(600);
  const auto patient = table(sound, hanging);
  Call<Result<>> call(patient->health());
  ASSERT_TRUE(hanging.store->await_waiting(1));
  call.cancel();
  EXPECT_TRUE(call.wait(seconds(5))) << "and the caller may go";
}

TEST(Mounts, TellsOfChangesInEveryMountThatNoticesThem) {
  const TestMount a("a", "a");
  const TestMount b("b", "b");
  const TestMount deaf("deaf", "");
  for (const TestMount* mount : {&a, &b}) {
    Capabilities can = mount->can();
    can.notices_changes = true;
    mount->store->declare(can);
  }
  const auto mounts = table(a, b, deaf);
  std::vector<std::string> heard;
  auto subscription = mounts->watch([&](std::string_view prefix) { heard.emplace_back(prefix); });
  ASSERT_NE(subscription, nullptr);
  a.store->tell("a/");
  b.store->tell("b/key/1");
  EXPECT_THAT(heard, ::testing::ElementsAre("a/", "b/key/1"));
  subscription.reset();
  EXPECT_EQ(a.store->listeners() + b.store->listeners(), 0u);
  b.store->refuse_watches();
  EXPECT_EQ(mounts->watch([](std::string_view) {}), nullptr) << "half deaf would go unnoticed";
  EXPECT_EQ(a.store->listeners(), 0u);
  EXPECT_EQ(table(deaf)->watch([](std::string_view) {}), nullptr);
}

TEST(RollBack, MakesAnEarlierValueTheCurrentOne) {
  const TestMount a("a", "");
  const auto mounts = table(a);
  const SysTime not_after = system_clock().now() + std::chrono::hours(1);
  WriteOptions first_options;
  first_options.content_type = "text/plain";
  first_options.not_after = not_after;
  const VersionId first = write(*mounts, "r/t/1", "one", first_options).value();
  const VersionId second = write(*mounts, "r/t/1", "two").value();
  auto third = run(roll_back(*mounts, id_of("r/t/1"), first));
  ASSERT_TRUE(third) << message(third);
  auto now = run(mounts->read(id_of("r/t/1"), {}));
  ASSERT_TRUE(now);
  EXPECT_EQ(now->value.expose_text(), "one");
  EXPECT_EQ(now->version, *third);
  EXPECT_EQ(now->metadata.content_type, "text/plain");
  EXPECT_EQ(now->metadata.not_after, not_after);
  EXPECT_EQ(text(*mounts, "r/t/1", second), "two") << "the way back stays open";

  const std::size_t writes = a.store->calls(Op::write);
  EXPECT_EQ(run(roll_back(*mounts, id_of("r/t/1"), *third)), *third) << "it is current already";
  EXPECT_EQ(a.store->calls(Op::write), writes);
}

TEST(RollBack, RefusesWhatCannotBe) {
  const TestMount a("a", "");
  const auto mounts = table(a);
  const ResourceId id = id_of("r/t/1");
  EXPECT_EQ(kind(run(roll_back(*mounts, id, "1"))), "not_found");
  const VersionId first = write(*mounts, "r/t/1", "one").value();
  EXPECT_EQ(kind(run(roll_back(*mounts, id, "no-such-version"))), "not_found");
  EXPECT_EQ(kind(run(roll_back(*mounts, id, ""))), "invalid_request");
  ASSERT_TRUE(write(*mounts, "r/t/1", "two"));
  ASSERT_TRUE(run(mounts->remove(id, {std::nullopt, true})));
  EXPECT_EQ(kind(run(roll_back(*mounts, id, first))), "not_found") << "deleted: undelete it first";
}

TEST(RollBack, LosesToAWriterWhoCameInBetween) {
  const TestMount a("a", "");
  const auto mounts = table(a);
  const VersionId first = write(*mounts, "r/t/1", "one").value();
  ASSERT_TRUE(write(*mounts, "r/t/1", "two"));
  a.store->hold(testing::FaultyBackend::Gate::before, Op::write);
  Call<Result<VersionId>> call(roll_back(*mounts, id_of("r/t/1"), first));
  ASSERT_TRUE(a.store->await_waiting(1));
  a.put("r/t/1", "three");
  a.store->release();
  auto outcome = call.wait();
  ASSERT_TRUE(outcome && outcome->result);
  EXPECT_EQ(kind(*outcome->result), "conflict");
  EXPECT_EQ(text(*mounts, "r/t/1"), "three");
}

TEST(RollBack, ReplacesAnExpiredValueByOneThatHolds) {
  kbs::testing::ManualClock clock;
  const BackendPtr store = memory::make({64u << 20, 5}, clock);
  const VersionId first = write(*store, "r/t/1", "one").value();
  WriteOptions soon;
  soon.not_after = clock.now() + seconds(1);
  ASSERT_TRUE(write(*store, "r/t/1", "two", soon));
  clock.advance(seconds(2));
  EXPECT_EQ(kind(run(roll_back(*store, id_of("r/t/1"), first))), "ok");
  EXPECT_EQ(text(*store, "r/t/1"), "one");
}

/// As a vault without conditions: its backend refuses them.
class Unconditional final : public Backend {
 public:
  explicit Unconditional(BackendPtr inner) : inner_(std::move(inner)) {
    can_ = inner_->capabilities();
    can_.compare_and_set = false;
  }
  const Capabilities& capabilities() const noexcept override { return can_; }
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    return inner_->read(std::move(id), std::move(options));
  }
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    KBS_CO_OK(check(options, value.size(), can_));
    co_return co_await inner_->write(std::move(id), std::move(value), std::move(options));
  }
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override {
    return inner_->versions(std::move(id), std::move(options));
  }
  awaitable<Result<>> health() override { return inner_->health(); }

 private:
  const BackendPtr inner_;
  Capabilities can_;
};

TEST(RollBack, GoesWithoutTheConditionWhereTheMountHasNone) {
  const TestMount full("full", "");
  TestMount vault("vault", "vault");
  const auto mounts =
      Mounts::make({full.mount(), {vault.options, std::make_shared<Unconditional>(vault.memory)}})
          .value();
  ASSERT_TRUE(mounts->capabilities().compare_and_set);
  const VersionId first = write(*mounts, "vault/t/1", "one").value();
  ASSERT_TRUE(write(*mounts, "vault/t/1", "two"));
  EXPECT_EQ(kind(run(roll_back(*mounts, id_of("vault/t/1"), first))), "ok");
  EXPECT_EQ(text(*mounts, "vault/t/1"), "one");
}

}  // namespace
}  // namespace kbs::storage
