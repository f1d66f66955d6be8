// Files that people, kubectl and CSI drivers put into the repository directory.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kTree = "default/key/1";

TEST(LocalFsByHand, AFileDroppedInEitherLayoutIsAResourceAtOnce) {
  for (const char* name : {kTree, kFlat}) {
    for (Layout layout : {Layout::tree, Layout::flat}) {
      TestStore store(layout);
      store.dir.put(name, "by hand");
      EXPECT_EQ(store.text(kTree), "by hand");
      EXPECT_THAT(store.paths(), ElementsAre(kTree));
      store.dir.put(name, "edited");
      EXPECT_EQ(store.text(kTree), "edited");
      ASSERT_TRUE(store.remove(kTree));
      EXPECT_EQ(store.text(kTree), "<not_found>");
    }
  }
}

TEST(LocalFsByHand, OfTwoCopiesTheNewerIsServedAndAWarningIsLogged) {
  struct Case {
    int tree_age;
    int flat_age;
    const char* want;
    const char* why;
  };
  const Case cases[] = {{10, 20, "tree", "the tree is newer"},
                        {20, 10, "flat", "the flat file is newer"},
                        {10, 10, "flat", "equally old"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TestStore store;
    std::string log;
    ASSERT_TRUE(configure_log("warn", LogFormat::json));
    store.dir.put(kTree, "tree");
    store.dir.put(kFlat, "flat");
    const auto now = fs::file_time_type::clock::now();
    fs::last_write_time(store.dir.path() / kTree, now - std::chrono::seconds(c.tree_age));
    fs::last_write_time(store.dir.path() / kFlat, now - std::chrono::seconds(c.flat_age));
    set_log_sink_for_testing(&log);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(store.text(kTree), c.want);
    EXPECT_THAT(store.paths(), ElementsAre(kTree)) << "listed once";
    set_log_sink_for_testing(nullptr);
    EXPECT_THAT(log, HasSubstr(kTree));
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << "and not on every read";
  }
}

TEST(LocalFsByHand, AnOldPreciseTimeDecides) {
  TestStore store;
  store.dir.put(kTree, "tree");
  store.dir.put(kFlat, "flat");
  const timespec tree[2] = {{1000, 2}, {1000, 2}};
  const timespec flat[2] = {{1000, 1}, {1000, 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, store.dir.at(kTree).c_str(), tree, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, store.dir.at(kFlat).c_str(), flat, 0), 0);
  EXPECT_EQ(store.text(kTree), "tree") << "by one nanosecond";
}

/// What must be refused in place of a file, made at a given path.
struct Intruder {
  const char* name;
  bool (*make)(const TestStore& store, const std::string& path);
};

bool link_to(const std::string& target, const std::string& path) {
  std::error_code error;
  fs::create_symlink(target, path, error);
  return !error;
}

const Intruder kIntruders[] = {
    {"FIFO", [](const TestStore&, const std::string& p) { return ::mkfifo(p.c_str(), 0600) == 0; }},
    {"device",
     [](const TestStore&, const std::string& p) {
       return ::mknod(p.c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0;  // /dev/zero never ends
     }},
    {"directory", [](const TestStore&, const std::string& p) { return fs::create_directory(p); }},
    {"socket",
     [](const TestStore&, const std::string& p) {
       sockaddr_un address{};
       address.sun_family = AF_UNIX;
       if (p.size() >= sizeof address.sun_path) return false;
       p.copy(address.sun_path, p.size());
       const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
       return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
     }},
    {"absolute link",
     [](const TestStore&, const std::string& p) { return link_to("/etc/passwd", p); }},
    {"link upwards",
     [](const TestStore&, const std::string& p) {
       return link_to("../../../../../../../../etc/passwd", p);
     }},
    {"link to the device",
     [](const TestStore&, const std::string& p) { return link_to("/dev/zero", p); }},
    {"link to itself",
     [](const TestStore&, const std::string& p) {
       return link_to(fs::path(p).filename().string(), p);
     }},
};

TEST(LocalFsByHand, WhatIsNoRegularFileBelowTheRootIsRefusedWithoutWaiting) {
  for (const Intruder& intruder : kIntruders) {
    for (const char* name : {kTree, kFlat}) {
      SCOPED_TRACE(std::string(intruder.name) + " as " + name);
      TestStore store;
      fs::create_directories(store.dir.path() / "default/key");
      if (!intruder.make(store, store.dir.at(name))) {
        std::printf("skipped: this system does not let us make a %s\n", intruder.name);
        continue;
      }
      const auto start = std::chrono::steady_clock::now();
      auto got = store.read(kTree);
      ASSERT_FALSE(got);
      // A file system mounted `nodev` refuses devices by itself, as a matter of permission.
      const bool nodev =
          std::string_view(intruder.name) == "device" && got.error().kind == ErrorKind::unavailable;
      EXPECT_TRUE(nodev || got.error().kind == ErrorKind::internal) << describe(got.error());
      EXPECT_THAT(got.error().detail, HasSubstr(kTree));
      EXPECT_THAT(got.error().message, ::testing::Not(HasSubstr(store.dir.path().string())));
      EXPECT_TRUE(store.paths().empty());
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    }
  }
}

TEST(LocalFsByHand, NothingIsWrittenOverOrThroughALink) {
  testing::TempDir outside;
  outside.put("precious", "mine");
  for (const std::string& target : {outside.at("precious"), std::string("../../inside")}) {
    TestStore store;
    store.dir.put("inside", "mine");
    fs::create_directories(store.dir.path() / "default/key");
    fs::create_symlink(target, store.dir.path() / kTree);
    auto written = store.write(kTree, "theirs");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::conflict);
    EXPECT_THAT(written.error().message, HasSubstr("symbolic link"));
    EXPECT_TRUE(fs::is_symlink(store.dir.path() / kTree));
    ASSERT_TRUE(store.remove(kTree)) << "deleting takes the link and nothing else";
    EXPECT_FALSE(fs::is_symlink(store.dir.path() / kTree));
    EXPECT_EQ(store.dir.get("inside"), "mine");
    EXPECT_EQ(outside.get("precious"), "mine");
    EXPECT_FALSE(store.dir.has_leftovers());
  }
}

TEST(LocalFsByHand, ADirectoryThatIsALinkIsReadAndNeverChanged) {
  testing::TempDir outside;
  outside.put("key/1", "outside");
  for (Layout layout : {Layout::tree, Layout::flat}) {
    TestStore store(layout);
    store.dir.put("real/key/1", "inside");
    fs::create_symlink("real", store.dir.path() / "alias");
    fs::create_symlink(outside.path(), store.dir.path() / "escape");
    EXPECT_EQ(store.text("alias/key/1"), "inside");
    EXPECT_EQ(store.text("escape/key/1"), "<internal>");
    EXPECT_THAT(store.paths(), ElementsAre("alias/key/1", "real/key/1"));
    for (const char* path : {"alias/key/1", "escape/key/1"}) {
      SCOPED_TRACE(path);
      auto removed = store.remove(path);
      EXPECT_FALSE(removed);
      if (layout == Layout::tree) EXPECT_FALSE(store.write(path, "x"));
    }
    EXPECT_EQ(store.write("alias/key/1", "x").error().kind, ErrorKind::conflict);
    EXPECT_EQ(store.dir.get("real/key/1"), "inside");
    EXPECT_EQ(outside.get("key/1"), "outside");
  }
}

TEST(LocalFsByHand, ADanglingLinkIsAnAbsence) {
  TestStore store;
  fs::create_directories(store.dir.path() / "default/key");
  fs::create_symlink("nowhere", store.dir.path() / kTree);
  EXPECT_EQ(store.text(kTree), "<not_found>");
  EXPECT_TRUE(store.paths().empty());
}

TEST(LocalFsByHand, AStrayFifoDoesNotHideTheRealFile) {
  TestStore store;
  store.dir.put(kTree, "real");
  ASSERT_EQ(::mkfifo(store.dir.at(kFlat).c_str(), 0600), 0);
  EXPECT_EQ(store.text(kTree), "real");
  EXPECT_THAT(store.paths(), ElementsAre(kTree));
}

/// One published version of a volume, as the kubelet's atomic writer and the CSI drivers lay it
/// out.
void publish(const fs::path& mount, int version, const std::string& value) {
  const std::string data = "..2026_08_21_10_00_00." + std::to_string(version);
  fs::create_directories(mount / data);
  std::ofstream(mount / data / "name", std::ios::binary) << value;
  fs::remove(mount / "..data_tmp");
  fs::create_directory_symlink(data, mount / "..data_tmp");
  fs::rename(mount / "..data_tmp", mount / "..data");
  if (version > 0) fs::remove_all(mount / ("..2026_08_21_10_00_00." + std::to_string(version - 1)));
}

TEST(LocalFsByHand, AVolumeIsServedWholeWhileItsDataIsSwapped) {
  TestStore store;
  const fs::path mount = store.dir.path() / "default/akv";
  publish(mount, 0, std::string(5000, 'a'));
  fs::create_symlink("..data/name", mount / "name");
  EXPECT_EQ(store.text("default/akv/name"), std::string(5000, 'a'));
  EXPECT_THAT(store.paths(), ElementsAre("default/akv/name"));
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    for (int i = 1; !stop; ++i) {
      publish(mount, i, std::string(5000, static_cast<char>('a' + i % 26)));
      // The kubelet swaps once a minute; a thousand times a second is trial enough.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  int bad = 0;
  for (int i = 0; i < 3000; ++i) {
    auto got = store.read("default/akv/name");
    const bool whole = got && got->value.size() == 5000 &&
                       got->value.expose_text().find_first_not_of(got->value.expose_text()[0]) ==
                           std::string_view::npos;
    if (!whole) ++bad;
  }
  stop = true;
  swapper.join();
  EXPECT_EQ(bad, 0);
}

TEST(LocalFsByHand, AFileRewrittenInPlaceWhileBeingReadIsReadAgain) {
  testing::FaultyFiles files;
  TestStore store(Layout::tree, files);
  store.dir.put(kTree, "old value");
  int rewrites = 1;
  files.before("pread", [&] {
    // Of another length each time: a coarse clock may not tell the rewrites apart.
    if (rewrites-- > 0) store.dir.put(kTree, "newer" + std::string(rewrites % 2 + 1u, '!'));
  });
  EXPECT_EQ(store.text(kTree), "newer!");
  rewrites = 1'000'000;
  auto never = store.read(kTree);
  ASSERT_FALSE(never) << "it never holds still, and half of it is not an answer";
  EXPECT_EQ(never.error().kind, ErrorKind::unavailable);
}

TEST(LocalFsByHand, AResourceThatMovesBetweenTheTwoLooksIsStillFound) {
  testing::FaultyFiles files;
  TestStore store(Layout::flat, files);
  store.dir.put(kTree, "old");
  bool moved = false;
  // The flat name was looked for, in vain; now another server rewrites the resource, before we look
  // for the tree.
  files.before(std::string("open_beneath ") + kTree, [&] {
    if (std::exchange(moved, true)) return;
    store.dir.put(kFlat, "new");
    fs::remove_all(store.dir.path() / "default");
  });
  EXPECT_EQ(store.text(kTree), "new");
  EXPECT_TRUE(moved);
}

TEST(LocalFsByHand, AFileTooLargeIsRefusedUnread) {
  TestStore store;
  store.dir.put(kTree, "");
  fs::resize_file(store.dir.path() / kTree, 1ull << 40);  // a hole: costs nothing on disk
  EXPECT_EQ(store.text(kTree), "<too_large>");
}

TEST(LocalFsByHand, AFileInPlaceOfADirectoryIsNamedOnWriting) {
  TestStore store;
  store.dir.put("default", "a file");
  EXPECT_EQ(store.text(kTree), "<not_found>");
  auto written = store.write(kTree, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::conflict);
  EXPECT_EQ(store.dir.get("default"), "a file");
}

}  // namespace
}  // namespace kbs::storage::local_fs
