// Expiry and content type: bound to one value, never forgotten, never inherited.
#include "storage/local_fs/extra.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>

#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::ElementsAre;
using testing::FaultyFiles;
using ::testing::HasSubstr;

constexpr const char* kKey = "default/key/1";
const SysTime kLater{std::chrono::microseconds(1785700000123456)};

Stat file_of(std::int64_t seconds, long nanos, off_t size) {
  Stat info{};
  info.st_mtim = {seconds, nanos};
  info.st_size = size;
  return info;
}

TEST(LocalFsExtra, IsReadBack) {
  const Stat info = file_of(1785700000, 5, 42);
  EXPECT_EQ(encode({"text/plain", kLater}, info),
            "kbs1 1785700000.000000005 42\nexpires 1785700000123456\ntype text/plain\nend\n");
  for (const Extra& extra : {Extra{}, Extra{"a/b", {}}, Extra{"", kLater}, Extra{"a/b", kLater}}) {
    auto got = decode(encode(extra, info), info);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->content_type, extra.content_type);
    EXPECT_EQ(got->not_after, extra.not_after);
  }
  for (const std::string& odd : {std::string("a\nexpires 0"), std::string(1001, 'x')}) {
    auto got = decode(encode({odd, kLater}, info), info);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->content_type, "") << "no room for it";
    EXPECT_EQ(got->not_after, kLater);
  }
}

TEST(LocalFsExtra, WhatBelongsToAnotherValueIsIgnoredAndWhatIsDamagedIsNot) {
  const Stat info = file_of(1785700000, 5, 42);
  const std::string head = "kbs1 1785700000.000000005 42\n";
  struct Case {
    std::string text;
    const char* want;  ///< "extra", "none" or "damaged"
    const char* why;
  };
  const Case cases[] = {
      {head + "expires 1\nend\n", "extra", "ours"},
      {head + "type \nend\n", "none", "an empty type"},
      {"kbs1 1785700000.000000006 42\nexpires 1\nend\n", "none", "another time"},
      {"kbs1 1785700000.000000005 43\nexpires 1\nend\n", "none", "another size"},
      {"kbs1 1785700000.000000006 42\nrubbish", "none", "of another value all is of no account"},
      {"kbs2 1785700000.000000006 42\nnews", "none", "a later format, of another value"},
      {"kbs2 1785700000.000000005 42\nexpires 1\nend\n", "damaged", "a later format, of this one"},
      {"", "damaged", "empty"},
      {"rubbish", "damaged", "no line"},
      {"rubbish\nend\n", "damaged", "whose it is cannot be told"},
      {"kbs1 x.000000005 42\nend\n", "damaged", "no time"},
      {"kbs1 1785700000.5 42\nend\n", "damaged", "a fraction cut short"},
      {"kbs1 1785700000.000000005 -1\nend\n", "damaged", "a negative size"},
      {"kbs 1785700000.000000005 42\nend\n", "damaged", "no version"},
      {"kbs1 1785700000.000000005 42", "damaged", "cut off in the first line"},
      {head, "damaged", "cut off after it"},
      {head + "expires 17857", "damaged", "cut off within the expiry"},
      {head + "expires 1\n", "damaged", "cut off before the end"},
      {head + "expires 1\nend\nmore\n", "damaged", "something behind the end"},
      {head + "expires 1\nexpires 2\nend\n", "damaged", "two expiries"},
      {head + "expires soon\nend\n", "damaged", "no number"},
      {head + "expires 99999999999999999999\nend\n", "damaged", "too large a number"},
      {head + "unknown 1\nend\n", "damaged", "an unknown line"},
      {head + std::string("type a\0b\nend\n", 13), "damaged", "a control character"},
  };
  for (const Case& c : cases) {
    auto got = decode(c.text, info);
    std::string kind = got ? (got->not_after ? "extra" : "none") : "damaged";
    if (!got) EXPECT_EQ(got.error().error, EBADMSG);
    EXPECT_EQ(kind, c.want) << c.why;
  }
}

/// A store on a clock of its own, and what is set in its files.
class LocalFsExpiry : public ::testing::Test {
 protected:
  LocalFsExpiry() : clock_(system_clock().now()), store_(Layout::tree, files_, clock_) {}

