#include "storage/local_fs/local_fs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "storage/local_fs/names.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/conformance.h"
#include "storage/testing/faulty_files.h"

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
  LocalFsFixture(Layout layout, unsigned versions) {
    options_.roots = {{dir_.at("repository")}};
    options_.layout = layout;
    options_.versions = versions;
    options_.max_value_bytes = 2u << 20;
    reopen();
  }
  ~LocalFsFixture() override {
    pool_.join();
    EXPECT_FALSE(dir_.has_leftovers());
  }
  Backend& backend() override { return *backend_; }
  kbs::testing::ManualClock* clock() override { return &clock_; }
  std::optional<std::size_t> kept_versions() override {
    return options_.versions == 0 ? std::nullopt : std::optional<std::size_t>(options_.versions);
  }
  bool put_by_hand(const ResourceId& id, std::string_view value) override {
    const std::string name = options_.layout == Layout::flat ? Names(id).flat : id.path();
    dir_.put("repository/" + name, value);
    return true;
  }
  bool make_unavailable() override {
    fs::rename(dir_.path() / "repository", dir_.path() / "aside");
    return true;
  }
  bool make_forbidden() override {
    forbidden_ = true;
    files_.fail_all("", EACCES);
    return true;
  }
  void heal() override {
    if (std::exchange(forbidden_, false)) return files_.fail_all("", 0);
    fs::rename(dir_.path() / "aside", dir_.path() / "repository");
  }
  bool reopen() override {
    auto made = make(options_, Services{files_, clock_, pool_});
    if (!made) std::abort();
    backend_ = std::move(*made);
    return true;
  }

 private:
  TempDir dir_;
  testing::FaultyFiles files_;
  kbs::testing::ManualClock clock_;
  asio::thread_pool pool_{4};
  Options options_;
  BackendPtr backend_;
  bool forbidden_ = false;
};

Subject subject(const char* name, Layout layout, unsigned versions) {
  return {name, [=] { return std::make_unique<LocalFsFixture>(layout, versions); }};
}

INSTANTIATE_TEST_SUITE_P(LocalFs, Conformance,
                         ::testing::Values(subject("tree", Layout::tree, 10),
                                           subject("flat", Layout::flat, 10),
                                           subject("tree_of_few", Layout::tree, 3),
                                           subject("tree_without_history", Layout::tree, 0),
                                           subject("flat_without_history", Layout::flat, 0)),
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
  std::vector<fs::path> rest;
  for (const auto& entry : fs::recursive_directory_iterator(store.dir.path())) {
    rest.push_back(fs::relative(entry.path(), store.dir.path()));
  }
  EXPECT_THAT(rest, ::testing::UnorderedElementsAre(".history", ".history/.lock"));
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
  kbs::testing::ManualClock clock(system_clock().now());
  TestStore store(Layout::tree, system_files(), clock);
  const char* left[] = {".kbs-tmp-1", "default/key/.kbs-tmp-2", ".history/a/b/c/.kbs-tmp-3"};
  for (const char* name : left) store.dir.put(name, "x");
  for (const char* name : {".other", "default/key/.kbs", "default/key/1"}) store.dir.put(name, "x");
  // A file that is to take the place of an older one bears its date while it is being written.
  fs::last_write_time(store.dir.path() / left[1],
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  store.reopen();
  for (const char* name : left) EXPECT_TRUE(fs::exists(store.dir.path() / name)) << name;
  clock.advance(std::chrono::minutes(2));
  store.reopen();
  for (const char* name : left) EXPECT_FALSE(fs::exists(store.dir.path() / name)) << name;
  for (const char* name : {".other", "default/key/.kbs", "default/key/1"}) {
    EXPECT_TRUE(fs::exists(store.dir.path() / name)) << name << " is not ours";
  }
  EXPECT_FALSE(fs::exists(store.dir.path() / ".history/a")) << "nor are empty directories left";
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
