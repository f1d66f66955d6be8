// The journal does not grow for ever, and what it leaves behind is enough.
#include <gmock/gmock.h>

#include "storage/encrypted/journal_names.h"
#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ResourceId numbered(int i) { return {"default", "key", "n" + std::to_string(i)}; }

TEST(Checkpoint, SupersededRecordsAreRemovedAfterAWhile) {
  TestStore s;
  s.tuning.records_per_checkpoint = 10;
  ASSERT_TRUE(s.open());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s.write(numbered(i), "v"));
  const auto before = s.names("_kbs/journal/");
  EXPECT_THAT(before, SizeIs(40)) << "not at once: others may be reading them";
  EXPECT_THAT(s.names("_kbs/checkpoint/"), SizeIs(::testing::Gt(3u)));
  s.clock.advance(std::chrono::seconds(61));
  ASSERT_TRUE(s.write(numbered(0), "w"));
  EXPECT_LT(s.names("_kbs/journal/").size(), 15u);
  EXPECT_LT(s.names("_kbs/checkpoint/").size(), 3u);
  ASSERT_TRUE(s.open());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(s.read(numbered(i)), i == 0 ? "w" : "v");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Checkpoint, OfManyPartsIsReadWholeOrNotAtAll) {
  TestStore s;
  s.tuning = {.records_per_checkpoint = 40, .part_bytes = 256};
  ASSERT_TRUE(s.open());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s.write(numbered(i), "v"));
  const auto parts = s.names("_kbs/checkpoint/");
  ASSERT_GT(parts.size(), 4u);
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(numbered(7)), "v");
  // While the records are still there, an unfinished checkpoint is no loss.
  s.remove_raw(*ResourceId::parse(parts.back()));
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(numbered(7)), "v");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Checkpoint, APartOfAnotherPlaceDoesNotFit) {
  TestStore s;
  s.tuning = {.records_per_checkpoint = 20, .part_bytes = 256};
  ASSERT_TRUE(s.open());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s.write(numbered(i), "v"));
  const auto parts = s.names("_kbs/checkpoint/");
  ASSERT_GT(parts.size(), 2u);
  const ResourceId last = *ResourceId::parse(parts.back());
  s.put_raw(last, s.raw(*ResourceId::parse(parts[parts.size() - 2])));
  auto opened = s.another();
  EXPECT_EQ(kind_of(opened), "internal");
  EXPECT_THAT(message_of(opened), HasSubstr("checkpoint"));
}

TEST(Checkpoint, AProcessThatSleptThroughItCatchesUp) {
  TestStore s;
  s.tuning.records_per_checkpoint = 4;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "old"));
  auto other = s.another();
  ASSERT_TRUE(other);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(s.write(numbered(i), "v"));
  ASSERT_TRUE(s.write(kId, "new"));
  s.clock.advance(std::chrono::seconds(61));
  ASSERT_TRUE(s.write(numbered(0), "w"));
  EXPECT_EQ(TestStore::read(**other, kId), "new");
  EXPECT_EQ(TestStore::read(**other, numbered(0)), "w");
  EXPECT_EQ(kind_of(run((*other)->write(kId, Secret::from_text("newest"), WriteOptions{}))), "ok");
  EXPECT_EQ(s.read(kId), "newest");
  EXPECT_THAT(s.verify(), IsEmpty());
}

TEST(Manifest, MayBeginLateAndEnd) {
  TestStore s;
  s.options.manifest = false;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  EXPECT_THAT(s.names("_kbs/journal/"), IsEmpty());
  s.options.manifest = true;
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "v");
  s.remove_raw(kId);
  EXPECT_EQ(s.read(kId), "<internal>") << "from now on it is missed";
  s.options.manifest = false;
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "<not_found>");
  ASSERT_TRUE(s.write(kId, "w"));
  s.options.manifest = true;
  ASSERT_TRUE(s.open()) << "an abandoned journal is no part of the next one";
  EXPECT_EQ(s.read(kId), "w");
  EXPECT_THAT(s.verify(), IsEmpty());
}

}  // namespace
}  // namespace kbs::storage::encrypted
