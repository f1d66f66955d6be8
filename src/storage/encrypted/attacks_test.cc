// The operator of the store as the enemy: everything done to it behind the decorator's back.
#include <gmock/gmock.h>

#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Attacks, NoBitOfAnEnvelopeMayFlip) {
  TestStore s;
  ASSERT_TRUE(s.open());
  WriteOptions how;
  how.content_type = "text/plain";
  how.not_after = s.clock.now() + std::chrono::hours(1);
  ASSERT_TRUE(s.write(kId, "secret", how));
  const std::string genuine = s.raw(kId);
  for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
    std::string forged = genuine;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << bit % 8));
    s.put_raw(kId, forged);
    EXPECT_EQ(s.read(kId), "<internal>") << "bit " << bit;
  }
  s.put_raw(kId, genuine);
  EXPECT_EQ(s.read(kId), "secret");
}

TEST(Attacks, NoByteMayBeCutOffOrAdded) {
  for (const bool accept_plaintext : {false, true}) {
    TestStore s;
    s.options.accept_plaintext = accept_plaintext;
    ASSERT_TRUE(s.open());
    ASSERT_TRUE(s.write(kId, "secret"));
    const std::string genuine = s.raw(kId);
    for (std::size_t size = 0; size < genuine.size(); ++size) {
      s.put_raw(kId, genuine.substr(0, size));
      EXPECT_EQ(s.read(kId), "<internal>") << size;
    }
    s.put_raw(kId, genuine + '\0');
    EXPECT_EQ(s.read(kId), "<internal>");
  }
}

/// What somebody does to kId, whose versions are "old" and "secret", beside kOther, "other".
struct Attack {
  const char* why;
  void (*act)(TestStore& s);
  const char* says;
};

const ResourceId kForeign{"default", "key", "foreign"};

const Attack kAttacks[] = {
    {"another resource's value is put in its place",
     [](TestStore& s) { s.put_raw(kId, s.raw(kOther)); }, "does not authenticate"},
    {"an older value is put back",
     [](TestStore& s) {
       s.put_raw(kId, s.raw(kId, parse_version(s.versions(kId)[1].version)->inner));
     },
     "older or foreign copy"},
    {"it is taken away", [](TestStore& s) { s.remove_raw(kId); }, "is gone although"},
    {"an unencrypted value is put in its place", [](TestStore& s) { s.put_raw(kId, "mine"); },
     "unencrypted value was put in the place"},
    {"it is emptied", [](TestStore& s) { s.put_raw(kId, ""); },
     "unencrypted value was put in the place"},
};

TEST(Attacks, WhatIsNotTheLastValueIsNeverServed) {
  for (const bool accept_plaintext : {false, true}) {
    for (const Attack& attack : kAttacks) {
      SCOPED_TRACE(attack.why);
      TestStore s;
      s.options.accept_plaintext = accept_plaintext;
      ASSERT_TRUE(s.open());
      ASSERT_TRUE(s.write(kId, "old"));
      ASSERT_TRUE(s.write(kId, "secret"));
      ASSERT_TRUE(s.write(kOther, "other"));
      ASSERT_THAT(s.verify(), IsEmpty());
      attack.act(s);
      for (const bool restarted : {false, true}) {
        if (restarted) ASSERT_TRUE(s.open());
        EXPECT_EQ(s.read(kId), "<internal>");
        EXPECT_THAT(s.complaint(kId), HasSubstr(attack.says));
        EXPECT_THAT(s.verify(), ElementsAre(StartsWith("default/key/1: ")));
        EXPECT_EQ(s.read(kOther), "other") << "nobody else is hurt";
      }
      WriteOptions on;
      on.create_only = true;
      EXPECT_NE(kind_of(s.write(kId, "x", on)), "ok")
          << "no condition holds on what is not genuine";
      EXPECT_EQ(kind_of(s.write(kId, "new")), "ok") << "an admin settles the matter";
      EXPECT_EQ(s.read(kId), "new");
      EXPECT_THAT(s.verify(), Each(StartsWith("default/key/1 (version "))) << "what became history";
    }
  }
}