  bool expires() const { return store_.backend->capabilities().expiry; }
  WriteOptions in(std::chrono::seconds time) {
    WriteOptions options;
    options.not_after = clock_.now() + time;
    options.content_type = "text/plain";
    return options;
  }
  bool set(const std::string& file, std::string_view value) const {
    return ::setxattr(file.c_str(), kAttribute, value.data(), value.size(), 0) == 0;
  }

  FaultyFiles files_;
  kbs::testing::ManualClock clock_;
  TestStore store_;
};

TEST_F(LocalFsExpiry, AValuePutThereByHandInheritsNothing) {
  if (!expires()) return;
  ASSERT_TRUE(store_.write(kKey, "short-lived", in(std::chrono::seconds(10))));
  store_.dir.put(kKey, "edited");  // in place: the attribute stays on the file
  char value[200];
  ASSERT_GT(::getxattr(store_.dir.at(kKey).c_str(), kAttribute, value, sizeof value), 0);
  clock_.advance(std::chrono::hours(1));
  auto got = store_.read(kKey);
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_EQ(got->value.expose_text(), "edited");
  EXPECT_EQ(got->metadata.content_type, "");
  EXPECT_THAT(store_.paths(), ElementsAre(kKey));
}

TEST_F(LocalFsExpiry, ADamagedAttributeIsToldAndNotOverlooked) {
  if (!expires()) return;
  ASSERT_TRUE(store_.write(kKey, "value", in(std::chrono::seconds(10))));
  for (const std::string& text : {std::string("rubbish"), std::string(), std::string(4500, 'x')}) {
    if (!set(store_.dir.at(kKey), text)) continue;  // not every file system takes the longest
    auto got = store_.read(kKey);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().kind, ErrorKind::internal);
    EXPECT_THAT(got.error().message, HasSubstr("user.kbs"));
    EXPECT_THAT(store_.paths(), ElementsAre(kKey)) << "it is there";
    EXPECT_EQ(store_.versions(kKey).size(), 1u);
  }
  ASSERT_TRUE(store_.write(kKey, "new")) << "the remedy that the message names";
  EXPECT_EQ(store_.text(kKey), "new");
  ASSERT_TRUE(set(store_.dir.at(kKey), "rubbish"));
  EXPECT_TRUE(store_.remove(kKey));
}

TEST_F(LocalFsExpiry, ACopyIntoTheHistoryKeepsItsExpiry) {
  if (!expires()) return;
  files_.fail_all("link", EXDEV);
  auto first = store_.write(kKey, "short-lived", in(std::chrono::seconds(10)));
  ASSERT_TRUE(first && store_.write(kKey, "lasting"));
  EXPECT_EQ(store_.text(kKey, *first), "short-lived");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(store_.text(kKey, *first), "<not_found>");
}

TEST_F(LocalFsExpiry, AnAttributeThatCannotBeWrittenFailsTheWriteUnlessItOnlyTellsTheType) {
  if (!expires()) return;
  ASSERT_TRUE(store_.write(kKey, "old"));
  files_.fail_all("set_attribute", ENOSPC);
  auto written = store_.write(kKey, "new", in(std::chrono::seconds(10)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(store_.text(kKey), "old");
  WriteOptions typed;
  typed.content_type = "text/plain";
  ASSERT_TRUE(store_.write(kKey, "typed", typed));
  EXPECT_EQ(store_.text(kKey), "typed");
}

TEST_F(LocalFsExpiry, IsNoCapabilityWhereAttributesAreNotKept) {
  files_.fail_all("set_attribute", EOPNOTSUPP);
  store_.reopen();
  EXPECT_FALSE(expires());
  auto written = store_.write(kKey, "x", in(std::chrono::seconds(10)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::unsupported);
  files_.fail_all("open_beneath .kbs-tmp-", EROFS);
  store_.reopen();
  EXPECT_FALSE(expires()) << "a root that cannot be written to is not tried";
  EXPECT_FALSE(store_.dir.has_leftovers());
}

TEST_F(LocalFsExpiry, WhatAnotherProcessWroteExpiresForAReaderThatCouldNotWriteIt) {
  if (!expires()) return;
  ASSERT_TRUE(store_.write(kKey, "short-lived", in(std::chrono::seconds(10))));
  files_.fail_all("set_attribute", EROFS);
  store_.reopen();
  ASSERT_FALSE(expires());
  EXPECT_EQ(store_.text(kKey), "short-lived");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(store_.text(kKey), "<not_found>");
  EXPECT_TRUE(store_.paths().empty());
}

}  // namespace
}  // namespace kbs::storage::local_fs
