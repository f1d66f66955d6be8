#include "storage/key_value.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <numeric>
#include <thread>

#include "base/testing/run.h"
#include "storage/testing/faulty_files.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempDir;
namespace fs = std::filesystem;

/// Stores of one directory; the pool ends before the directory does.
class Stores {
 public:
  explicit Stores(KeyValueType type, FileOps& files = system_files())
      : type_(type), files_(files) {}
  ~Stores() { pool_.join(); }

  Result<KeyValuePtr> try_open(const std::string& name_space) {
    const Services services{files_, system_clock(), pool_};
    return open_key_value({type_, dir.at("storage")}, name_space, services);
  }
  KeyValuePtr open(const std::string& name_space) {
    auto store = try_open(name_space);
    if (store) return *store;
    ADD_FAILURE() << describe(store.error());
    std::abort();
  }

  TempDir dir;

 private:
  const KeyValueType type_;
  FileOps& files_;
  asio::thread_pool pool_{2};
};

std::string text(KeyValue& store, const std::string& key) {
  auto value = run(store.get(key));
  if (!value) return '<' + std::string(to_string(value.error().kind)) + '>';
  return *value ? std::string((*value)->expose_text()) : "<absent>";
}
Result<bool> set(KeyValue& store, const std::string& key, std::string_view value,
                 bool overwrite = true) {
  return run(store.set(key, Secret::from_text(value), overwrite));
}

class KeyValueTest : public ::testing::TestWithParam<KeyValueType> {
 protected:
  Stores stores_{GetParam()};
  KeyValuePtr store_ = stores_.open("kbs");
};

std::string type_name(const ::testing::TestParamInfo<KeyValueType>& info) {
  switch (info.param) {
    case KeyValueType::memory:
      return "Memory";
    case KeyValueType::local_fs:
      return "LocalFs";
    case KeyValueType::local_json:
      return "LocalJson";
  }
  return "Unknown";
}

INSTANTIATE_TEST_SUITE_P(All, KeyValueTest,
                         ::testing::Values(KeyValueType::memory, KeyValueType::local_fs,
                                           KeyValueType::local_json),
                         type_name);

TEST_P(KeyValueTest, HoldsAnyBytes) {
  std::string all_bytes(256, '\0');
  std::iota(all_bytes.begin(), all_bytes.end(), '\0');
  const std::string values[] = {"", "a", "ab", "abc", all_bytes, std::string(2097152, '\xFE')};
  for (const std::string& value : values) {
    ASSERT_TRUE(set(*store_, "default_cpu.rego", value));
    EXPECT_TRUE(text(*store_, "default_cpu.rego") == value) << value.size() << " bytes";
  }
}

TEST_P(KeyValueTest, AbsentIsNotAnError) {
  EXPECT_EQ(text(*store_, "nothing"), "<absent>");
  EXPECT_EQ(run(store_->remove("nothing")), false);
  EXPECT_THAT(*run(store_->list()), ElementsAre());
  EXPECT_EQ(text(*store_, ""), "<absent>");
  EXPECT_EQ(text(*store_, ".."), "<absent>");
  EXPECT_EQ(text(*store_, "../kbs/x"), "<absent>");
}

TEST_P(KeyValueTest, OverwriteFalseStoresOnlyWhatIsNew) {
  EXPECT_EQ(set(*store_, "a/b", "first", false), true);
  EXPECT_EQ(set(*store_, "a/b", "second", false), false);
  EXPECT_EQ(text(*store_, "a/b"), "first");
  EXPECT_EQ(set(*store_, "a/b", "third", true), true);
  EXPECT_EQ(text(*store_, "a/b"), "third");
}

TEST_P(KeyValueTest, RemoveTellsWhetherSomethingWasThere) {
  ASSERT_TRUE(set(*store_, "a", "x"));
  EXPECT_EQ(run(store_->remove("a")), true);
  EXPECT_EQ(run(store_->remove("a")), false);
  EXPECT_EQ(text(*store_, "a"), "<absent>");
}

TEST_P(KeyValueTest, ListsItsOwnKeysSorted) {
  const KeyValuePtr other = stores_.open("reference_value");
  ASSERT_TRUE(set(*other, "elsewhere", "x"));
  for (const char* key : {"b", "a/c", "a", "default_cpu.rego"}) ASSERT_TRUE(set(*store_, key, "x"));
  EXPECT_THAT(*run(store_->list()), ElementsAre("a", "a/c", "b", "default_cpu.rego"));
}

TEST_P(KeyValueTest, OneInserterWins) {
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      if (set(*store_, "key", std::to_string(i), false) == true) ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won.load(), 1);
}

