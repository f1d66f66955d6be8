// What a mount's options may ask of its backend.
#include <gmock/gmock.h>

#include "base/log.h"
#include "storage/mounts/mounts_fixture.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::Op;

class Decorate : public ::testing::Test {
 protected:
  Decorate() { set_log_sink_for_testing(&log_); }
  ~Decorate() override {
    set_log_sink_for_testing(nullptr);
    pool_.join();
  }
  Result<Mount> decorate(const TestMount& mount) {
    return run(storage::decorate(mount.options, mount.store,
                                 Services{system_files(), clock_, pool_}, nullptr));
  }

  kbs::testing::ManualClock clock_;
  asio::thread_pool pool_{1};
  std::string log_;
};

/// Changes the options and what the backend says it can do.
using Tweak = std::function<void(MountOptions&, Capabilities&)>;

TestMount tweaked(const Tweak& tweak) {
  TestMount mount("m", "");
  Capabilities can = mount.can();
  tweak(mount.options, can);
  mount.store->declare(can);
  return mount;
}

TEST_F(Decorate, RefusesWhatCannotWork) {
  struct Case {
    Tweak tweak;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {[](auto& o, auto& can) {
         o.keep_deleted = true;
         can.undelete = false;
       },
       "keep_deleted", "nothing could be brought back"},
      {[](auto& o, auto& can) {
         o.encryption.emplace();
         can.write = false;
       },
       "encryption needs a backend that can be written", "nothing encrypted could come there"},
      {[](auto& o, auto&) {
         o.encryption.emplace();
         o.traits.name_template = "{tag}";
       },
       "{repository}, {type} and {tag}", "its records would take the names of resources"},
      {[](auto& o, auto&) {
         o.encryption.emplace();
         o.traits.allow_collisions = true;
       },
       "allow_name_collisions", "the second resource could not be read"},
      {[](auto& o, auto&) { o.timeout = milliseconds(0); }, "timeout", "no call could end well"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto made = decorate(tweaked(c.tweak));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_request);
    EXPECT_THAT(message(made), HasSubstr(c.says));
  }
}

TEST_F(Decorate, WarnsOfWhatIsIdle) {
  struct Case {
    Tweak tweak;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {[](auto& o, auto& can) {
         o.keep_deleted = o.read_only = true;
         can.undelete = false;
       },
       "keep_deleted does nothing", "nothing is deleted"},
      {[](auto& o, auto& can) {
         o.guest_versions = true;
         can.versions = false;
       },
       "guest_versions does nothing", "there are none"},
      {[](auto& o, auto& can) {
         o.traits.versions = 3;
         can.versions = false;
       },
       "versions does nothing", "it keeps none"},
      {[](auto& o, auto&) { o.cache = cached::Options{.ttl = seconds(0)}; },
       "the cache keeps nothing", "for no time"},
      {[](auto& o, auto&) { o.cache = cached::Options{.max_bytes = 0}; }, "the cache keeps nothing",
       "in no room"},
      {[](auto&, auto& can) { can.versions = false; }, "", "the default number says nothing"},
      {[](auto& o, auto& can) {
         o.traits.versions = 0;
         can.versions = false;
       },
       "", "none wanted, none kept"},
      {[](auto& o, auto&) {
         o.keep_deleted = o.guest_versions = true;
         o.traits.versions = 3;
         o.cache.emplace();
       },
       "", "all of it works"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    log_.clear();
    EXPECT_TRUE(decorate(tweaked(c.tweak)));
    if (std::string_view(c.says).empty()) {
      EXPECT_EQ(log_, "");
    } else {
      EXPECT_THAT(log_, HasSubstr(c.says));
      EXPECT_THAT(log_, HasSubstr("mount"));
    }
  }
}

TEST_F(Decorate, TheCacheIsWithinTheMountsTimeoutAndPatience) {
  const TestMount mount = tweaked([](auto& o, auto&) {
    o.timeout = milliseconds(100);
    o.cache = cached::Options{.ttl = seconds(10), .stale_on_error = seconds(100)};
  });
  const BackendPtr backend = decorate(mount)->backend;
  mount.put("r/t/1", "one");
  EXPECT_EQ(text(*backend, "r/t/1"), "one");
  EXPECT_EQ(text(*backend, "r/t/1"), "one");
  EXPECT_EQ(mount.store->calls(Op::read), 1u);
  clock_.advance(seconds(10));
  mount.store->stall(Op::read);
  EXPECT_EQ(text(*backend, "r/t/1"), "one") << "before the mount's own deadline";
  EXPECT_EQ(text(*backend, "r/t/2"), "<unavailable>");
}

TEST_F(Decorate, WithoutOptionsOnlyTheGuardIsAdded) {
  const TestMount mount("m", "");
  const BackendPtr backend = decorate(mount)->backend;
  mount.put("r/t/1", "one");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text(*backend, "r/t/1"), "one");
  EXPECT_EQ(mount.store->calls(Op::read), 3u) << "no cache unless it is asked for";
  EXPECT_EQ(log_, "");
}

}  // namespace
}  // namespace kbs::storage
