#include "storage/kv/revisions.h"

#include <gtest/gtest.h>

namespace kbs::storage::kv {
namespace {

Stat at(std::int64_t seconds, ino_t inode = 1, off_t size = 10) {
  Stat info{};
  info.st_mtim = {seconds, 5};
  info.st_ino = inode;
  info.st_size = size;
  return info;
}
VersionId id(std::int64_t seconds) { return std::to_string(seconds) + "000000005"; }

TEST(Revisions, AKeyIsAsOldAsItsLastWriteOfOurs) {
  Revisions revisions;
  revisions.seen(at(1));
  revisions.wrote("a", at(2));
  revisions.wrote("b", at(3));
  EXPECT_EQ(revisions.id_of("a"), id(2));
  EXPECT_EQ(revisions.id_of("b"), id(3));
  EXPECT_EQ(revisions.id_of("c"), id(1)) << "found, not written";
  revisions.seen(at(3));
  EXPECT_EQ(revisions.id_of("a"), id(2)) << "nobody else was there";
  revisions.dropped("a", at(4));
  revisions.wrote("a", at(5));
  EXPECT_EQ(revisions.id_of("a"), id(5));
}

TEST(Revisions, AnyRevisionInWhichTheKeyIsKnownUnchangedNamesItsValue) {
  Revisions revisions;
  revisions.seen(at(10));
  revisions.wrote("a", at(20));
  revisions.wrote("b", at(30));
  struct Case {
    const char* key;
    VersionId version;
    bool want;
    const char* why;
  };
  const Case cases[] = {
      {"a", id(20), true, "its own"},
      {"a", id(30), true, "another process found it in that revision"},
      {"a", id(10), false, "before it was written"},
      {"a", id(31), false, "a revision that never was"},
      {"b", id(20), false, "before it was written"},
      {"c", id(10), true, "as found"},
      {"c", id(30), true, "and since"},
      {"a", "", false, "none"},
      {"a", "x", false, "no number"},
      {"a", id(20) + " ", false, "something behind it"},
      {"a", "0" + id(20), false, "another spelling of the same number"},
      {"a", "99999999999999999999999", false, "too large"},
  };
  for (const Case& c : cases) EXPECT_EQ(revisions.is_at(c.key, c.version), c.want) << c.why;
}

TEST(Revisions, AfterAChangeByOthersNothingOlderIsBelieved) {
  struct Case {
    Stat now;
    const char* why;
  };
  const Case cases[] = {
      {at(40), "a later revision"},
      {at(15), "an older file put back"},
      {at(30, 2), "another file of the same date"},
      {at(30, 1, 11), "another size at the same date"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Revisions revisions;
    revisions.seen(at(10));
    revisions.wrote("a", at(20));
    revisions.wrote("b", at(30));
    revisions.seen(c.now);
    EXPECT_FALSE(revisions.is_at("a", id(20)));
    EXPECT_EQ(revisions.id_of("a"), id(c.now.st_mtim.tv_sec));
    EXPECT_EQ(revisions.id_of("a"), revisions.id_of("b"));
  }
}

TEST(Revisions, TellsTheTimeThatTheNextOneMustPass) {
  Revisions revisions;
  EXPECT_EQ(revisions.last_time().tv_sec, 0);
  for (std::int64_t seconds : {1'800'000'000, 0, -2}) {
    revisions.seen(at(seconds));
    EXPECT_EQ(revisions.last_time().tv_sec, seconds);
    EXPECT_EQ(revisions.last_time().tv_nsec, 5);
  }
  revisions.seen(at(1'800'000'000));
  EXPECT_EQ(revisions.updated("a"), SysTime(std::chrono::seconds(1'800'000'000)));
}

}  // namespace
}  // namespace kbs::storage::kv
