#include "crypto/secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <type_traits>

#include "crypto/random.h"

namespace kbs {
namespace {

TEST(Secret, IsNeverCopiedInSilence) {
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  static_assert(std::is_nothrow_move_constructible_v<Secret>);
  const Secret one = Secret::from_text("swordfish");
  const Secret two = one.clone();
  EXPECT_EQ(one, two);
  EXPECT_NE(one.expose().data(), two.expose().data());
}

TEST(Secret, ComparesContents) {
  struct Case {
    std::string_view a, b;
    bool equal;
    const char* why;
  };
  const Case cases[] = {
      {"", "", true, "two empty ones"},
      {"abc", "abc", true, "same bytes"},
      {"abc", "abd", false, "the last byte differs"},
      {"xbc", "abc", false, "the first byte differs"},
      {"abc", "abcd", false, "one is longer"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(Secret::from_text(c.a) == Secret::from_text(c.b), c.equal);
  }
}

TEST(Secret, MovedFromIsEmpty) {
  Secret one = Secret::from_text("swordfish");
  const Secret two = std::move(one);
  EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  EXPECT_EQ(two.expose_text(), "swordfish");
}

TEST(Secret, LivesInMemoryThatIsWiped) {
  // What was freed may not be looked at, so the two halves of the promise are tested apart.
  static_assert(std::is_same_v<SecretBytes::allocator_type, WipingAllocator<std::byte>>);
  std::array<std::byte, 32> used;
  used.fill(std::byte{0x5a});
  wipe(used.data(), used.size());
  EXPECT_EQ(used, (std::array<std::byte, 32>{}));
}

TEST(Random, IsNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(hex(crypto::random_secret(16).expose()));
    seen.insert(crypto::random_uuid_simple());
  }
  EXPECT_EQ(seen.size(), 200u);
}

TEST(Random, FillsWholeBuffers) {
  Bytes big((std::size_t{1} << 20) + 77);
  crypto::random_bytes(big);
  const auto tail = std::span(big).last(77);
  EXPECT_FALSE(
      std::all_of(tail.begin(), tail.end(), [](std::byte b) { return b == std::byte{0}; }));
  crypto::random_bytes({});
  EXPECT_TRUE(crypto::random_secret(0).empty());
}

TEST(Random, UuidsAreVersion4) {
  for (int i = 0; i < 50; ++i) {
    const std::string id = crypto::random_uuid_simple();
    ASSERT_EQ(id.size(), 32u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(id[12], '4');
    EXPECT_NE(std::string_view("89ab").find(id[16]), std::string_view::npos);
  }
}

}  // namespace
}  // namespace kbs
