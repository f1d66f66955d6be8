#include "server/mounts.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "base/run.h"
#include "server/testing/mount_table.h"

namespace kbs::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MountsTest : public testing::MountTableTest {
 protected:
  ~MountsTest() override { pool_.join(); }

  Result<std::shared_ptr<storage::Mounts>> open(const std::string& text) {
    KBS_TRY(const config::Config config, load(text));
    return open_mounts(config.mounts, {system_files(), system_clock(), pool_}, &observer_);
  }
  static Result<storage::VersionId> write(storage::Mounts& mounts, const std::string& path,
                                          std::string_view value) {
    return run_to_end(
        mounts.write(*ResourceId::parse(path), Secret::from_text(value), storage::WriteOptions()));
  }
  static std::string read(storage::Mounts& mounts, const std::string& path) {
    const auto got = run_to_end(mounts.read(*ResourceId::parse(path), storage::ReadOptions()));
    return got ? std::string(got->value.expose_text())
               : "(" + std::string(to_string(got.error().kind)) + ")";
  }

  asio::thread_pool pool_{2};
  std::unique_ptr<metrics::Metrics> metrics_ = metrics::Metrics::make();
  MountMetrics observer_{*metrics_};
};

TEST_F(MountsTest, EachResourceGoesWhereItsPrefixSays) {
  auto mounts = open(table());
  ASSERT_TRUE(mounts) << describe(mounts.error());
  struct Case {
    const char* path;
    const char* value;
    const char* why;
  };
  const Case cases[] = {
      {"default/key/1", "IN-PLAIN-SIGHT", "the default mount"},
      {"sealed/key/1", "UNDER-THE-SEAL", "encrypted"},
      {"json/key/1", "IN-ONE-FILE", "LocalJson"},
      {"json/scratch/1", "IN-MEMORY", "the longer prefix"},
      {"jsonx/key/1", "NO-SEGMENT", "prefixes are whole segments"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto written = write(**mounts, c.path, c.value);
    ASSERT_TRUE(written) << describe(written.error());
    EXPECT_EQ(read(**mounts, c.path), c.value);
  }
  EXPECT_EQ(get("plain/default/key/1"), "IN-PLAIN-SIGHT");
  EXPECT_EQ(get("plain/jsonx/key/1"), "NO-SEGMENT");
  EXPECT_THAT(everything_in("sealed"), Not(HasSubstr("UNDER-THE-SEAL")));
  EXPECT_THAT(get("json/repository"), HasSubstr(base64url(as_bytes("IN-ONE-FILE"))));
  EXPECT_THAT(everything_in("json"), Not(HasSubstr(base64url(as_bytes("IN-MEMORY")))));
  EXPECT_EQ(read(**mounts, "shelf/t/g"), "by hand");
}

TEST_F(MountsTest, WhatIsOnDiskSurvivesARestart) {
  {
    auto mounts = open(table());
    ASSERT_TRUE(mounts) << describe(mounts.error());
    for (const char* const path : {"default/key/1", "sealed/key/1", "json/key/1", "json/scratch/1"})
      ASSERT_TRUE(write(**mounts, path, path));
  }
  auto mounts = open(table());
  ASSERT_TRUE(mounts) << describe(mounts.error());
  for (const char* const path : {"default/key/1", "sealed/key/1", "json/key/1"})
    EXPECT_EQ(read(**mounts, path), path);
  EXPECT_EQ(read(**mounts, "json/scratch/1"), "(not_found)") << "memory is memory";
}

TEST_F(MountsTest, AReadOnlyMountRefusesToBeWritten) {
  auto mounts = open(table());
  ASSERT_TRUE(mounts) << describe(mounts.error());
  const auto written = write(**mounts, "shelf/t/g", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(written.error().message, HasSubstr("shelf"));
  EXPECT_EQ(read(**mounts, "shelf/t/g"), "by hand");
}

TEST_F(MountsTest, CountWhatTheyDo) {
  auto mounts = open(table());
  ASSERT_TRUE(mounts) << describe(mounts.error());
  ASSERT_TRUE(write(**mounts, "sealed/key/1", "v"));
  (void)read(**mounts, "sealed/key/1");
  (void)read(**mounts, "default/no/such");
  const std::string text = metrics_->expose();
  for (const char* const sample :
       {R"(kbs_mount_operations_total{mount="sealed",operation="write"} 1)",
        R"(kbs_mount_operations_total{mount="sealed",operation="read"} 1)",
        R"(kbs_mount_errors_total{mount="plain",operation="read",kind="not_found"} 1)",
        R"(kbs_mount_operation_duration_seconds_count{mount="sealed",operation="read"} 1)"}) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
}

TEST_F(MountsTest, AMountThatCannotBeOpenedIsNamed) {
  put("file", "");
  struct Case {
    std::string text;
    const char* say;
    const char* why;
  };
  const std::string sealed = mount("s", "", "local_fs", directory("d") + "[mounts.encryption]\n");
  const Case cases[] = {
      {mount("a", "", "local_fs", directory("file/below")),
       "mount \"a\" (local_fs): ", "no directory"},
      {sealed + "key_file = \"" + path("no-such-key") + "\"\n", "no-such-key", "no key"},
      {sealed + "key_file = \"" + path("file") + "\"\n", "mount \"s\" (local_fs): ", "empty key"},
      {sealed + "passphrase_env = \"KBS_NO_SUCH_VARIABLE\"\n", "KBS_NO_SUCH_VARIABLE",
       "no passphrase"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto mounts = open(kServer + c.text);
    ASSERT_FALSE(mounts);
    EXPECT_THAT(describe(mounts.error()), HasSubstr(c.say));
  }
}

TEST_F(MountsTest, EveryHistoricalSpellingServesItsFiles) {
  std::filesystem::create_directories(path("tree/default/key"));
  std::ofstream(path("tree/default/key/1")) << "old tree";
  std::filesystem::create_directories(path("kv/repository"));
  std::ofstream(path("kv/repository/default\\x2Fkey\\x2F1")) << "new flat";
  std::filesystem::create_directories(path("lj"));
  put("lj/repository", R"({"default/key/1":"anNvbg=="})");
  const std::string plugin = "[[plugins]]\nname = \"resource\"\n";
  const auto store = [this](const std::string& type, const std::string& table,
                            const std::string& key, const std::string& dir) {
    return "[storage_backend]\nstorage_type = \"" + type + "\"\nbackends." + table + " = { " + key +
           " = \"" + path(dir) + "\" }\n";
  };
  struct Case {
    std::string text;
    const char* value;
    const char* lies_in;
    const char* why;
  };
  const Case cases[] = {
      {plugin + "type = \"LocalFs\"\ndir_path = \"" + path("tree") + "\"\n", "old tree",
       "tree/a/b/c", "v0.11 to v0.18"},
      {"[repository_config]\ntype = \"LocalFs\"\ndir_path = \"" + path("tree") + "\"\n", "old tree",
       "tree/a/b/c", "before v0.11"},
      {store("LocalFs", "local_fs", "dir_path", "kv") + plugin + "type = \"kvstorage\"\n",
       "new flat", "kv/repository/a\\x2Fb\\x2Fc", "v0.19"},
      {store("LocalFs", "local_fs", "dir_path", "kv") + plugin +
           "storage_backend_type = \"kvstorage\"\n",
       "new flat", "kv/repository/a\\x2Fb\\x2Fc", "v0.20"},
      {store("LocalJson", "local_json", "file_dir_path", "lj") + plugin, "json", "",
       "one JSON file"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto mounts = open(kServer + c.text);
    ASSERT_TRUE(mounts) << describe(mounts.error());
    EXPECT_EQ(read(**mounts, "default/key/1"), c.value);
    const auto first = write(**mounts, "a/b/c", "first");
    ASSERT_TRUE(first) << describe(first.error());
    ASSERT_TRUE(write(**mounts, "a/b/c", "second"));
    EXPECT_EQ(read(**mounts, "a/b/c"), "second");
    if (*c.lies_in == 0) {
      EXPECT_THAT(get("lj/repository"), HasSubstr("c2Vjb25k")) << "base64 of the value";
      continue;
    }
    EXPECT_EQ(get(c.lies_in), "second");
    const auto earlier =
        run_to_end((*mounts)->read(*ResourceId::parse("a/b/c"), storage::ReadOptions{*first}));
    ASSERT_TRUE(earlier) << "history is kept for the old forms too";
    EXPECT_EQ(earlier->value.expose_text(), "first");
    std::filesystem::remove(path(c.lies_in));
  }
}

}  // namespace
}  // namespace kbs::server
