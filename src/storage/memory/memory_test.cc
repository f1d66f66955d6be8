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
  Backend& backend() override { return *backend_; }
  ManualClock* clock() override { return &clock_; }

 private:
  ManualClock clock_;
  BackendPtr backend_ = make({4u << 20}, clock_);
};

std::unique_ptr<testing::Fixture> fixture() { return std::make_unique<MemoryFixture>(); }

INSTANTIATE_TEST_SUITE_P(Memory, Conformance, ::testing::Values(Subject{"memory", fixture}),
                         testing::name_of);

TEST(Memory, AFullStoreSaysSoAndForgetsNothing) {
  const ManualClock clock;
  const BackendPtr store = make({10'000}, clock);
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

TEST(Memory, RoomIsCountedRightAfterManyChanges) {
  const ManualClock clock;
  const BackendPtr store = make({5'000}, clock);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(
        run(store->write({"r", "t", "1"}, Secret::from_text(std::string(i % 4000u, 'x')), {})));
    if (i % 3 == 0) ASSERT_TRUE(run(store->remove({"r", "t", "1"}, {})));
  }
}

}  // namespace
}  // namespace kbs::storage::memory