TEST_P(KeyValueTest, ConcurrentWritersLoseNothingAndReadersSeeWholeValues) {
  std::atomic<int> bad{0};
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const std::string value(10'000, static_cast<char>('a' + t));
      for (int i = 0; i < 10; ++i) {
        if (!set(*store_, "own-" + std::to_string(t) + "-" + std::to_string(i), "x")) ++bad;
        if (!set(*store_, "shared", value)) ++bad;
        const std::string seen = text(*store_, "shared");
        if (seen.size() != 10'000 || seen.find_first_not_of(seen[0]) != std::string::npos) ++bad;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad.load(), 0);
  EXPECT_EQ(run(store_->list())->size(), 31u);
}

TEST_P(KeyValueTest, NamespacesAreCheckedAndMayBeNested) {
  struct Case {
    std::string name_space;
    bool ok;
    const char* why;
  };
  const Case cases[] = {
      {"attestation_service_policy", true, "plain"},
      {"a/b", true, "nested"},
      {"", false, "empty"},
      {"/a", false, "begins with a slash"},
      {"a/", false, "ends with one"},
      {"a//b", false, "an empty segment"},
      {"..", false, "upwards"},
      {"a/../b", false, "upwards inside"},
      {".", false, "the directory itself"},
      {std::string("a\0b", 3), false, "a NUL"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(stores_.try_open(c.name_space).has_value(), c.ok);
  }
}

TEST(KeyValueLocalFs, ReadsAnInstallationOfTheReference) {
  Stores stores(KeyValueType::local_fs);
  stores.dir.put("storage/kbs/resource-policy.rego", "package policy");
  stores.dir.put("storage/attestation_service_policy/default_cpu.rego", "package cpu");
  stores.dir.put(R"(storage/provisioner/default\x2F1\x2Froot)", "toml");
  EXPECT_EQ(text(*stores.open("kbs"), "resource-policy.rego"), "package policy");
  EXPECT_EQ(text(*stores.open("attestation_service_policy"), "default_cpu.rego"), "package cpu");
  const KeyValuePtr provisioner = stores.open("provisioner");
  EXPECT_EQ(text(*provisioner, "default/1/root"), "toml");
  EXPECT_THAT(*run(provisioner->list()), ElementsAre("default/1/root"));
  ASSERT_TRUE(set(*provisioner, "default/2/root", "new"));
  EXPECT_EQ(stores.dir.get(R"(storage/provisioner/default\x2F2\x2Froot)"), "new");
}

TEST(KeyValueLocalFs, WhatItWritesIsPrivateAndOddThingsAreNoKeys) {
  Stores stores(KeyValueType::local_fs);
  const KeyValuePtr store = stores.open("a/b");
  ASSERT_TRUE(set(*store, "key", "x"));
  struct stat info{};
  ASSERT_EQ(::stat(stores.dir.at("storage/a/b/key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  ASSERT_EQ(::stat(stores.dir.at("storage/a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  for (const char* odd : {".hidden", "..data", "lost+found", "edit~", "back\\slash"}) {
    stores.dir.put(std::string("storage/a/b/") + odd, "x");
  }
  fs::create_directory(stores.dir.path() / "storage/a/b/directory");
  EXPECT_THAT(*run(store->list()), ElementsAre("key"));
  for (const char* key : {"", ".", "..", ".hidden", "with space", "back\\slash", "tilde~", "\n"}) {
    auto written = set(*store, key, "x");
    ASSERT_FALSE(written) << key;
    EXPECT_EQ(written.error().kind, ErrorKind::invalid_request);
  }
  EXPECT_EQ(text(*store, "directory"), "<internal>") << "not absent: something is wrong there";
  ASSERT_EQ(::mkfifo(stores.dir.at("storage/a/b/fifo").c_str(), 0600), 0);
  EXPECT_EQ(text(*store, "fifo"), "<internal>");
  const std::string longest(255, 'k');
  EXPECT_TRUE(set(*store, longest, "x"));
  EXPECT_EQ(set(*store, longest + 'k', "x").error().kind, ErrorKind::invalid_request);
}

TEST(KeyValueLocalFs, AMountedPolicyIsReadAndNotReplaced) {
  Stores stores(KeyValueType::local_fs);
  const KeyValuePtr store = stores.open("kbs");
  stores.dir.put("storage/kbs/..2026/resource-policy.rego", "mounted");
  fs::create_directory_symlink("..2026", stores.dir.path() / "storage/kbs/..data");
  fs::create_symlink("..data/resource-policy.rego",
                     stores.dir.path() / "storage/kbs/resource-policy.rego");
  EXPECT_EQ(text(*store, "resource-policy.rego"), "mounted");
  EXPECT_THAT(*run(store->list()), ElementsAre("resource-policy.rego"));
  auto written = set(*store, "resource-policy.rego", "x");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("read-only"));
  EXPECT_EQ(set(*store, "resource-policy.rego", "x", false), false) << "a default does not insist";
}

TEST(KeyValueFiles, AFailedWriteLeavesTheOldValueAndNothingElse) {
  for (KeyValueType type : {KeyValueType::local_fs, KeyValueType::local_json}) {
    for (int error : {ENOSPC, EIO, EROFS, EMFILE, EACCES}) {
      for (int nth = 1;; ++nth) {
        testing::FaultyFiles files;
        Stores stores(type, files);
        const KeyValuePtr store = stores.open("kbs");
        ASSERT_TRUE(set(*store, "key", "old"));
        files.fail_nth(nth, error);
        auto written = set(*store, "key", "new");
        const bool failed = files.failed();
        const auto record = files.record();
        files.fail_nth(0, 0);
        if (!failed) break;
        SCOPED_TRACE(record.back());
        const std::string now = text(*store, "key");
        if (written) {
          EXPECT_EQ(now, "new");
        } else {
          EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
          EXPECT_TRUE(now == "old" || record.back() == "fsync directory") << now;
        }
        EXPECT_FALSE(stores.dir.has_leftovers());
      }
    }
  }
}

TEST(KeyValueFiles, ADirectoryThatCannotBeMadeIsNamed) {
  for (KeyValueType type : {KeyValueType::local_fs, KeyValueType::local_json}) {
    Stores stores(type);
    stores.dir.put("storage", "a file");
    auto store = stores.try_open("kbs");
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message, HasSubstr("storage"));
  }
}

}  // namespace
}  // namespace kbs::storage
