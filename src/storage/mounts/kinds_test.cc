// A table with every kind of backend in it, opened as the configuration does.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>

#include "storage/mounts/mounts_fixture.h"
#include "storage/testing/settings_map.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage {
namespace {

using kbs::testing::run;
using testing::fs::recursive_directory_iterator;

class AllKinds : public ::testing::Test {
 protected:
  AllKinds() {
    dir_.put("kek", std::string(32, 'k'));
    ::chmod(dir_.at("kek").c_str(), 0600);
    reopen();
  }
  ~AllKinds() override {
    mounts_.reset();
    pool_.join();
  }

  /// As a restart does; the memory mount is empty then.
  void reopen() {
    mounts_.reset();
    std::vector<Mount> all;
    all.push_back(open("disk", "", "local_fs", {{"path", dir_.at("disk")}}));
    all.push_back(open("sealed", "sealed", "local_fs", {{"path", dir_.at("sealed")}}, true));
    all.push_back(open("json", "small", "local_json", {{"path", dir_.at("json")}}));
    all.push_back(open("scratch", "sealed/scratch", "memory", {}));
    auto made = Mounts::make(std::move(all));
    if (!made) throw std::runtime_error(describe(made.error()));
    mounts_ = std::move(*made);
  }

  Mount open(const std::string& name, const std::string& prefix, std::string_view backend,
             std::map<std::string, std::string> values, bool encrypted = false) {
    const auto kinds = backend_kinds();
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const BackendKind& k) { return k.name == backend; });
    testing::SettingsMap settings(std::move(values));
    MountOptions options;
    options.name = options.traits.mount = name;
    options.prefix = options.traits.prefix = prefix;
    options.backend = backend;
    if (encrypted) {
      options.encryption.emplace();
      options.encryption->key.key_file = dir_.at("kek");
      options.cache.emplace();
    }
    const Services services{system_files(), system_clock(), pool_};
    const BackendMaker make = kind->configure(settings, options.traits);
    auto mount = run(decorate(options, make(services).value(), services, nullptr));
    if (!mount) throw std::runtime_error(describe(mount.error()));
    return std::move(*mount);
  }

  bool somewhere_on_disk(std::string_view text) const {
    for (const auto& entry : recursive_directory_iterator(dir_.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string all{std::istreambuf_iterator<char>(in), {}};
      if (all.find(text) != std::string::npos) return true;
    }
    return false;
  }

  const testing::TempDir dir_;
  asio::thread_pool pool_{2};
  std::shared_ptr<Mounts> mounts_;
};

constexpr const char* kPaths[] = {"default/key/1", "sealed/key/1", "sealed/scratch/1",
                                  "small/key/1", "tail/key/1"};

TEST_F(AllKinds, EachResourceGoesToItsOwn) {
  for (const char* path : kPaths) {
    auto written = write(*mounts_, path, std::string("value-of-") + path);
    ASSERT_TRUE(written) << describe(written.error());
  }
  for (const char* path : kPaths) EXPECT_EQ(text(*mounts_, path), std::string("value-of-") + path);
  EXPECT_EQ(dir_.get("disk/default/key/1"), "value-of-default/key/1");
  EXPECT_FALSE(somewhere_on_disk("value-of-sealed/key/1")) << "sealed";
  EXPECT_FALSE(somewhere_on_disk("value-of-sealed/scratch/1")) << "in memory only";
  EXPECT_FALSE(somewhere_on_disk("value-of-small/key/1")) << "in base64";
  auto page = run(mounts_->list({}));
  ASSERT_TRUE(page) << describe(page.error());
  EXPECT_THAT(paths(*page), ::testing::ElementsAreArray(kPaths))
      << "in order, and nothing of the encryption's own records";
  EXPECT_EQ(kind(run(mounts_->health())), "ok");

  reopen();
  for (const char* path : kPaths) {
    const bool in_memory = path == std::string_view("sealed/scratch/1");
    EXPECT_EQ(text(*mounts_, path),
              in_memory ? std::string("<not_found>") : std::string("value-of-") + path);
  }
}

TEST_F(AllKinds, WhatIsPutByHandIntoAnotherMountsPlaceIsUnseen) {
  dir_.put("disk/small/key/1", "by hand");
  dir_.put("disk/sealed/key/1", "by hand");
  dir_.put("disk/hand/key/1", "by hand");
  EXPECT_EQ(text(*mounts_, "small/key/1"), "<not_found>");
  EXPECT_EQ(text(*mounts_, "sealed/key/1"), "<not_found>");
  EXPECT_EQ(text(*mounts_, "hand/key/1"), "by hand");
  EXPECT_THAT(paths(*run(mounts_->list({}))), ::testing::ElementsAre("hand/key/1"));
}

TEST_F(AllKinds, EachDoesWhatItCanAndSaysWhatItCannot) {
  for (const char* path : kPaths) {
    SCOPED_TRACE(path);
    const VersionId first = write(*mounts_, path, "one").value();
    ASSERT_TRUE(write(*mounts_, path, "two"));
    auto back = run(roll_back(*mounts_, id_of(path), first));
    if (path == std::string_view("small/key/1")) {
      EXPECT_EQ(kind(back), "unsupported");
      EXPECT_THAT(message(back), ::testing::HasSubstr("mount \"json\""));
      continue;
    }
    EXPECT_TRUE(back) << message(back);
    EXPECT_EQ(text(*mounts_, path), "one");
  }
}

}  // namespace
}  // namespace kbs::storage
