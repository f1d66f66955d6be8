#include "storage/kv/kv_backend.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>

#include "storage/kv/json_members.h"
#include "storage/testing/conformance.h"
#include "storage/testing/faulty_files.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::kv {
namespace {

using kbs::testing::run;
using testing::Conformance;
using ::testing::HasSubstr;
using testing::kind;
using testing::Subject;
using testing::TempDir;
namespace fs = std::filesystem;

/// Deadlines that are nearly over when the store hangs, so that nobody waits for them.
class HastyClock final : public Clock {
 public:
  SysTime now() const override { return system_clock().now(); }
  SteadyTime steady_now() const override {
    const auto real = system_clock().steady_now();
    return hurry_ ? real - std::chrono::milliseconds(29'900) : real;
  }
  void hurry(bool yes) { hurry_ = yes; }

 private:
  std::atomic<bool> hurry_{false};
};

class LocalJsonFixture final : public testing::Fixture {
 public:
  LocalJsonFixture() { open(); }
  ~LocalJsonFixture() override {
    heal();
    pool_.join();
  }
  Backend& backend() override { return *backend_; }

  bool put_by_hand(const ResourceId& id, std::string_view value) override {
    auto members = parse_members(dir_.get(kResources));
    Members all = members ? std::move(*members) : Members();
    all.insert_or_assign(id.path(), encode_value(Secret::from_text(value)));
    dir_.put(kResources, as_text(print_members(all)));
    return true;
  }
  bool make_unavailable() override {
    files_.fail_all("", EIO);
    return true;
  }
  bool make_forbidden() override {
    files_.fail_all("open", EACCES);
    return true;
  }
  bool stall() override {
    clock_.hurry(true);
    hangs_ = true;
    files_.before("open", [this] {
      std::unique_lock guard(lock_);
      healed_.wait(guard, [&] { return !hangs_; });
    });
    return true;
  }
  void heal() override {
    files_.fail_all("", 0);
    clock_.hurry(false);
    const std::lock_guard guard(lock_);
    hangs_ = false;
    healed_.notify_all();
  }
  bool reopen() override {
    backend_.reset();
    open();
    return true;
  }

 private:
  void open() {
    const Services services{files_, clock_, pool_};
    backend_ = *make_backend(
        *open_key_value({KeyValueType::local_json, dir_.path().string()}, kResources, services));
  }

  TempDir dir_;
  testing::FaultyFiles files_;
  HastyClock clock_;
  asio::thread_pool pool_{3};
  std::mutex lock_;
  std::condition_variable healed_;
  bool hangs_ = false;
  BackendPtr backend_;
};

std::unique_ptr<testing::Fixture> fixture() { return std::make_unique<LocalJsonFixture>(); }

INSTANTIATE_TEST_SUITE_P(LocalJson, Conformance, ::testing::Values(Subject{"plain", fixture}),
                         testing::name_of);

const ResourceId kOne{"default", "key", "1"};
const ResourceId kTwo{"default", "key", "2"};

class KvBackendTest : public ::testing::Test {
 protected:
  ~KvBackendTest() override { pool_.join(); }

  /// Another handle on the same file, as another process has it.
  BackendPtr open(FileOps& files = system_files()) {
    const Services services{files, system_clock(), pool_};
    return *make_backend(
        *open_key_value({KeyValueType::local_json, dir_.path().string()}, kResources, services));
  }
  static Result<VersionId> write(Backend& store, const ResourceId& id, std::string_view value,
                                 WriteOptions options = {}) {
    return run(store.write(id, Secret::from_text(value), std::move(options)));
  }
  static Result<VersionId> write_if(Backend& store, const ResourceId& id, std::string_view value,
                                    const VersionId& version) {
    WriteOptions options;
    options.if_version = version;
    return write(store, id, value, options);
  }
  static std::string text(Backend& store, const ResourceId& id, const VersionId& version = {}) {
    auto found = run(store.read(id, {version}));
    return found ? std::string(found->value.expose_text()) : '<' + kind(found) + '>';
  }

