#include "storage/testing/conformance.h"

#include "storage/cached/cached_fixture.h"

namespace kbs::storage::testing {
namespace {

class CachedFixture final : public Fixture {
 public:
  explicit CachedFixture(cached::Options options) : s_(options) {}
  Backend& backend() override { return *s_.backend; }
  kbs::testing::ManualClock* clock() override { return &s_.clock; }
  std::optional<std::size_t> kept_versions() override { return 5; }
  bool put_by_hand(const ResourceId& id, std::string_view value) override {
    s_.put(id, value);
    s_.store->tell(id.path());
    return true;
  }
  bool make_unavailable() override {
    s_.store->fail_next(SIZE_MAX, ErrorKind::unavailable);
    return true;
  }
  bool make_forbidden() override { return make_unavailable(); }
  bool stall() override {
    s_.store->stall({}, std::chrono::milliseconds(50));
    return true;
  }
  void heal() override { s_.store->heal(); }

 private:
  cached::CachedStore s_;
};

Subject subject(const char* name, cached::Options options) {
  return {name, [options] { return std::make_unique<CachedFixture>(options); }};
}

using std::chrono::hours;
INSTANTIATE_TEST_SUITE_P(Cached, Conformance,
                         ::testing::Values(subject("long", {.ttl = hours(9),
                                                            .negative_ttl = hours(9),
                                                            .stale_on_error = hours(9)}),
                                           subject("tiny", {.ttl = hours(9),
                                                            .negative_ttl = hours(9),
                                                            .stale_on_error = hours(9),
                                                            .max_bytes = 1'000}),
                                           subject("passing", {.ttl = hours(0)})),
                         name_of);

}  // namespace
}  // namespace kbs::storage::testing
