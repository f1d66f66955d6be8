// Large stores: a page costs a page, whatever lies around it.
#include <gmock/gmock.h>

#include <cerrno>

#include "storage/local_fs/name_cache.h"
#include "storage/local_fs/names.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::ElementsAre;
using testing::FaultyFiles;
namespace fs = std::filesystem;

constexpr std::size_t kMany = 20'000;

struct Shape {
  const char* name;
  Layout layout;
  std::string (*path)(int);
};

const Shape kShapes[] = {
    {"flat", Layout::flat, [](int i) { return "default/key/" + std::to_string(i); }},
    {"all in one type", Layout::tree, [](int i) { return "default/key/" + std::to_string(i); }},
    {"spread", Layout::tree,
     [](int i) {
       return "r" + std::to_string(i % 20) + "/t" + std::to_string(i % 7) + "/" + std::to_string(i);
     }},
};

void fill(const TestStore& store, const Shape& shape, std::vector<std::string>& want) {
  const Fd root(::open(store.dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t i = 0; i < kMany; ++i) {
    std::string path = shape.path(static_cast<int>(i));
    const Names names(*ResourceId::parse(path));
    if (shape.layout == Layout::tree) {
      (void)::mkdirat(root.get(), names.dirs[0].c_str(), 0700);
      (void)::mkdirat(root.get(), (names.dirs[0] + '/' + names.dirs[1]).c_str(), 0700);
    }
    const Fd made(
        ::openat(root.get(), names.of(shape.layout).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ASSERT_TRUE(made);
    want.push_back(std::move(path));
  }
  std::sort(want.begin(), want.end());
}

std::size_t count(const std::vector<std::string>& record, std::string_view beginning) {
  return static_cast<std::size_t>(
      std::count_if(record.begin(), record.end(),
                    [&](const std::string& each) { return each.starts_with(beginning); }));
}

TEST(LocalFsListing, ReadsALargeDirectoryOnceForAllItsPages) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(shape.name);
    FaultyFiles files;
    TestStore store(shape.layout, files);
    std::vector<std::string> want;
    fill(store, shape, want);
    // Only directories that have not changed for a moment are remembered.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    files.fail_nth(0, 0);
    std::vector<std::string> got;
    std::size_t pages = 0;
    ListOptions options{"", 1000, ""};
    do {
      auto page = run(store.backend->list(options));
      ASSERT_TRUE(page);
      EXPECT_LE(page->entries.size(), 1000u);
      for (const Entry& entry : page->entries) got.push_back(entry.path);
      options.cursor = page->next;
      ++pages;
    } while (!options.cursor.empty());
    EXPECT_EQ(got, want);
    const auto record = files.record();
    // Per resource: a look, an opening, a look, an attribute; and some for each page and directory.
    EXPECT_LE(record.size(), kMany * 4 + pages * 60 + std::size_t{140} * 6);
    const bool spread = shape.path(1) != "default/key/1";
    EXPECT_LE(count(record, "list"), spread ? 160u + 6u * pages : 3u + 2u * pages);
  }
}

TEST(LocalFsListing, APrefixReadsOnlyWhatCanHoldIt) {
  FaultyFiles files;
  TestStore store(Layout::tree, files);
  std::vector<std::string> want;
  fill(store, kShapes[2], want);
  files.fail_nth(0, 0);
  auto page = run(store.backend->list({"r3/t5/", 1000, ""}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->entries.size(), static_cast<std::size_t>(std::count_if(
                                      want.begin(), want.end(), [](const std::string& each) {
                                        return each.starts_with("r3/t5/");
                                      })));
  EXPECT_EQ(count(files.record(), "list"), 3u);
}

TEST(LocalFsListing, ShowsEveryChangeAtOnce) {
  TestStore store;
  for (int i = 0; i < 600; ++i) store.dir.put("default/key/" + std::to_string(1000 + i), "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(run(store.backend->list({"", 10, ""})));  // remembered from here on
    const std::string path = "default/key/0" + std::to_string(i);
    store.dir.put(path, "x");
    EXPECT_EQ(store.paths().front(), path);
    fs::remove(store.dir.path() / path);
    EXPECT_EQ(store.paths().front(), "default/key/1000");
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(60));
  }
}

TEST(LocalFsListing, WhatIsRememberedHoldsForAnUnchangedDirectoryOnly) {
  testing::TempDir dir;
  for (int i = 0; i < 600; ++i) dir.put("d/" + std::to_string(i), "");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  FaultyFiles files;
  NameCache cache;
  const Fd fd(::open(dir.at("d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto lists = [&](Order order) {
    files.fail_nth(0, 0);
    auto names = cache.names(files, fd.get(), order);
    EXPECT_TRUE(names);
    return count(files.record(), "list");
  };
  EXPECT_EQ(lists(Order::tags), 1u);
  EXPECT_EQ(lists(Order::tags), 0u);
  EXPECT_EQ(lists(Order::directories), 1u) << "in another order";
  EXPECT_EQ(lists(Order::tags), 0u) << "two are remembered";
  dir.put("d/new", "");
  EXPECT_EQ(lists(Order::tags), 1u);
  dir.put("d/newer", "");
  EXPECT_EQ(lists(Order::tags), 1u) << "a directory that changed just now may change again unseen";
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(lists(Order::tags), 1u);
  EXPECT_EQ(lists(Order::tags), 0u);
  cache.clear();
  EXPECT_EQ(lists(Order::tags), 1u);
}

TEST(LocalFsListing, FollowsLinksAndSkipsWhatIsNoFile) {
  TestStore store;
  store.dir.put("default/key/..data/linked", "x");
  store.dir.put("default/key/plain", "x");
  fs::create_symlink("..data/linked", store.dir.path() / "default/key/linked");
  fs::create_symlink("nowhere", store.dir.path() / "default/key/dangling");
  fs::create_directory(store.dir.path() / "default/key/directory");
  store.dir.put(R"(default\x2Fkey\x2Fplain)", "y");
  store.dir.put(R"(default\x2Fkey\x2Fflat)", "y");
  EXPECT_THAT(store.paths(),
              ElementsAre("default/key/flat", "default/key/linked", "default/key/plain"));
}

TEST(LocalFsListing, AnErrorIsToldAndNotAShorterList) {
  for (int error : {EIO, EMFILE, EACCES}) {
    for (int nth = 1;; ++nth) {
      FaultyFiles files;
      TestStore store(Layout::tree, files);
      store.dir.put("default/key/1", "x");
      store.dir.put(R"(default\x2Fkey\x2F2)", "x");
      files.fail_nth(nth, error);
      auto page = run(store.backend->list({}));
      if (!files.failed()) break;
      if (page) {
        EXPECT_EQ(page->entries.size(), 2u) << "call " << nth;
      } else {
        EXPECT_EQ(page.error().kind, ErrorKind::unavailable) << describe(page.error());
      }
    }
  }
}

}  // namespace
}  // namespace kbs::storage::local_fs
