#include <gmock/gmock.h>

#include "base/testing/run.h"
#include "storage/registry.h"
#include "storage/testing/settings_map.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::local_json {

BackendMaker configure(Settings& settings, const BackendTraits& traits);

namespace {

using kbs::testing::run;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SettingsMap;
using testing::TempDir;

class LocalJsonConfigure : public ::testing::Test {
 protected:
  ~LocalJsonConfigure() override { pool_.join(); }

  Result<BackendPtr> open(SettingsMap settings) {
    auto maker = configure(settings, BackendTraits());
    EXPECT_THAT(settings.problems, IsEmpty());
    EXPECT_THAT(settings.unread(), IsEmpty());
    return maker({system_files(), system_clock(), pool_});
  }

  TempDir dir_;
  asio::thread_pool pool_{1};
};

TEST_F(LocalJsonConfigure, TheDirectoryHasTwoNamesAndTheNamespaceADefault) {
  dir_.put("repository", R"({"default/key/1":"AQID"})");
  dir_.put("other", R"({"default/key/1":"BAUG"})");
  const std::string path = dir_.path().string();
  struct Case {
    SettingsMap settings;
    const char* want;
  };
  const Case cases[] = {
      {SettingsMap({{"path", path}}), "\x01\x02\x03"},
      {SettingsMap({{"file_dir_path", path}}), "\x01\x02\x03"},
      {SettingsMap({{"path", path}, {"namespace", "other"}}), "\x04\x05\x06"},
  };
  for (const Case& c : cases) {
    auto store = open(c.settings);
    ASSERT_TRUE(store) << describe(store.error());
    EXPECT_EQ(run((*store)->read({"default", "key", "1"}, {}))->value.expose_text(), c.want);
  }
}

TEST_F(LocalJsonConfigure, WhatIsWrongIsNamed) {
  struct Case {
    std::map<std::string, std::string> settings;
    const char* problem;
  };
  const Case cases[] = {
      {{{"path", "/a"}, {"file_dir_path", "/a"}}, "file_dir_path: says the same as `path`"},
      {{{"path", ""}}, "path: must name a directory"},
      {{{"namespace", "../up"}}, "namespace: not a namespace"},
      {{{"namespace", ""}}, "namespace: not a namespace"},
  };
  for (const Case& c : cases) {
    SettingsMap settings(c.settings);
    (void)configure(settings, BackendTraits());
    EXPECT_THAT(settings.problems, ElementsAre(HasSubstr(c.problem)));
  }
}

TEST_F(LocalJsonConfigure, ATemplateThatMakesTwoResourcesOneIsAProblem) {
  SettingsMap settings({{"path", "/a"}});
  BackendTraits traits;
  traits.name_template = "{type}-{tag}";
  (void)configure(settings, traits);
  EXPECT_THAT(settings.problems, ElementsAre(HasSubstr("name_template")));
}

TEST_F(LocalJsonConfigure, WhatTheMountSaysTheNameNeedNotSay) {
  SettingsMap settings({{"path", dir_.path().string()}});
  BackendTraits traits;
  traits.name_template = "{tag}";
  traits.prefix = "default/key";
  auto maker = configure(settings, traits);
  EXPECT_THAT(settings.problems, IsEmpty());
  dir_.put("repository", R"({"1":"AQID"})");
  auto store = maker({system_files(), system_clock(), pool_});
  ASSERT_TRUE(store) << describe(store.error());
  EXPECT_EQ(run((*store)->read({"default", "key", "1"}, {}))->value.expose_text(), "\x01\x02\x03");
  auto page = run((*store)->list({}));
  ASSERT_TRUE(page && page->entries.size() == 1);
  EXPECT_EQ(page->entries[0].path, "default/key/1");
}

TEST_F(LocalJsonConfigure, ADirectoryThatCannotBeMadeIsNamedAtTheOpening) {
  dir_.put("file", "x");
  auto store = open(SettingsMap({{"path", dir_.at("file")}}));
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr(dir_.at("file")));
}

}  // namespace
}  // namespace kbs::storage::local_json
