// What other hands change is told, by whatever road it comes.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

namespace fs = std::filesystem;

/// What was told, waited for.
class Ears {
 public:
  ChangeListener listener() {
    return [this](std::string_view prefix) {
      const std::lock_guard guard(lock_);
      heard_.emplace_back(prefix);
      more_.notify_all();
    };
  }
  /// Something that covers `path`.
  bool hear(const std::string& path, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    std::unique_lock guard(lock_);
    return more_.wait_for(guard, limit, [&] {
      return std::any_of(heard_.begin(), heard_.end(), [&](const std::string& prefix) {
        return prefix == path ||
               ((prefix.empty() || prefix.ends_with('/')) && path.starts_with(prefix));
      });
    });
  }
  bool heard_exactly(const std::string& prefix) {
    const std::lock_guard guard(lock_);
    return std::find(heard_.begin(), heard_.end(), prefix) != heard_.end();
  }
  void forget() {
    const std::lock_guard guard(lock_);
    heard_.clear();
  }

 private:
  std::mutex lock_;
  std::condition_variable more_;
  std::vector<std::string> heard_;
};

void swap_data(const fs::path& mount, const std::string& data) {
  fs::create_directory_symlink(data, mount / "..tmp");
  fs::rename(mount / "..tmp", mount / "..data");
}

TEST(LocalFsWatch, TellsOfEveryKindOfChange) {
  TestStore store;
  store.dir.put("default/key/1", "one");
  store.dir.put(kFlat + std::string("0"), "flat");
  const fs::path root = store.dir.path();
  struct Case {
    const char* why;
    std::function<void()> change;
    const char* path;
  };
  const Case cases[] = {
      {"edited in place", [&] { store.dir.put("default/key/1", "two"); }, "default/key/1"},
      {"a flat file", [&] { store.dir.put(kFlat + std::string("0"), "x"); }, "default/key/10"},
      {"a new one", [&] { store.dir.put("default/key/2", "x"); }, "default/key/2"},
      {"a new type", [&] { store.dir.put("default/new/1", "x"); }, "default/new/1"},
      {"in the new type", [&] { store.dir.put("default/new/1", "y"); }, "default/new/1"},
      {"a new repository", [&] { store.dir.put("more/new/1", "x"); }, "more/new/1"},
      {"deep in the new one", [&] { store.dir.put("more/new/1", "y"); }, "more/new/1"},
      {"removed", [&] { fs::remove(root / "default/key/2"); }, "default/key/2"},
      {"renamed away", [&] { fs::rename(root / "default/new/1", root / "default/new/2"); },
       "default/new/1"},
      {"a type moved away", [&] { fs::rename(root / "default/new", root / "default/.aside"); },
       "default/new/2"},
      {"and back", [&] { fs::rename(root / "default/.aside", root / "default/new"); },
       "default/new/2"},
      {"in the type that came back", [&] { store.dir.put("default/new/2", "z"); }, "default/new/2"},
      {"a repository removed", [&] { fs::remove_all(root / "more"); }, "more/new/1"},
  };
  Ears ears;
  auto subscription = store.backend->watch(ears.listener());
  ASSERT_NE(subscription, nullptr);
  for (const Case& c : cases) {
    ears.forget();
    c.change();
    EXPECT_TRUE(ears.hear(c.path)) << c.why;
  }
  EXPECT_FALSE(ears.heard_exactly("")) << "precisely, not everything";
}

TEST(LocalFsWatch, TellsOfAVolumeWhoseDataIsSwapped) {
  TestStore store;
  const fs::path mount = store.dir.path() / "default/key";
  store.dir.put("default/key/..1/a", "one");
  swap_data(mount, "..1");
  fs::create_symlink("..data/a", mount / "a");
  Ears ears;
  auto subscription = store.backend->watch(ears.listener());
  ASSERT_NE(subscription, nullptr);
  for (int i = 2; i < 5; ++i) {
    const std::string data = ".." + std::to_string(i);
    store.dir.put("default/key/" + data + "/a", "new");
    ears.forget();
    swap_data(mount, data);
    EXPECT_TRUE(ears.hear("default/key/a")) << "swapped";
    ASSERT_TRUE(ears.hear("default/key/", std::chrono::seconds(1)));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ears.forget();
    store.dir.put("default/key/" + data + "/a", "edited behind the link");
    EXPECT_TRUE(ears.hear("default/key/a")) << "edited behind the link";
  }
}

TEST(LocalFsWatch, TellsOfWhatLiesBehindOtherLinks) {
  TestStore store;
  store.dir.put("real/key/1", "x");
  store.dir.put("default/key/2", "x");
  fs::create_directory_symlink("real", store.dir.path() / "alias");
  fs::create_symlink("../../real/key/1", store.dir.path() / "default/key/linked");
  Ears ears;
  auto subscription = store.backend->watch(ears.listener());
  ASSERT_NE(subscription, nullptr);
  store.dir.put("real/key/1", "edited");
  EXPECT_TRUE(ears.hear("real/key/1"));
  EXPECT_TRUE(ears.hear("alias/key/1")) << "a directory that is a link";
  EXPECT_TRUE(ears.hear("default/key/linked")) << "a file that is a link";
}

TEST(LocalFsWatch, TellsOfTheOtherProcessAndOfRootsThatComeAndGo) {
  testing::TempDir dir;
  Options options;
  options.roots = {{dir.at("root")}, {dir.at("absent")}};
  TestStore store(options);
  TestStore other(options);
  ASSERT_TRUE(store.write("default/key/1", "one"));
  Ears ears;
  auto subscription = store.backend->watch(ears.listener());
  ASSERT_NE(subscription, nullptr);
  ASSERT_TRUE(other.write("default/key/1", "two"));
  EXPECT_TRUE(ears.hear("default/key/1"));
  ears.forget();
  fs::rename(dir.path() / "root", dir.path() / "aside");
  EXPECT_TRUE(ears.hear("anything/at/all"));
  dir.put("root/default/key/1", "x");
  ears.forget();
  EXPECT_TRUE(ears.hear("default/key/1")) << "a root that came back";
  ears.forget();
  dir.put("root/default/key/1", "y");
  EXPECT_TRUE(ears.hear("default/key/1")) << "and is watched again";
  ears.forget();
  dir.put("absent/default/key/3", "x");
  EXPECT_TRUE(ears.hear("default/key/3")) << "a root that appears";
}

TEST(LocalFsWatch, EverySubscriberIsToldUntilItEnds) {
  TestStore store;
  store.dir.put("default/key/1", "x");
  Ears first;
  Ears second;
  auto one = store.backend->watch(first.listener());
  auto two = store.backend->watch(second.listener());
  store.dir.put("default/key/1", "y");
  EXPECT_TRUE(first.hear("default/key/1") && second.hear("default/key/1"));
  one.reset();
  first.forget();
  second.forget();
  store.dir.put("default/key/1", "z");
  EXPECT_TRUE(second.hear("default/key/1"));
  EXPECT_FALSE(first.hear("default/key/1", std::chrono::milliseconds(1)));
  two.reset();
  auto again = store.backend->watch(first.listener());
  store.dir.put("default/key/1", "again");
  EXPECT_TRUE(first.hear("default/key/1")) << "after the last has gone, a new one";
  store.backend.reset();
  again.reset();  // outlives the backend
}

}  // namespace
}  // namespace kbs::storage::local_fs