  TempDir dir_;
  asio::thread_pool pool_{2};
};

TEST_F(KvBackendTest, ServesAFileOfTheReference) {
  dir_.put(kResources, R"({"default/key/1":"AQID","not a resource":"AQID"})");
  const BackendPtr store = open();
  EXPECT_EQ(text(*store, kOne), "\x01\x02\x03");
  auto page = run(store->list({}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->entries.size(), 1u) << "what is no resource is not listed";
  EXPECT_EQ(page->entries[0].path, "default/key/1");
  EXPECT_EQ(page->entries[0].metadata.size, 3u);
  EXPECT_EQ(page->entries[0].version, run(store->read(kOne, {}))->version);
  ASSERT_TRUE(write(*store, kTwo, "abc"));
  EXPECT_EQ(dir_.get(kResources),
            R"({"default/key/1":"AQID","default/key/2":"YWJj","not a resource":"AQID"})");
}

TEST_F(KvBackendTest, AVersionTellsNothingOfTheValueAndIsNotItsDigest) {
  const BackendPtr store = open();
  auto first = write(*store, kOne, "same");
  auto second = write(*store, kOne, "same");
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
}

TEST_F(KvBackendTest, AVersionHoldsInOtherProcessesAndAfterARestart) {
  const BackendPtr here = open();
  auto version = write(*here, kOne, "value");
  ASSERT_TRUE(version);
  const BackendPtr there = open();
  EXPECT_EQ(text(*there, kOne, *version), "value");
  EXPECT_TRUE(write_if(*there, kOne, "theirs", *version));
  EXPECT_EQ(kind(write_if(*here, kOne, "ours", *version)), "conflict") << "they came first";
  EXPECT_EQ(text(*here, kOne), "theirs");
  auto seen = run(here->read(kOne, {}));
  ASSERT_TRUE(seen);
  EXPECT_TRUE(write_if(*there, kOne, "again", seen->version)) << "an id of one fits the other";
}

TEST_F(KvBackendTest, NoOldVersionFitsAValueThatCameBack) {
  const BackendPtr here = open();
  const BackendPtr there = open();
  auto version = write(*here, kOne, "A");
  ASSERT_TRUE(version && write(*there, kOne, "B") && write(*there, kOne, "A"));
  EXPECT_EQ(kind(write_if(*here, kOne, "x", *version)), "conflict");
  EXPECT_EQ(text(*here, kOne, *version), "<not_found>");
  const std::string before = dir_.get(kResources);
  auto now = run(here->read(kOne, {}));
  ASSERT_TRUE(now);
  dir_.put(kResources, R"({"default/key/1":"Qg=="})");
  dir_.put(kResources, before);
  EXPECT_EQ(kind(write_if(*here, kOne, "x", now->version)), "conflict") << "edited by hand";
}

TEST_F(KvBackendTest, ANeighboursWriteCostsAtMostAConflict) {
  const BackendPtr here = open();
  auto version = write(*here, kOne, "value");
  ASSERT_TRUE(version && write(*here, kTwo, "other"));
  EXPECT_EQ(text(*here, kOne, *version), "value") << "our own writes are known to be elsewhere";
  ASSERT_TRUE(write(*open(), kTwo, "theirs"));
  EXPECT_EQ(kind(write_if(*here, kOne, "x", *version)), "conflict")
      << "what the others wrote is not known: better a conflict than a lost value";
  auto now = run(here->read(kOne, {}));
  ASSERT_TRUE(now);
  EXPECT_TRUE(write_if(*here, kOne, "x", now->version));
}

TEST_F(KvBackendTest, AMountedFileIsReadAndSaysThatItIsReadOnly) {
  dir_.put("..2026/repository", R"({"default/key/1":"AQID"})");
  fs::create_directory_symlink("..2026", dir_.path() / "..data");
  fs::create_symlink("..data/repository", dir_.path() / kResources);
  const BackendPtr store = open();
  EXPECT_EQ(text(*store, kOne), "\x01\x02\x03");
  EXPECT_EQ(kind(run(store->health())), "ok");
  const auto expect_read_only = [&](const auto& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(result.error().message, HasSubstr("read-only"));
  };
  expect_read_only(write(*store, kOne, "x"));
  expect_read_only(run(store->remove(kOne, {})));
  EXPECT_TRUE(fs::is_symlink(dir_.path() / kResources));
}

TEST_F(KvBackendTest, AReadOnlyFileSystemSaysSo) {
  dir_.put(kResources, R"({"default/key/1":"AQID"})");
  static testing::FaultyFiles files;  // outlives the pool
  const BackendPtr store = open(files);
  files.fail_all("open_beneath .kbs-", EROFS);
  EXPECT_EQ(text(*store, kOne), "\x01\x02\x03");
  auto written = write(*store, kOne, "x");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("read-only"));
  EXPECT_EQ(text(*store, kOne), "\x01\x02\x03");
}

/// A file system that counts whole seconds.
class CoarseFiles final : public FileOps {
 public:
  SysResult<struct stat> fstat(int fd) override {
    auto info = FileOps::fstat(fd);
    if (info) info->st_mtim.tv_nsec = 0;
    return info;
  }
  SysResult<> set_mtime(int fd, const timespec& mtime) override {
    return FileOps::set_mtime(fd, {mtime.tv_sec, 0});
  }
};

TEST_F(KvBackendTest, VersionsDifferEvenWhereTimeIsCoarse) {
  static CoarseFiles files;  // outlives the pool
  const BackendPtr store = open(files);
  std::set<VersionId> seen;
  for (int i = 0; i < 5; ++i) {
    auto version = write(*store, kOne, "x");
    ASSERT_TRUE(version);
    EXPECT_TRUE(seen.insert(*version).second) << *version;
  }
}

TEST_F(KvBackendTest, AFileThatVanishedIsAnEmptyStoreAndOldVersionsStayDead) {
  const BackendPtr store = open();
  auto version = write(*store, kOne, "x");
  ASSERT_TRUE(version);
  fs::remove(dir_.path() / kResources);
  EXPECT_EQ(text(*store, kOne), "<not_found>");
  EXPECT_EQ(kind(write_if(*store, kOne, "y", *version)), "conflict");
  ASSERT_TRUE(write(*store, kOne, "x"));
  EXPECT_EQ(kind(write_if(*store, kOne, "y", *version)), "conflict");
}

TEST_F(KvBackendTest, ADamagedFileIsUnhealthyAndNotOverwritten) {
  const BackendPtr store = open();
  dir_.put(kResources, "{");
  EXPECT_EQ(kind(run(store->health())), "internal");
  EXPECT_EQ(kind(run(store->read(kOne, {}))), "internal");
  EXPECT_EQ(kind(write(*store, kOne, "x")), "internal");
  EXPECT_EQ(dir_.get(kResources), "{");
}

TEST_F(KvBackendTest, AStoreWithoutVersionsIsRefused) {
  const Services services{system_files(), system_clock(), pool_};
  auto backend = make_backend(*open_key_value({}, kResources, services));
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(backend.error().message, HasSubstr("local_json"));
}

TEST_F(KvBackendTest, ResourcesMayHaveOtherNames) {
  auto names = NameTemplate::compile("kbs:{repository}:{type}:{tag}", kLocalJsonNames, "", false);
  ASSERT_TRUE(names) << describe(names.error());
  const Services services{system_files(), system_clock(), pool_};
  const BackendPtr store = *make_backend(
      *open_key_value({KeyValueType::local_json, dir_.path().string()}, kResources, services),
      *names);
  ASSERT_TRUE(write(*store, {"r", "t", "g"}, "abc"));
  EXPECT_EQ(dir_.get(kResources), R"({"kbs:r:t:g":"YWJj"})");
  EXPECT_EQ(text(*store, {"r", "t", "g"}), "abc");
  auto page = run(store->list({}));
  ASSERT_TRUE(page && page->entries.size() == 1);
  EXPECT_EQ(page->entries[0].path, "r/t/g");
}

TEST_F(KvBackendTest, UnderOneWayNamesNothingIsListed) {
  auto names = NameTemplate::compile("{tag}", kLocalJsonNames, "", true);
  ASSERT_TRUE(names) << describe(names.error());
  const Services services{system_files(), system_clock(), pool_};
  const BackendPtr store = *make_backend(
      *open_key_value({KeyValueType::local_json, dir_.path().string()}, kResources, services),
      *names);
  ASSERT_TRUE(write(*store, {"r", "t", "g"}, "abc"));
  EXPECT_EQ(dir_.get(kResources), R"({"g":"YWJj"})");
  EXPECT_FALSE(store->capabilities().list);
  EXPECT_EQ(kind(run(store->list({}))), "unsupported");
}

}  // namespace
}  // namespace kbs::storage::kv