TEST(Attacks, AnAdminMayDeleteWhatIsNotGenuine) {
  for (const Attack& attack : kAttacks) {
    SCOPED_TRACE(attack.why);
    TestStore s;
    ASSERT_TRUE(s.open());
    ASSERT_TRUE(s.write(kId, "old"));
    ASSERT_TRUE(s.write(kId, "secret"));
    ASSERT_TRUE(s.write(kOther, "other"));
    attack.act(s);
    EXPECT_EQ(kind_of(s.remove(kId)), "ok");
    EXPECT_EQ(s.read(kId), "<not_found>");
    EXPECT_THAT(s.verify(), IsEmpty());
  }
}

TEST(Attacks, WhatTheManifestDoesNotKnowIsNotServed) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kForeign, "was mine"));
  const std::string kept = s.raw(kForeign);
  ASSERT_TRUE(s.remove(kForeign));
  s.put_raw(kForeign, kept);
  for (const bool restarted : {false, true}) {
    if (restarted) ASSERT_TRUE(s.open());
    EXPECT_EQ(s.read(kForeign), "<internal>");
    EXPECT_THAT(s.complaint(kForeign), HasSubstr("unknown to the manifest"));
    EXPECT_EQ(s.read(kForeign, s.versions(kForeign).at(0).version), "<internal>");
    EXPECT_THAT(s.verify(), SizeIs(1));
  }
}

TEST(Attacks, AnotherStoresValueIsNotServed) {
  TestStore s;
  TestStore other;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(other.open());
  ASSERT_TRUE(s.write(kId, "mine"));
  ASSERT_TRUE(other.write(kId, "theirs"));
  s.put_raw(kId, other.raw(kId));
  EXPECT_EQ(s.read(kId), "<internal>");
  EXPECT_THAT(s.complaint(kId), HasSubstr("another encrypted store"));
}

TEST(Attacks, WhatWasDeletedForUndeleteStaysUnseen) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "secret"));
  ASSERT_TRUE(s.remove_softly(kId));
  ASSERT_TRUE(run(s.memory->undelete(kId)));
  EXPECT_EQ(s.read(kId), "<internal>");
  EXPECT_THAT(s.complaint(kId), HasSubstr("brought back by other hands"));
  EXPECT_THAT(s.verify(), SizeIs(1));
}

TEST(Attacks, OnlyTheDeletedVersionComesBack) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "old"));
  const std::string old = s.raw(kId);
  ASSERT_TRUE(s.write(kId, "secret"));
  ASSERT_TRUE(s.remove_softly(kId));
  s.put_raw(kId, old);
  (void)run(s.memory->remove(kId, RemoveOptions{std::nullopt, true}));
  auto back = s.undelete(kId);
  EXPECT_EQ(kind_of(back), "internal");
  EXPECT_THAT(message_of(back), HasSubstr("not the version that was deleted"));
  EXPECT_EQ(s.read(kId), "<internal>");
}

TEST(Attacks, WhatWasKeptForUndeleteAndIsGoneIsFound) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "secret"));
  ASSERT_TRUE(s.remove_softly(kId));
  s.remove_raw(kId);
  EXPECT_EQ(kind_of(s.undelete(kId)), "internal");
  EXPECT_THAT(s.verify(), ElementsAre(HasSubstr("what was kept for undelete is gone")));
}

TEST(Attacks, VersionsCannotBeExchanged) {
  TestStore s;
  ASSERT_TRUE(s.open());
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(s.write(kId, value));
  const auto all = s.versions(kId);
  ASSERT_THAT(all, SizeIs(3));
  const auto inner = [&](std::size_t i) { return parse_version(all[i].version)->inner; };
  const std::string one = s.raw(kId, inner(2));
  const std::string two = s.raw(kId, inner(1));
  ASSERT_TRUE(run(s.memory->replace(kId, inner(1), Secret::from_text(one))));
  ASSERT_TRUE(run(s.memory->replace(kId, inner(2), Secret::from_text(two))));
  EXPECT_EQ(s.read(kId, all[1].version), "<internal>");
  EXPECT_EQ(s.read(kId, all[2].version), "<internal>");
  EXPECT_EQ(s.read(kId), "three");
  ASSERT_TRUE(run(s.memory->replace(kId, inner(1), Secret::from_text("plain"))));
  EXPECT_EQ(s.read(kId, all[1].version), "<internal>");
  EXPECT_THAT(s.verify(), ElementsAre(HasSubstr("version")));
}

