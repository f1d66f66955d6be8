// What the cache keeps, for how long, and what makes it forget.
#include "storage/cached/cached.h"

#include <gmock/gmock.h>

#include "storage/cached/cached_fixture.h"
#include "storage/testing/call.h"

namespace kbs::storage::cached {
namespace {

using kbs::testing::run;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using testing::Op;

TEST(Cached, AsksTheBackendOnceWithinTheTtl) {
  CachedStore s({.ttl = seconds(10)});
  s.put(kId, "one");
  EXPECT_EQ(s.read(kId), "one");
  s.put(kId, "two");
  s.clock.advance(milliseconds(9'999));
  EXPECT_EQ(s.read(kId), "one");
  EXPECT_EQ(s.reads(), 1u);
  s.clock.advance(milliseconds(1));
  EXPECT_EQ(s.read(kId), "two");
  EXPECT_EQ(s.reads(), 2u);
}

TEST(Cached, GivesEachCallerAllThatTheBackendSaid) {
  CachedStore s;
  const SysTime not_after = s.clock.now() + seconds(5);
  const VersionId version = s.put(kId, "one", {{}, false, "text/plain", not_after});
  for (int i = 0; i < 2; ++i) {
    auto found = run(s.backend->read(kId, {}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->version, version);
    EXPECT_EQ(found->metadata.content_type, "text/plain");
    EXPECT_EQ(found->metadata.not_after, not_after);
    EXPECT_EQ(found->metadata.size, 3u);
  }
  EXPECT_EQ(s.reads(), 1u);
}

TEST(Cached, BelievesInAbsenceOnlyAsLongAsItMay) {
  CachedStore never({.ttl = seconds(10)});
  EXPECT_EQ(never.read(kId), "<not_found>");
  never.put(kId, "one");
  EXPECT_EQ(never.read(kId), "one") << "by default not at all";

  CachedStore s({.ttl = seconds(10), .negative_ttl = seconds(3)});
  EXPECT_EQ(s.read(kId), "<not_found>");
  s.put(kId, "one");
  s.clock.advance(milliseconds(2'999));
  EXPECT_EQ(s.read(kId), "<not_found>");
  EXPECT_EQ(s.reads(), 1u);
  s.clock.advance(milliseconds(1));
  EXPECT_EQ(s.read(kId), "one");
}

TEST(Cached, NeverServesAValuePastItsEnd) {
  CachedStore s({.ttl = seconds(60), .stale_on_error = seconds(600)});
  s.put(kId, "one", {{}, false, "", s.clock.now() + seconds(5)});
  EXPECT_EQ(s.read(kId), "one");
  s.clock.advance(seconds(5));
  EXPECT_EQ(s.read(kId), "one");
  EXPECT_EQ(s.reads(), 1u);
  s.clock.advance(std::chrono::microseconds(1));
  EXPECT_EQ(s.read(kId), "<not_found>");
  s.store->fail_next(SIZE_MAX, ErrorKind::unavailable);
  EXPECT_EQ(s.read(kId), "<unavailable>") << "nor when the backend is down";
}

TEST(Cached, OtherFailuresAreNotKept) {
  for (ErrorKind kind : {ErrorKind::unavailable, ErrorKind::denied, ErrorKind::internal}) {
    CachedStore s({.ttl = seconds(10), .negative_ttl = seconds(10)});
    s.put(kId, "one");
    s.store->fail_next(1, kind);
    EXPECT_EQ(s.read(kId), '<' + std::string(to_string(kind)) + '>');
    EXPECT_EQ(s.read(kId), "one");
  }
}

TEST(Cached, NamedVersionsAndTheRecordsOfTheEncryptionPassThrough) {
  CachedStore s;
  const VersionId first = s.write(kId, "one");
  s.write(kId, "two");
  const ResourceId record{"_kbs", "journal", "1"};
  s.put(record, "old");
  EXPECT_EQ(s.read(record), "old");
  s.put(record, "new");
  EXPECT_EQ(s.read(record), "new");
  s.store->forget_calls();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(s.read(kId, first), "one");
  EXPECT_EQ(s.reads(), 3u);
  EXPECT_EQ(s.read(kId), "two");
}

/// Every change, by name.
struct Change {
  const char* name;
  Op op;
  std::function<awaitable<Result<>>(Backend&, const VersionId&)> make;
};

template <class T>
awaitable<Result<>> drop_value(awaitable<Result<T>> work) {
  auto result = co_await std::move(work);
  if (!result) co_return tl::unexpected(std::move(result).error());
  co_return Result<>();
}

const Change kChanges[] = {
    {"write", Op::write,
     [](Backend& b, const VersionId&) {
       return drop_value(b.write(kId, Secret::from_text("new"), WriteOptions()));
     }},
    {"remove", Op::remove,
     [](Backend& b, const VersionId&) { return b.remove(kId, RemoveOptions()); }},
    {"undelete", Op::undelete, [](Backend& b, const VersionId&) { return b.undelete(kId); }},
    {"destroy", Op::destroy, [](Backend& b, const VersionId& v) { return b.destroy(kId, v); }},
    {"replace", Op::replace,
     [](Backend& b, const VersionId& v) { return b.replace(kId, v, Secret::from_text("new")); }},
};

TEST(Cached, EveryChangeThroughItIsForgottenAtOnceWhateverCameOfIt) {
  for (const Change& change : kChanges) {
    for (bool fails : {false, true}) {
      SCOPED_TRACE(std::string(change.name) + (fails ? ", failing" : ""));
      CachedStore s({.ttl = seconds(100), .stale_on_error = seconds(100)});
      const VersionId version = s.write(kId, "one");
      s.write(kOther, "other");
      EXPECT_EQ(s.read(kId), "one");
      EXPECT_EQ(s.read(kOther), "other");
      if (fails) s.store->fail_next(1, ErrorKind::unavailable, change.op);
      (void)run(change.make(*s.backend, version));
      s.store->forget_calls();
      (void)s.read(kId);
      EXPECT_EQ(s.reads(), 1u);
      EXPECT_EQ(s.read(kOther), "other");
      EXPECT_EQ(s.reads(), 1u) << "nothing else is forgotten";
    }
  }
}

TEST(Cached, AChangeThatWasCutOffIsForgottenToo) {
  CachedStore s({.ttl = seconds(100)});
  s.write(kId, "one");
  s.store->hold(testing::FaultyBackend::Gate::after, Op::write);
  Call<Result<VersionId>> call(s.backend->write(kId, Secret::from_text("two"), WriteOptions()));
  ASSERT_TRUE(s.store->await_waiting(1));
  EXPECT_EQ(s.read(kId), "two");
  s.put(kId, "three");
  EXPECT_EQ(s.read(kId), "two");
  call.cancel();
  ASSERT_TRUE(call.wait());
  EXPECT_EQ(s.read(kId), "three");
}

TEST(Cached, AnAnswerUnderWayWhenAChangeCameIsNotKept) {
  struct Case {
    const char* why;
    std::function<void(CachedStore&)> change;
  };
  const Case cases[] = {
      {"a write through it", [](CachedStore& s) { s.write(kId, "new"); }},
      {"other hands, noticed",
       [](CachedStore& s) {
         s.put(kId, "new");
         s.store->tell("default/key/1");
       }},
      {"other hands, somewhere below",
       [](CachedStore& s) {
         s.put(kId, "new");
         s.store->tell("default/");
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    CachedStore s;
    s.put(kId, "old");
    s.store->hold(testing::FaultyBackend::Gate::after, Op::read);
    Call<Result<Resource>> before(s.backend->read(kId, {}));
    ASSERT_TRUE(s.store->await_waiting(1));
    c.change(s);
    Call<Result<Resource>> after(s.backend->read(kId, {}));
    ASSERT_TRUE(s.store->await_waiting(2)) << "who comes later must not share the older answer";
    ASSERT_TRUE(s.store->release_one());
    auto old = before.wait();
    ASSERT_TRUE(old && old->result && *old->result);
    EXPECT_EQ((*old->result)->value.expose_text(), "old");
    s.store->release();
    auto fresh = after.wait();
    ASSERT_TRUE(fresh && fresh->result && *fresh->result);
    EXPECT_EQ((*fresh->result)->value.expose_text(), "new");
    EXPECT_EQ(s.read(kId), "new");
    EXPECT_EQ(s.reads(), 2u);
  }
}

TEST(Cached, ForgetsWhatOtherHandsChangeAndNothingElse) {
  struct Case {
    const char* told;
    bool forgets;
    const char* why;
  };
  const Case cases[] = {
      {"", true, "everything"},
      {"default/", true, "a repository"},
      {"default/key/", true, "a type"},
      {"default/key/1", true, "the resource"},
      {"default/key/2", false, "another"},
      {"default/key/11", false, "a longer name"},
      {"other/", false, "another repository"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    CachedStore s;
    s.put(kId, "one");
    EXPECT_EQ(s.read(kId), "one");
    s.put(kId, "two");
    s.store->tell(c.told);
    EXPECT_EQ(s.read(kId), c.forgets ? "two" : "one");
  }
}

TEST(Cached, ListenersHearOfAChangeWhenTheCacheHasForgottenIt) {
  CachedStore s;
  s.put(kId, "one");
  EXPECT_EQ(s.read(kId), "one");
  std::string seen;
  auto subscription = s.backend->watch([&](std::string_view) { seen = s.read(kId); });
  s.put(kId, "two");
  s.store->tell(kId.path());
  EXPECT_EQ(seen, "two");
  EXPECT_EQ(s.store->listeners(), 2u);
  subscription.reset();
  s.backend.reset();
  EXPECT_EQ(s.store->listeners(), 0u) << "nothing keeps the cache alive";
}

TEST(Cached, ServesAnOldValueWhileTheBackendIsDownWithinItsBound) {
  struct Case {
    ErrorKind kind;
    milliseconds age;
    const char* want;
    const char* why;
  };
  const Case cases[] = {
      {ErrorKind::unavailable, seconds(10), "one", "just past the ttl"},
      {ErrorKind::rate_limited, seconds(10), "one", "asking more would not help"},
      {ErrorKind::unavailable, milliseconds(39'999), "one", "to the end of the bound"},
      {ErrorKind::unavailable, seconds(40), "<unavailable>", "and no longer"},
      {ErrorKind::denied, seconds(10), "<denied>", "an answer is an answer"},
      {ErrorKind::not_found, seconds(10), "<not_found>", "deleted"},
      {ErrorKind::internal, seconds(10), "<internal>", "a damaged store is not hidden"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    CachedStore s({.ttl = seconds(10), .stale_on_error = seconds(30)});
    s.put(kId, "one");
    EXPECT_EQ(s.read(kId), "one");
    s.clock.advance(c.age);
    s.store->fail_next(SIZE_MAX, c.kind);
    EXPECT_EQ(s.read(kId), c.want);
  }
}

TEST(Cached, AsksABackendThatIsDownOnceASecondAndRecovers) {
  CachedStore s({.ttl = seconds(10), .stale_on_error = seconds(30)});
  s.put(kId, "one");
  EXPECT_EQ(s.read(kId), "one");
  s.clock.advance(seconds(10));
  s.store->fail_next(SIZE_MAX, ErrorKind::unavailable);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(s.read(kId), "one");
  EXPECT_EQ(s.reads(), 2u);
  s.store->heal();
  s.put(kId, "two");
  EXPECT_EQ(s.read(kId), "one");
  s.clock.advance(seconds(1));
  EXPECT_EQ(s.read(kId), "two");
  EXPECT_EQ(s.read(kId), "two");
  EXPECT_EQ(s.reads(), 3u);
}

TEST(Cached, AnOldValueIsNotServedAfterADefiniteAnswerOrAChange) {
  CachedStore s({.ttl = seconds(10), .stale_on_error = seconds(100)});
  s.put(kId, "one");
  EXPECT_EQ(s.read(kId), "one");
  s.clock.advance(seconds(10));
  s.store->fail_next(1, ErrorKind::denied);
  EXPECT_EQ(s.read(kId), "<denied>");
  s.store->fail_next(1, ErrorKind::unavailable);
  EXPECT_EQ(s.read(kId), "<unavailable>") << "who lost the right to it gets it no more";
  EXPECT_EQ(s.read(kId), "one");
  s.store->fail_next(2, ErrorKind::unavailable);
  EXPECT_FALSE(run(s.backend->write(kId, Secret::from_text("two"), WriteOptions())));
  EXPECT_EQ(s.read(kId), "<unavailable>") << "the write may have happened";
}

TEST(Cached, ABackendThatHangsCostsOnlySomePatienceWhileThereIsAnOldValue) {
  CachedStore s({.ttl = seconds(10), .stale_on_error = seconds(100), .patience = milliseconds(20)});
  s.put(kId, "one");
  EXPECT_EQ(s.read(kId), "one");
  s.clock.advance(seconds(10));
  s.store->stall(Op::read);
  Call<Result<Resource>> call(s.backend->read(kId, {}));
  auto outcome = call.wait(seconds(10));
  ASSERT_TRUE(outcome && outcome->result && *outcome->result);
  EXPECT_EQ((*outcome->result)->value.expose_text(), "one");
}

TEST(Cached, AReadOfABackendThatHangsEndsByItself) {
  CachedStore s({.timeout = milliseconds(30)});
  s.store->stall(Op::read);
  EXPECT_EQ(s.read(kId), "<unavailable>");
  EXPECT_EQ(s.store->waiting(), 0u) << "the backend's call was cancelled";
}

}  // namespace
}  // namespace kbs::storage::cached
