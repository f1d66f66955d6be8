// Many at once: what a backend keeps when threads meet on one resource.
#include <atomic>
#include <thread>

#include "storage/testing/conformance.h"

namespace kbs::storage::testing {
namespace {

/// A value that shows when it is torn: its length and all its bytes follow from `seed`.
std::string whole_value(unsigned seed, std::size_t most) {
  return std::string(1 + (std::size_t{seed} * 7919u) % most, static_cast<char>('A' + seed % 23));
}
bool is_whole(std::string_view value, std::size_t most, unsigned seeds) {
  for (unsigned seed = 0; seed < seeds; ++seed) {
    if (value == whole_value(seed, most)) return true;
  }
  return false;
}

/// Runs `body(0) … body(count - 1)`, each on a thread of its own, and waits for all.
void on_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_P(Conformance, ReadersNeverSeeATornOrEmptyValue) {
  if (!can().write) return;
  constexpr unsigned kSeeds = 40;
  constexpr std::size_t kMost = 200'000;
  ASSERT_EQ(kind(write(kId, whole_value(0, kMost))), "ok");
  std::atomic<int> writers{2};
  std::atomic<int> bad{0};
  on_threads(4, [&](int thread) {
    if (thread < 2) {
      for (unsigned i = 0; i < 60; ++i) {
        if (!write(kId, whole_value((i * 2 + static_cast<unsigned>(thread)) % kSeeds, kMost)))
          ++bad;
      }
      --writers;
      return;
    }
    while (writers.load() > 0) {
      auto resource = read(kId);
      if (!resource || !is_whole(resource->value.expose_text(), kMost, kSeeds)) ++bad;
    }
  });
  EXPECT_EQ(bad.load(), 0);
}

TEST_P(Conformance, OneCreatorWins) {
  if (!can().write || !can().compare_and_set) return;
  for (int round = 0; round < 10; ++round) {
    const ResourceId id{"race", "key", std::to_string(round)};
    std::atomic<int> won{0};
    std::atomic<int> odd{0};
    on_threads(6, [&](int thread) {
      WriteOptions create;
      create.create_only = true;
      auto version = write(id, std::to_string(thread), create);
      if (version)
        ++won;
      else if (version.error().kind != ErrorKind::conflict)
        ++odd;
    });
    EXPECT_EQ(won.load(), 1);
    EXPECT_EQ(odd.load(), 0);
  }
}

TEST_P(Conformance, CompareAndSetLosesNoUpdate) {
  if (!can().write || !can().compare_and_set) return;
  constexpr int kThreads = 4;
  constexpr int kSteps = 15;
  ASSERT_EQ(kind(write(kId, "0")), "ok");
  std::atomic<int> odd{0};
  on_threads(kThreads, [&](int) {
    for (int done = 0; done < kSteps;) {
      auto now = read(kId);
      if (!now) {
        ++odd;
        return;
      }
      WriteOptions on;
      on.if_version = now->version;
      auto next =
          write(kId, std::to_string(std::stoi(std::string(now->value.expose_text())) + 1), on);
      if (next)
        ++done;
      else if (next.error().kind != ErrorKind::conflict)
        ++odd;
    }
  });
  EXPECT_EQ(text_of(kId), std::to_string(kThreads * kSteps));
  EXPECT_EQ(odd.load(), 0);
}

TEST_P(Conformance, WritersAndDeletersOfNeighboursDoNotDisturbEachOther) {
  if (!can().write || !can().remove) return;
  std::atomic<int> bad{0};
  on_threads(4, [&](int thread) {
    // All in one type, so that directories come and go under the others' feet.
    const ResourceId id{"shared", "key", std::to_string(thread)};
    for (int i = 0; i < 100; ++i) {
      if (!write(id, "x") || text_of(id) != "x" || !remove(id)) ++bad;
    }
  });
  EXPECT_EQ(bad.load(), 0);
}

}  // namespace kbs::storage::testing
