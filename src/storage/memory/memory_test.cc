#include "storage/memory/memory.h"

#include "storage/testing/conformance.h"

namespace kbs::storage::memory {
namespace {

using kbs::testing::ManualClock;
using kbs::testing::run;
using testing::Conformance;
using testing::Subject;

class MemoryFixture final : public testing::Fixture {
 public:
  MemoryFixture(std::uint64_t room, unsigned versions)
      : versions_(versions), backend_(make({room, versions}, clock_)) {}
  Backend& backend() override { return *backend_; }
  ManualClock* clock() override { return &clock_; }
  std::optional<std::size_t> kept_versions() override {
    return versions_ >= 3 ? std::optional<std::size_t>(versions_) : std::nullopt;
  }

 private:
  const unsigned versions_;
  ManualClock clock_;
  BackendPtr backend_;
};

template <std::uint64_t room, unsigned versions>
std::unique_ptr<testing::Fixture> fixture() {
  return std::make_unique<MemoryFixture>(room, versions);
}

INSTANTIATE_TEST_SUITE_P(Memory, Conformance,
                         ::testing::Values(Subject{"ten_versions", fixture<64u << 20, 10>},
                                           Subject{"three_versions", fixture<64u << 20, 3>},
                                           Subject{"no_versions", fixture<4u << 20, 0>}),
                         testing::name_of);

TEST(Memory, AFullStoreSaysSoAndForgetsNothing) {
  const ManualClock clock;
  const BackendPtr store = make({10'000, 0}, clock);
  const auto write = [&](const char* tag, std::size_t size) {
    return run(store->write({"r", "t", tag}, Secret::from_text(std::string(size, 'x')), {}));
  };
  ASSERT_TRUE(write("1", 4000));
  ASSERT_TRUE(write("2", 4000));
  auto third = write("3", 4000);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(run(store->read({"r", "t", "1"}, {}))->value.size(), 4000u);
  EXPECT_TRUE(write("1", 5000)) << "an overwrite gives the old room back";
  EXPECT_TRUE(run(store->remove({"r", "t", "2"}, {})));
  EXPECT_TRUE(write("3", 4000));
}

TEST(Memory, EarlierVersionsCountAndGiveTheirRoomBack) {
  const ManualClock clock;
  const BackendPtr store = make({10'000, 2}, clock);
  const ResourceId id{"r", "t", "1"};
  const auto write = [&](std::size_t size) {
    return run(store->write(id, Secret::from_text(std::string(size, 'x')), {}));
  };
  ASSERT_TRUE(write(4000) && write(4000));
  EXPECT_EQ(write(4000).error().kind, ErrorKind::unavailable) << "the history is kept, too";
  EXPECT_EQ(run(store->versions(id, {}))->entries.size(), 2u) << "and not for sale";
  ASSERT_TRUE(write(500));
  EXPECT_TRUE(write(4000)) << "the oldest of three makes room";
  const VersionId oldest = run(store->versions(id, {}))->entries[2].version;
  ASSERT_TRUE(run(store->destroy(id, oldest)));
  ASSERT_TRUE(run(store->replace(id, "", Secret::from_text(std::string(8000, 'x')))));
  EXPECT_EQ(run(store->replace(id, "", Secret::from_text(std::string(9480, 'x')))).error().kind,
            ErrorKind::unavailable);
  ASSERT_TRUE(run(store->remove(id, {})));
  EXPECT_TRUE(write(9400)) << "all of it came back";
}

TEST(Memory, RoomIsCountedRightAfterManyChanges) {
  const ManualClock clock;
  const BackendPtr store = make({5'000, 3}, clock);
  const ResourceId id{"r", "t", "1"};
  for (unsigned i = 0; i < 2000; ++i) {
    WriteOptions options;
    options.content_type = std::string(i % 7, 'c');
    ASSERT_TRUE(run(store->write(id, Secret::from_text(std::string(i % 900, 'x')), options)));
    if (i % 3 == 0) ASSERT_TRUE(run(store->remove(id, {std::nullopt, i % 2 == 0})));
    if (i % 6 == 0) ASSERT_TRUE(run(store->undelete(id)));
    if (i % 5 == 0) {
      auto kept = run(store->versions(id, {}));
      if (kept && kept->entries.size() > 1) {
        ASSERT_TRUE(run(store->destroy(id, kept->entries[1].version)));
      }
    }
  }
  (void)run(store->remove(id, {}));
  EXPECT_TRUE(run(store->write(id, Secret::from_text(std::string(4'480, 'x')), {})));
}

TEST(Memory, AVersionIdOfAnotherRunFitsNothing) {
  const ManualClock clock;
  const ResourceId id{"r", "t", "1"};
  const auto first_version = [&] {
    return *run(make({}, clock)->write(id, Secret::from_text("x"), {}));
  };
  EXPECT_NE(first_version(), first_version());
}

TEST(Memory, AStrangeCursorIsRefused) {
  const ManualClock clock;
  const BackendPtr store = make({}, clock);
  const ResourceId id{"r", "t", "1"};
  ASSERT_TRUE(run(store->write(id, Secret(), {})));
  for (const char* cursor : {"x", "1x", "-1", "99999999999999999999999"}) {
    auto page = run(store->versions(id, {"", 10, cursor}));
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().kind, ErrorKind::invalid_request);
  }
}

}  // namespace
}  // namespace kbs::storage::memory
