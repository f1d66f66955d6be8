#include "storage/local_fs/local_fs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "storage/local_fs/test_store.h"
#include "storage/testing/conformance.h"

namespace kbs::storage::local_fs {
namespace {

using testing::Conformance;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Subject;
using testing::TempDir;
namespace fs = std::filesystem;

class LocalFsFixture final : public testing::Fixture {
 public:
  explicit LocalFsFixture(Layout layout) {
    Options options;
    options.roots = {{dir_.at("repository")}};
    options.layout = layout;
    options.max_value_bytes = 2u << 20;
    auto made = make(options, Services{system_files(), system_clock(), pool_});
    if (!made) std::abort();
    backend_ = std::move(*made);
  }
  ~LocalFsFixture() override {
    pool_.join();
    EXPECT_FALSE(dir_.has_leftovers());
  }
  Backend& backend() override { return *backend_; }

 private:
  TempDir dir_;
  asio::thread_pool pool_{4};
  BackendPtr backend_;
};

INSTANTIATE_TEST_SUITE_P(
    LocalFs, Conformance,
    ::testing::Values(
        Subject{"tree", [] { return std::make_unique<LocalFsFixture>(Layout::tree); }},
        Subject{"flat", [] { return std::make_unique<LocalFsFixture>(Layout::flat); }}),
    testing::name_of);

mode_t mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(LocalFs, WritesTheLayoutItWasToldAndOnlyThat) {
  TestStore tree(Layout::tree);
  ASSERT_TRUE(tree.write("default/key/1", "v"));
  EXPECT_EQ(tree.dir.get("default/key/1"), "v");
  EXPECT_FALSE(fs::exists(tree.dir.path() / kFlat));
  TestStore flat(Layout::flat);
  ASSERT_TRUE(flat.write("default/key/1", "v"));
  EXPECT_EQ(flat.dir.get(kFlat), "v");
  EXPECT_FALSE(fs::exists(flat.dir.path() / "default"));
}

TEST(LocalFs, WhatItWritesIsPrivate) {
  const mode_t before = ::umask(0);
  TempDir dir;
  Options options;
  options.roots = {{dir.at("a/b/repository")}};
  TestStore store(options);
  ASSERT_TRUE(store.write("default/key/1", "v"));
  ::umask(before);
  for (const char* made :
       {"a", "a/b", "a/b/repository", "a/b/repository/default", "a/b/repository/default/key"}) {
    EXPECT_EQ(mode_of(dir.at(made)), 0700u) << made;
  }
  const std::string file = dir.at("a/b/repository/default/key/1");
  EXPECT_EQ(mode_of(file), 0600u);
  fs::permissions(file, fs::perms(0644));
  ASSERT_TRUE(store.write("default/key/1", "w"));
  EXPECT_EQ(mode_of(file), 0600u) << "not the mode of the file it replaces";
}

TEST(LocalFs, RewritingLeavesNoSecondCopyInTheOtherLayout) {
  for (Layout layout : {Layout::tree, Layout::flat}) {
    TestStore store(layout);
    store.dir.put("default/key/1", "old tree");
    store.dir.put(kFlat, "old flat");
    ASSERT_TRUE(store.write("default/key/1", "new"));
    EXPECT_EQ(store.text("default/key/1"), "new");
    EXPECT_EQ(fs::exists(store.dir.path() / kFlat), layout == Layout::flat);
    EXPECT_EQ(fs::exists(store.dir.path() / "default"), layout == Layout::tree)
        << "with the last file go the directories";
  }
}

TEST(LocalFs, ARewriteIsServedEvenWhenTheOtherCopyComesFromTheFuture) {
  TestStore store(Layout::flat);
  store.dir.put("default/key/1", "from 2099");
  const auto future = fs::file_time_type::clock::now() + std::chrono::hours(24 * 365 * 50);
  fs::last_write_time(store.dir.path() / "default/key/1", future);
  ASSERT_TRUE(store.write("default/key/1", "new"));
  EXPECT_EQ(store.text("default/key/1"), "new");
  ASSERT_TRUE(store.write("default/key/2", "other"));
  auto other = store.read("default/key/2");
  ASSERT_TRUE(other);
  EXPECT_LT(other->metadata.updated, system_clock().now() + std::chrono::hours(1))
      << "the wrong date does not spread";
}

TEST(LocalFs, TimeNeverGoesBackFromOneVersionToTheNext) {
  TestStore store;
  store.dir.put("default/key/1", "written by a clock that ran ahead");
  fs::last_write_time(store.dir.path() / "default/key/1",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  const auto before = store.read("default/key/1");
  ASSERT_TRUE(store.write("default/key/1", "new"));
  const auto after = store.read("default/key/1");
  ASSERT_TRUE(before && after);
  EXPECT_GE(after->metadata.updated, before->metadata.updated);
  EXPECT_NE(after->version, before->version);
}

TEST(LocalFs, DeletingRemovesBothCopiesAndEmptyDirectoriesOnly) {
  TestStore store;
  store.dir.put("default/key/1", "tree");
  store.dir.put("default/other/1", "neighbour");
  store.dir.put(kFlat, "flat");
  ASSERT_TRUE(store.remove("default/key/1"));
  EXPECT_EQ(store.text("default/key/1"), "<not_found>");
  EXPECT_FALSE(fs::exists(store.dir.path() / kFlat));
  EXPECT_FALSE(fs::exists(store.dir.path() / "default/key"));
  EXPECT_EQ(store.text("default/other/1"), "neighbour");
  ASSERT_TRUE(store.remove("default/other/1"));
  EXPECT_TRUE(fs::exists(store.dir.path())) << "never the root";
  EXPECT_TRUE(fs::is_empty(store.dir.path()));
}

TEST(LocalFs, LooksInItsRootsInOrder) {
  TempDir dir;
  Options options;
  options.roots = {{dir.at("first")}, {dir.at("absent")}, {dir.at("third"), true, false}};
  options.layout = Layout::flat;
  TestStore store(options);
  dir.put("third/default/key/1", "third");
  dir.put("third/default/key/2", "third");
  dir.put(R"(third/default\x2Fkey\x2F3)", "this root is a tree only");
  EXPECT_EQ(store.text("default/key/1"), "third");
  EXPECT_EQ(store.text("default/key/3"), "<not_found>");
  EXPECT_THAT(store.paths(), ElementsAre("default/key/1", "default/key/2"));
  dir.put("first/default/key/1", "first");
  EXPECT_EQ(store.text("default/key/1"), "first") << "though the file is in the other layout";
  ASSERT_TRUE(store.write("default/key/1", "new"));
  EXPECT_EQ(dir.get(std::string("first/") + kFlat), "new");
  EXPECT_FALSE(fs::exists(dir.path() / "third/default/key/1")) << "no old secret stays behind";
  EXPECT_THAT(store.paths(), ElementsAre("default/key/1", "default/key/2"));
  ASSERT_TRUE(store.remove("default/key/2"));
  EXPECT_EQ(store.text("default/key/2"), "<not_found>");
}

TEST(LocalFs, NothingButResourcesIsServedOrListed) {
  TestStore store;
  for (const char* path :
       {"kbs/resource-policy.rego", "top-level", ".history/a/b", "a/.b/c", "a/b/.c", "..data/key/1",
        "default/key/.kbs-tmp-0123", "a/b/c/d", "nebula-ca/ca.key"}) {
    store.dir.put(path, "secret");
  }
  EXPECT_TRUE(store.paths().empty());
  for (const char* path : {"kbs/resource-policy.rego/x", "a/b/c", "nebula-ca/ca/ca.key"}) {
    EXPECT_NE(store.text(path), "secret") << path;
  }
}

TEST(LocalFs, AReplacedRootIsNoticedAtOnce) {
  TempDir dir;
  Options options;
  options.roots = {{dir.at("root")}};
  TestStore store(options);
  ASSERT_TRUE(store.write("default/key/1", "old"));
  fs::rename(dir.path() / "root", dir.path() / "aside");
  auto gone = store.read("default/key/1");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::unavailable) << "an unmounted volume is not an absence";
  EXPECT_FALSE(run(store.backend->health()));
  dir.put("root/default/key/1", "new");
  EXPECT_EQ(store.text("default/key/1"), "new");
  EXPECT_TRUE(run(store.backend->health()));
}

TEST(LocalFs, LeftoversOfACrashGoAtStartUnlessSomebodyMayStillWriteThem) {
  TempDir dir;
  for (const char* name :
       {".kbs-tmp-old", ".kbs-tmp-young", "default/key/.kbs-tmp-old", ".other"}) {
    dir.put(std::string("root/") + name, "x");
    if (std::string_view(name).ends_with("young")) continue;
    fs::last_write_time(dir.path() / "root" / name,
                        fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  Options options;
  options.roots = {{dir.at("root")}};
  TestStore store(options);
  EXPECT_FALSE(fs::exists(dir.path() / "root/.kbs-tmp-old"));
  EXPECT_FALSE(fs::exists(dir.path() / "root/default/key/.kbs-tmp-old"));
  EXPECT_TRUE(fs::exists(dir.path() / "root/.kbs-tmp-young"));
  EXPECT_TRUE(fs::exists(dir.path() / "root/.other")) << "not ours";
}

TEST(LocalFs, TellsAtStartWhatIsWrongWithItsRoot) {
  TempDir dir;
  dir.put("file", "x");
  asio::thread_pool pool(1);
  const Services services{system_files(), system_clock(), pool};
  struct Case {
    std::vector<Root> roots;
    bool create;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {{}, true, "dir_path", "no root at all"},
      {{{""}}, true, "dir_path", "an empty path is not the working directory"},
      {{{dir.at("file")}}, true, "file", "a file instead of a directory"},
      {{{dir.at("file/below")}}, true, "file/below", "a file above it"},
      {{{dir.at("absent")}}, false, "absent", "not to be made"},
      {{{dir.at("flat"), false, true}}, true, "layout", "writes what it would not read"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Options options;
    options.roots = c.roots;
    options.create = c.create;
    auto made = make(options, services);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message, HasSubstr(c.says));
  }
  pool.join();
}

TEST(LocalFs, ListsATreeOfThousandsByPages) {
  TestStore store;
  std::vector<std::string> want;
  for (int i = 0; i < 3000; ++i) {
    const std::string path =
        "r" + std::to_string(i % 30) + "/t" + std::to_string(i % 7) + "/" + std::to_string(i);
    store.dir.put(path, "x");
    want.push_back(path);
  }
  std::sort(want.begin(), want.end());
  std::vector<std::string> got;
  ListOptions options{"", 333, ""};
  do {
    auto page = run(store.backend->list(options));
    ASSERT_TRUE(page);
    for (const Entry& entry : page->entries) got.push_back(entry.path);
    options.cursor = page->next;
  } while (!options.cursor.empty());
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace kbs::storage::local_fs
