#include <gmock/gmock.h>

#include "base/testing/run.h"
#include "storage/key_value.h"
#include "storage/kv/json_members.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::kv {
namespace {

using kbs::testing::run;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class LocalJsonTest : public ::testing::Test {
 protected:
  ~LocalJsonTest() override { pool_.join(); }

  Result<KeyValuePtr> open() {
    const Services services{system_files(), system_clock(), pool_};
    return open_key_value({KeyValueType::local_json, dir_.path().string()}, "repository", services);
  }
  std::string text(const std::string& key) {
    auto store = open();
    if (!store) return '<' + store.error().message + '>';
    auto value = run((*store)->get(key));
    if (!value) return '<' + std::string(to_string(value.error().kind)) + '>';
    return *value ? std::string((*value)->expose_text()) : "<absent>";
  }
  Result<bool> set(const std::string& key, std::string_view value) {
    auto store = open();
    return run((*store)->set(key, Secret::from_text(value), true));
  }

  testing::TempDir dir_;
  asio::thread_pool pool_{2};
};

TEST_F(LocalJsonTest, ReadsAFileOfTheReference) {
  dir_.put("repository", R"({"default/key/1":"AQID","a":"_-8=","b":"_-8","empty":""})");
  EXPECT_EQ(text("default/key/1"), "\x01\x02\x03");
  EXPECT_EQ(text("a"), "\xFF\xEF") << "with padding";
  EXPECT_EQ(text("b"), "\xFF\xEF") << "without";
  EXPECT_EQ(text("empty"), "");
  EXPECT_EQ(text("nothing"), "<absent>");
}

TEST_F(LocalJsonTest, WritesWhatTheReferenceReads) {
  ASSERT_TRUE(set("default/key/1", "\xFF\xEF"));
  EXPECT_EQ(dir_.get("repository"), R"({"default/key/1":"_-8="})");
  ASSERT_TRUE(set("a\"b\n", "abc"));
  EXPECT_EQ(dir_.get("repository"), R"({"a\"b\n":"YWJj","default/key/1":"_-8="})");
  EXPECT_EQ(text("a\"b\n"), "abc");
}

TEST_F(LocalJsonTest, AValueThatIsNoBase64SpoilsOnlyItself) {
  dir_.put("repository", R"({"good":"AQID","bad":"\"*","short":"A"})");
  EXPECT_EQ(text("bad"), "<internal>");
  EXPECT_EQ(text("short"), "<internal>");
  EXPECT_EQ(text("good"), "\x01\x02\x03");
  ASSERT_TRUE(set("new", "x"));
  EXPECT_EQ(dir_.get("repository"), R"({"bad":"\"*","good":"AQID","new":"eA==","short":"A"})");
}

TEST_F(LocalJsonTest, ADamagedFileIsToldAtStartAndNotOverwritten) {
  for (const char* damaged : {"", "{", "[]", R"({"a":1})", R"({"a":"AQID"} trailing)", "\xFF"}) {
    dir_.put("repository", damaged);
    auto store = open();
    ASSERT_FALSE(store) << damaged;
    EXPECT_THAT(store.error().message, HasSubstr("LocalJson"));
    EXPECT_THAT(store.error().detail, HasSubstr("repository"));
    EXPECT_EQ(dir_.get("repository"), damaged);
  }
}

TEST_F(LocalJsonTest, TwoHandlesOnOneFileLoseNoUpdate) {
  auto a = open();
  auto b = open();
  ASSERT_TRUE(a && b);
  const auto fill = [](KeyValuePtr store, const char* prefix) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(run(store->set(prefix + std::to_string(i), Secret::from_text("x"), true)));
    }
  };
  std::thread other(fill, *b, "b");
  fill(*a, "a");
  other.join();
  EXPECT_EQ(run((*a)->list())->size(), 40u);
}

TEST_F(LocalJsonTest, AConfigMapIsReadAndNotReplaced) {
  dir_.put("..2026/repository", R"({"svn":"AQID"})");
  fs::create_directory_symlink("..2026", dir_.path() / "..data");
  fs::create_symlink("..data/repository", dir_.path() / "repository");
  EXPECT_EQ(text("svn"), "\x01\x02\x03");
  auto written = set("svn", "x");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("read-only"));
  EXPECT_TRUE(fs::is_symlink(dir_.path() / "repository"));
  dir_.put("..2027/repository", R"({"svn":"BAUG"})");
  fs::create_directory_symlink("..2027", dir_.path() / "..data_tmp");
  fs::rename(dir_.path() / "..data_tmp", dir_.path() / "..data");
  EXPECT_EQ(text("svn"), "\x04\x05\x06") << "after the swap, the new version";
}

TEST(JsonMembers, EncodingIsPaddedBase64Url) {
  struct Case {
    std::string_view value;
    std::string_view text;
  };
  const Case cases[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xFB\xFF", "-_8="}};
  for (const Case& c : cases) {
    EXPECT_EQ(as_text(encode_value(Secret::from_text(c.value))), c.text);
    auto back = decode_value(c.text);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->expose_text(), c.value);
  }
}

}  // namespace
}  // namespace kbs::storage::kv