TEST(Attacks, PlaintextIsServedOnlyWhereTheMountSaysSoAndNothingEncryptedWas) {
  for (const bool accept : {false, true}) {
    TestStore s;
    s.options.accept_plaintext = accept;
    ASSERT_TRUE(s.open());
    s.put_raw(kId, "from before");
    EXPECT_EQ(s.read(kId), accept ? "from before" : "<internal>");
    if (!accept) EXPECT_THAT(s.complaint(kId), HasSubstr("accept_plaintext"));
    ASSERT_TRUE(s.write(kId, "encrypted"));
    EXPECT_EQ(s.read(kId), "encrypted");
    s.put_raw(kId, "from after");
    EXPECT_EQ(s.read(kId), "<internal>");
  }
}

TEST(Attacks, NoRecordOfTheManifestMayBeTouched) {
  TestStore s;
  s.tuning.records_per_checkpoint = 5;
  ASSERT_TRUE(s.open());
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(s.write(kId, value));
  ASSERT_TRUE(s.open());
  const auto all = s.everything();
  int tried = 0;
  for (const auto& [name, bytes] : all) {
    if (!name.starts_with("_kbs/") || bytes.empty()) continue;
    const ResourceId id = *ResourceId::parse(name);
    // Records that a checkpoint has superseded are not read any more.
    const bool read = name.starts_with("_kbs/store") || name.starts_with("_kbs/checkpoint") ||
                      name > "_kbs/journal/0000000000000005";
    if (!read) continue;
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{30}, bytes.size() / 2, bytes.size() - 1}) {
      std::string forged = bytes;
      forged[at] = static_cast<char>(forged[at] ^ 1);
      s.put_raw(id, forged);
      EXPECT_EQ(kind_of(s.another()), "internal") << name << " byte " << at;
      ++tried;
    }
    s.put_raw(id, bytes);
    EXPECT_EQ(kind_of(s.another()), "ok");
  }
  EXPECT_GT(tried, 8);
}

TEST(Attacks, AMissingRecordOrHeaderIsAnAlarm) {
  TestStore s;
  ASSERT_TRUE(s.open());
  for (const char* value : {"one", "two"}) ASSERT_TRUE(s.write(kId, value));
  const auto records = s.names("_kbs/journal/");
  ASSERT_GE(records.size(), 3u);
  const ResourceId middle = *ResourceId::parse(records[1]);
  const std::string kept = s.raw(middle);
  s.remove_raw(middle);
  auto opened = s.another();
  EXPECT_EQ(kind_of(opened), "internal");
  EXPECT_THAT(message_of(opened), HasSubstr("missing"));
  s.put_raw(middle, kept);
  ASSERT_TRUE(s.open());
  s.remove_raw(header_id());
  opened = s.another();
  EXPECT_EQ(kind_of(opened), "internal");
  EXPECT_THAT(message_of(opened), HasSubstr("its header (_kbs/store/header) is missing"));
}

TEST(Attacks, RecordsCannotBeExchanged) {
  TestStore s;
  ASSERT_TRUE(s.open());
  for (const char* value : {"one", "two"}) ASSERT_TRUE(s.write(kId, value));
  const auto records = s.names("_kbs/journal/");
  const ResourceId first = *ResourceId::parse(records[0]);
  const ResourceId second = *ResourceId::parse(records[1]);
  const std::string bytes = s.raw(first);
  s.put_raw(first, s.raw(second));
  s.put_raw(second, bytes);
  EXPECT_EQ(kind_of(s.another()), "internal");
}

TEST(Attacks, WithoutAManifestMovedAndForgedValuesAreStillRefused) {
  TestStore s;
  s.options.manifest = false;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "secret"));
  ASSERT_TRUE(s.write(kOther, "other"));
  const std::string genuine = s.raw(kId);
  s.put_raw(kId, s.raw(kOther));
  EXPECT_EQ(s.read(kId), "<internal>");
  std::string forged = genuine;
  forged.back() = static_cast<char>(forged.back() ^ 1);
  s.put_raw(kId, forged);
  EXPECT_EQ(s.read(kId), "<internal>");
  s.put_raw(kId, "plain");
  EXPECT_EQ(s.read(kId), "<internal>");
  s.put_raw(kId, genuine);
  EXPECT_EQ(s.read(kId), "secret");
}

}  // namespace
}  // namespace kbs::storage::encrypted
