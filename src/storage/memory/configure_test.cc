#include <gmock/gmock.h>

#include "base/testing/run.h"
#include "storage/memory/memory.h"
#include "storage/registry.h"
#include "storage/testing/settings_map.h"

namespace kbs::storage::memory {

BackendMaker configure(Settings& settings, const BackendTraits& traits);

namespace {

using kbs::testing::run;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SettingsMap;

class MemoryConfigure : public ::testing::Test {
 protected:
  ~MemoryConfigure() override { pool_.join(); }

  BackendPtr open(SettingsMap settings, const BackendTraits& traits = {}) {
    auto maker = configure(settings, traits);
    EXPECT_THAT(settings.problems, IsEmpty());
    EXPECT_THAT(settings.unread(), IsEmpty());
    return *maker({system_files(), system_clock(), pool_});
  }

  asio::thread_pool pool_{1};
};

TEST_F(MemoryConfigure, TheMountSaysHowManyVersionsAreKept) {
  EXPECT_TRUE(open(SettingsMap({}))->capabilities().versions) << "ten, when it says nothing";
  BackendTraits none;
  none.versions = 0;
  EXPECT_FALSE(open(SettingsMap({}), none)->capabilities().versions);
  BackendTraits two;
  two.versions = 2;
  const BackendPtr store = open(SettingsMap({}), two);
  const ResourceId id{"r", "t", "1"};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(store->write(id, Secret(), {})));
  EXPECT_EQ(run(store->versions(id, {}))->entries.size(), 3u);
}

TEST_F(MemoryConfigure, MaxSizeBoundsTheStore) {
  const BackendPtr store = open(SettingsMap({{"max_size", "65536"}}));
  const auto write = [&](const char* tag, std::size_t size) {
    return run(store->write({"r", "t", tag}, Secret::from_text(std::string(size, 'x')), {}));
  };
  EXPECT_TRUE(write("1", 40'000));
  EXPECT_EQ(write("2", 40'000).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(write("3", 70'000).error().kind, ErrorKind::too_large);
}

TEST_F(MemoryConfigure, WhatItCannotUseIsAProblem) {
  SettingsMap settings({{"max_size", "12"}});
  BackendTraits traits;
  traits.name_template = "{tag}";
  (void)configure(settings, traits);
  EXPECT_THAT(settings.problems, ElementsAre(HasSubstr("max_size"), HasSubstr("name_template")));
}

}  // namespace
}  // namespace kbs::storage::memory
