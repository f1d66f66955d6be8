#include "server/check_connect.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/run.h"
#include "server/looking.h"
#include "server/mounts.h"
#include "server/testing/mount_table.h"

namespace kbs::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckConnectTest : public testing::MountTableTest {
 protected:
  static ConnectReport check(const std::string& text) {
    auto config = load(text);
    EXPECT_TRUE(config) << config.error().message;
    return config ? check_connect(*config, system_clock()) : ConnectReport{};
  }
  /// What a server's start leaves behind.
  static void start_once(const std::string& text) {
    asio::thread_pool pool(2);
    {
      auto config = load(text);
      ASSERT_TRUE(config);
      auto mounts = open_mounts(config->mounts, {system_files(), system_clock(), pool}, nullptr);
      ASSERT_TRUE(mounts) << describe(mounts.error());
    }
    pool.join();
  }
  /// Every path below the test's directory, with its time of change.
  std::string state() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
      all[entry.path()] = std::to_string(entry.last_write_time().time_since_epoch().count());
    }
    std::string out;
    for (const auto& [name, time] : all) out += name + " " + time + "\n";
    return out;
  }
  /// The line of one store.
  static std::string line(const ConnectReport& report, const std::string& store) {
    const auto at = report.text.find(store);
    return at == std::string::npos ? "(no line)"
                                   : report.text.substr(at, report.text.find('\n', at) - at);
  }
};

TEST_F(CheckConnectTest, TellsWhatEveryStoreCanDo) {
  start_once(table());
  const std::string before = state();
  const ConnectReport report = check(table());
  EXPECT_EQ(state(), before) << "nothing is written";
  EXPECT_TRUE(report.good) << report.text;
  EXPECT_THAT(line(report, "mount plain (local_fs)"),
              AllOf(HasSubstr("ok; read, list"), HasSubstr("versions"), HasSubstr("write")));
  EXPECT_THAT(line(report, "mount sealed (local_fs)"), HasSubstr("ok; read"));
  EXPECT_THAT(line(report, "mount json (local_json)"), HasSubstr("ok; read"));
  EXPECT_THAT(line(report, "mount scratch (memory)"), HasSubstr("ok; read"));
  EXPECT_THAT(line(report, "mount shelf (local_fs)"),
              AllOf(HasSubstr("ok; read"), Not(HasSubstr("write"))));
  EXPECT_THAT(line(report, "store kbs (memory)"), HasSubstr("ok; 0 entries"));
  EXPECT_THAT(line(report, "store reference_value (memory)"), HasSubstr("ok"));
}

TEST_F(CheckConnectTest, WhatIsNotThereIsToldAndNotMade) {
  const std::string before = state();
  const ConnectReport report =
      check(table() +
            "[storage_backend]\nstorage_type = \"LocalFs\"\nbackends.local_fs = { dir_path = \"" +
            path("kv") + "\" }\n[attestation_service]\ntype = \"CoCoASBuiltIn\"\n");
  EXPECT_EQ(state(), before);
  EXPECT_FALSE(report.good);
  for (const char* const store :
       {"mount plain (local_fs)", "mount sealed (local_fs)", "mount json (local_json)",
        "store kbs (local_fs)", "store attestation_service_policy (local_fs)"}) {
    EXPECT_THAT(line(report, store), HasSubstr("NOT THERE YET: ")) << report.text;
  }
  EXPECT_THAT(line(report, "mount shelf (local_fs)"), HasSubstr("ok"))
      << "one that fails keeps no other from being looked at";
  EXPECT_THAT(line(report, "mount json"), Not(HasSubstr("mount \"json\""))) << "named once";
}

TEST_F(CheckConnectTest, AnEncryptedStoreThatWasNeverBegunIsNotThereYet) {
  std::filesystem::create_directories(path("sealed"));
  const std::string before = state();
  const ConnectReport report = check(table());
  EXPECT_EQ(state(), before);
  EXPECT_THAT(line(report, "mount sealed (local_fs)"), HasSubstr("NOT THERE YET: "));
}

TEST_F(CheckConnectTest, AWrongKeyIsAFailure) {
  start_once(table());
  put("kek", std::string(32, 'x'));
  const ConnectReport report = check(table());
  EXPECT_FALSE(report.good);
  EXPECT_THAT(line(report, "mount sealed (local_fs)"), HasSubstr("FAILED: "));
}

/// Root may write where nobody else may: for a while, be somebody else.
class Nobody {
 public:
  Nobody() { changed_ = ::geteuid() == 0 && ::seteuid(65534) == 0; }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
  ~Nobody() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool changed_;
};

TEST_F(CheckConnectTest, ADirectoryThatCannotBeWrittenIsReadOnly) {
  std::filesystem::create_directories(path("plain"));
  ::chmod(path("plain").c_str(), 0555);
  ::chmod(dir_.c_str(), 0755);
  const std::string keys = directory("plain");
  const Nobody nobody;
  const ConnectReport report = check(kServer + mount("p", "", "local_fs", keys));
  EXPECT_THAT(line(report, "mount p (local_fs)"),
              HasSubstr("read-only: " + path("plain") + " cannot be written to"));
  EXPECT_TRUE(report.good) << "guests can be served from there";
  EXPECT_THAT(line(check(kServer + mount("q", "", "local_fs", keys + "read_only = true\n")),
                   "mount q (local_fs)"),
              HasSubstr("ok; read"))
      << "as it was meant";
}

TEST_F(CheckConnectTest, LookingFilesChangeNothing) {
  put("file", "x");
  LookingFiles files;
  FileOps& ops = files;
  auto dir = ops.open(dir_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_TRUE(dir);
  const int fd = dir->get();
  EXPECT_TRUE(ops.open_beneath(fd, "file", O_RDONLY));
  EXPECT_TRUE(ops.open_beneath(fd, "file", O_PATH));
  EXPECT_FALSE(files.refused()) << "looking is not writing";
  const std::string before = state();
  EXPECT_EQ(ops.open_beneath(fd, "file", O_WRONLY).error(), EROFS);
  EXPECT_EQ(ops.open_beneath(fd, "new", O_RDONLY | O_CREAT, 0600).error(), EROFS);
  EXPECT_EQ(ops.open(path("file"), O_RDWR | O_TRUNC).error(), EROFS);
  EXPECT_EQ(ops.write(fd, {}).error(), EROFS);
  EXPECT_EQ(ops.mkdir_at(fd, "d", 0700).error(), ENOENT);
  EXPECT_EQ(ops.mkdir_at(fd, "file", 0700).error(), EEXIST);
  EXPECT_EQ(ops.rename_at(fd, "file", fd, "g").error(), EROFS);
  EXPECT_EQ(ops.link_at(fd, "file", fd, "g").error(), EROFS);
  EXPECT_EQ(ops.unlink_at(fd, "file").error(), EROFS);
  EXPECT_EQ(ops.set_mtime(fd, {}).error(), EROFS);
  EXPECT_EQ(ops.set_attribute(fd, "user.x", "y").error(), EROFS);
  EXPECT_EQ(state(), before);
  EXPECT_TRUE(files.refused());
}

}  // namespace
}  // namespace kbs::server
