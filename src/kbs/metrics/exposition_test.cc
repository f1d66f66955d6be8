#include "kbs/metrics/exposition.h"

#include <gtest/gtest.h>

namespace kbs::metrics {
namespace {

TEST(Exposition, SortsFamiliesAndWritesNumbersPlainly) {
  Exposition out;
  out.gauge("b", "Second", 0.25);
  out.counter("a", "First", std::uint64_t{18446744073709551615u});
  out.gauge("c", "Third", 1);
  EXPECT_EQ(out.text(),
            "# HELP a First\n# TYPE a counter\na 18446744073709551615\n"
            "# HELP b Second\n# TYPE b gauge\nb 0.25\n"
            "# HELP c Third\n# TYPE c gauge\nc 1\n");
}

TEST(Exposition, EscapesLabelValues) {
  Exposition out;
  out.series("n", "h", {{"x", "a\\b\"c\nd"}, {"y", "\xC3\xA4"}}, 1);
  EXPECT_EQ(out.text(),
            "# HELP n h\n# TYPE n counter\nn{x=\"a\\\\b\\\"c\\nd\",y=\"\xC3\xA4\"} 1\n");
}

TEST(Histogram, PutsAValueIntoTheFirstBucketThatHoldsIt) {
  constexpr std::array<Histogram::Bound, 2> bounds = {{{10, "1"}, {20, "2"}}};
  struct Case {
    std::uint64_t value;
    std::array<std::uint64_t, 3> want;  ///< cumulative, the last one +Inf
    const char* why;
  };
  const Case cases[] = {
      {0, {1, 1, 1}, "nothing"},
      {10, {1, 1, 1}, "bounds are inclusive"},
      {11, {0, 1, 1}, "just above"},
      {21, {0, 0, 1}, "above all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Histogram histogram(bounds, 10);
    histogram.observe(c.value);
    const auto got = histogram.read();
    EXPECT_EQ(got.buckets[0].second, c.want[0]);
    EXPECT_EQ(got.buckets[1].second, c.want[1]);
    EXPECT_EQ(got.count, c.want[2]);
    EXPECT_DOUBLE_EQ(got.sum, static_cast<double>(c.value) / 10);
  }
}

TEST(Labelled, GivesAwaySoManyValuesAndNoMore) {
  Labelled<1> labelled(2);
  ++labelled.at("a")[0];
  ++labelled.at("b")[0];
  ++labelled.at("c")[0];
  ++labelled.at("a")[0];
  ++labelled.at(std::string(513, 'x'))[0];
  const auto all = labelled.list();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].first, "_other");
  EXPECT_EQ((*all[0].second)[0], 2u);
  EXPECT_EQ(all[1].first, "a");
  EXPECT_EQ((*all[1].second)[0], 2u);
  EXPECT_EQ((*all[2].second)[0], 1u);
}

}  // namespace
}  // namespace kbs::metrics
