// What changes a history, with every system call failing in turn: the resource and its history are
// as before or as after, and the next start finds nothing to wonder about.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/log.h"
#include "storage/local_fs/test_store.h"
#include "storage/testing/faulty_files.h"

namespace kbs::storage::local_fs {
namespace {

using ::testing::AnyOf;
using testing::FaultyFiles;
namespace fs = std::filesystem;

constexpr const char* kKey = "default/key/1";
using State = std::vector<std::string>;

/// One change of a resource that was written "one", "two", "three", with two earlier versions kept.
struct Change {
  const char* name;
  std::function<void(TestStore&)> prepare;
  std::function<Result<>(TestStore&, const std::vector<Entry>& versions)> make;
  State before;
  State after;
  State unfinished;  ///< also right: done, but something not yet tidied up
};

Result<> dropped(Result<VersionId> result) {
  if (!result) return tl::unexpected(std::move(result).error());
  return {};
}
void nothing(TestStore&) {}

const State kStart = {"three*", "two", "one"};
const Change kChanges[] = {
    {"write",
     nothing,
     [](TestStore& s, const auto&) { return dropped(s.write(kKey, "four")); },
     kStart,
     {"four*", "three", "two"},
     {"four*", "three", "two", "one"}},
    {"write over another layout",
     [](TestStore& s) { fs::rename(s.dir.path() / kKey, s.dir.path() / kFlat); },
     [](TestStore& s, const auto&) { return dropped(s.write(kKey, "four")); },
     kStart,
     {"four*", "three", "two"},
     {"four*", "three", "two", "one"}},
    {"write over what was kept for undelete",
     [](TestStore& s) { ASSERT_TRUE(s.remove_softly(kKey)); },
     [](TestStore& s, const auto&) { return dropped(s.write(kKey, "four")); },
     {"-", "-", "-"},
     {"four*", "three", "two"},
     {"four*", "three", "two", "one"}},
    {"delete", nothing, [](TestStore& s, const auto&) { return s.remove(kKey); }, kStart, {}, {}},
    {"delete and keep",
     nothing,
     [](TestStore& s, const auto&) { return s.remove_softly(kKey); },
     kStart,
     {"-", "-", "-"},
     {}},
    {"delete what was kept",
     [](TestStore& s) { ASSERT_TRUE(s.remove_softly(kKey)); },
     [](TestStore& s, const auto&) { return s.remove(kKey); },
     {"-", "-", "-"},
     {},
     {}},
    {"undelete",
     [](TestStore& s) { ASSERT_TRUE(s.remove_softly(kKey)); },
     [](TestStore& s, const auto&) { return s.undelete(kKey); },
     {"-", "-", "-"},
     kStart,
     {}},
    {"destroy",
     nothing,
     [](TestStore& s, const auto& v) { return s.destroy(kKey, v.at(1).version); },
     kStart,
     {"three*", "one"},
     {}},
    {"replace the current one",
     nothing,
     [](TestStore& s, const auto&) { return s.replace(kKey, "", "3"); },
     kStart,
     {"3*", "two", "one"},
     {}},
    {"replace an earlier one",
     nothing,
     [](TestStore& s, const auto& v) { return s.replace(kKey, v.at(2).version, "1"); },
     kStart,
     {"three*", "two", "1"},
     {}},
};

class LocalFsHistoryFaults : public ::testing::Test {
 protected:
  LocalFsHistoryFaults() { EXPECT_TRUE(configure_log("error")); }
  ~LocalFsHistoryFaults() override { EXPECT_TRUE(configure_log("info")); }
};

/// What a start must not leave: temporary files, markers, values with two names, empty directories.
std::string rubbish(const TestStore& store) {
  for (const auto& entry : fs::recursive_directory_iterator(store.dir.path())) {
    const std::string name = entry.path().filename();
    const bool ours = entry.path().string().find("/.history/") != std::string::npos;
    const bool stray = name.starts_with(".kbs-tmp-") || name == ".destroying" ||
                       (entry.is_regular_file() && fs::hard_link_count(entry.path()) > 1) ||
                       (ours && entry.is_directory() && fs::is_empty(entry.path()));
    if (stray) return entry.path();
  }
  return "";
}

/// False when `change` makes no `nth` call.
bool fail_one_call(const Change& change, int nth, int error, bool links) {
  FaultyFiles files;
  kbs::testing::ManualClock clock(system_clock().now());
  testing::TempDir unused;
  Options options;
  options.versions = 2;
  TestStore store(Layout::tree, files, clock);
  options.roots = store.options.roots;
  store.options = options;
  store.reopen();
  if (!links) files.fail_all("link", EPERM);
  for (const char* value : {"one", "two", "three"}) EXPECT_TRUE(store.write(kKey, value));
  change.prepare(store);
  const std::vector<Entry> versions = store.versions(kKey);
  files.fail_nth(nth, error);
  auto made = change.make(store, versions);
  const auto record = files.record();
  const bool failed = links ? files.failed() : record.size() >= static_cast<std::size_t>(nth);
  files.fail_nth(0, 0);
  SCOPED_TRACE(std::string(change.name) + ", call " + std::to_string(nth) + ": " +
               (record.empty() ? "" : record.back()));
  if (made) {
    EXPECT_THAT(store.history(kKey), AnyOf(change.after, change.unfinished));
  } else {
    EXPECT_EQ(made.error().kind, ErrorKind::unavailable) << describe(made.error());
    EXPECT_THAT(store.history(kKey), AnyOf(change.before, change.after, change.unfinished));
  }
  const State now = store.history(kKey);
  clock.advance(std::chrono::minutes(5));
  store.reopen();
  EXPECT_EQ(store.history(kKey), now) << "a restart changes nothing that can be seen";
  EXPECT_EQ(rubbish(store), "");
  auto later = store.write(kKey, "later");
  EXPECT_TRUE(later) << describe(later.error());
  EXPECT_EQ(store.text(kKey), "later");
  EXPECT_LE(store.versions(kKey).size(), 3u);
  return failed;
}

TEST_F(LocalFsHistoryFaults, AFailedChangeIsToldAndHasHappenedWhollyOrNotAtAll) {
  for (bool links : {true, false}) {
    for (const Change& change : kChanges) {
      for (int error : {EIO, ENOSPC}) {
        int nth = 1;
        while (fail_one_call(change, nth, error, links)) ++nth;
        EXPECT_GT(nth, 5) << "the change made hardly a call: is it still checked?";
        if (HasFailure()) return;
      }
    }
  }
}

/// The calls that change something, and the syncs; descriptors and random names left out.
State changes(const FaultyFiles& files) {
  State all;
  for (std::string each : files.record()) {
    const bool looks = each.starts_with("open") || each.starts_with("fstat") ||
                       each.starts_with("lstat") || each.starts_with("list") ||
                       each.starts_with("set_mtime") || each == "try_lock" || each == "pread" ||
                       each.starts_with("get_attribute");
    if (looks) continue;
    for (const char* call : {"unlink .kbs", "link 1", "unlink 1"}) {
      const bool version = each.find('-') != std::string::npos;
      if (version && each.starts_with(call)) each = std::string(call).substr(0, each.find(' '));
      if (version && each.starts_with("link ")) each = "link";
      if (version && each.starts_with("unlink 1")) each = "unlink";
    }
    all.push_back(std::move(each));
  }
  return all;
}

struct Order {
  const char* why;
  Layout layout;
  std::function<void(TestStore&)> prepare;
  std::function<bool(TestStore&)> make;
  State want;
};

bool write_new(TestStore& store) { return store.write(kKey, "new").has_value(); }
bool create_new(TestStore& store) {
  WriteOptions options;
  options.create_only = true;
  return store.write(kKey, "new", options).has_value();
}
void write_twice(TestStore& store) {
  ASSERT_TRUE(store.write(kKey, "one"));
  ASSERT_TRUE(store.write(kKey, "two"));
}
void write_other(TestStore& store) { ASSERT_TRUE(store.write("other/key/1", "x")); }

const Order kOrders[] = {
    {"the history's directory, for the lock, then those of the value, each durable before anything "
     "is in it",
     Layout::tree,
     nothing,
     write_new,
     {"mkdir .history", "fsync directory", "mkdir default", "fsync directory", "mkdir key",
      "fsync directory", "write", "fsync file", "rename 1", "fsync directory"}},
    {"created: linked, not renamed, because a rename would replace",
     Layout::tree,
     write_other,
     create_new,
     {"mkdir default", "fsync directory", "mkdir key", "fsync directory", "write", "fsync file",
      "link 1", "unlink", "fsync directory"}},
    {"overwritten: in the history, durably, before it loses its name",
     Layout::tree,
     write_twice,
     write_new,
     {"write", "fsync file", "link", "fsync directory", "rename 1", "fsync directory"}},
    {"another layout: the new copy is durable before the old one goes",
     Layout::flat,
     [](TestStore& s) {
       write_other(s);
       s.options.versions = 0;
       s.reopen();
       s.dir.put(kKey, "old");
     },
     write_new,
     {"write", "fsync file", std::string("rename ") + kFlat, "fsync directory", "unlink 1",
      "fsync directory", "rmdir key", "rmdir default"}},
    {"deleted: marked, then gone, then the history, the marker last",
     Layout::tree,
     write_twice,
     [](TestStore& s) { return s.remove(kKey).has_value(); },
     {"fsync directory", "unlink 1", "fsync directory", "rmdir key", "rmdir default", "unlink",
      "fsync directory", "unlink .destroying", "rmdir 1", "rmdir key", "rmdir default"}},
    {"deleted and kept: in the history first",
     Layout::tree,
     write_twice,
     [](TestStore& s) { return s.remove_softly(kKey).has_value(); },
     {"link", "fsync directory", "unlink 1", "fsync directory", "rmdir key", "rmdir default"}},
    {"brought back: in its place, durably, before it leaves the history",
     Layout::tree,
     [](TestStore& s) {
       write_twice(s);
       ASSERT_TRUE(s.remove_softly(kKey));
     },
     [](TestStore& s) { return s.undelete(kKey).has_value(); },
     {"mkdir default", "fsync directory", "mkdir key", "fsync directory", "link 1",
      "fsync directory", "unlink"}},
};

TEST_F(LocalFsHistoryFaults, EveryStepIsSyncedBeforeTheNext) {
  for (const Order& order : kOrders) {
    SCOPED_TRACE(order.why);
    FaultyFiles files;
    TestStore store(order.layout, files);
    order.prepare(store);
    files.fail_nth(0, 0);
    ASSERT_TRUE(order.make(store));
    EXPECT_EQ(changes(files), order.want);
  }
}

}  // namespace
}  // namespace kbs::storage::local_fs
