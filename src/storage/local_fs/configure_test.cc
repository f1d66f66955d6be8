#include <gmock/gmock.h>

#include "storage/local_fs/test_store.h"
#include "storage/registry.h"
#include "storage/testing/settings_map.h"

namespace kbs::storage::local_fs {

BackendMaker configure(Settings& settings, const BackendTraits& traits);

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SettingsMap;
namespace fs = std::filesystem;

TEST(LocalFsConfigure, ReadsItsKeysAndOpensWhatTheySay) {
  testing::TempDir dir;
  asio::thread_pool pool(1);
  const Services services{system_files(), system_clock(), pool};
  for (const char* key : {"path", "dir_path"}) {
    SettingsMap settings(
        {{key, dir.at(key)}, {"layout", "flat"}, {"create", "true"}, {"max_value_size", "4096"}});
    BackendTraits traits;
    traits.versions = 0;
    auto make = configure(settings, traits);
    EXPECT_THAT(settings.problems, IsEmpty());
    EXPECT_THAT(settings.unread(), IsEmpty());
    EXPECT_FALSE(fs::exists(dir.at(key))) << "nothing is opened before the time";
    auto backend = make(services);
    ASSERT_TRUE(backend) << describe(backend.error());
    EXPECT_EQ((*backend)->capabilities().max_value_bytes, 4096u);
    EXPECT_FALSE((*backend)->capabilities().versions);
    ASSERT_TRUE(run((*backend)->write({"a", "b", "c"}, Secret::from_text("x"), {})));
    EXPECT_TRUE(fs::exists(dir.path() / key / R"(a\x2Fb\x2Fc)"));
  }
  SettingsMap settings({{"path", dir.at("tree")}});
  auto backend = configure(settings, {})(services);
  ASSERT_TRUE(backend);
  EXPECT_TRUE((*backend)->capabilities().versions);
  ASSERT_TRUE(run((*backend)->write({"a", "b", "c"}, Secret::from_text("x"), {})));
  EXPECT_TRUE(fs::exists(dir.path() / "tree/a/b/c"));
  SettingsMap not_made({{"path", dir.at("absent")}, {"create", "false"}});
  auto absent = configure(not_made, {})(services);
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message, HasSubstr(dir.at("absent")));
  backend->reset();
  pool.join();
}

TEST(LocalFsConfigure, NamesWhatIsWrong) {
  struct Case {
    std::map<std::string, std::string> values;
    const char* name_template;
    const char* says;
    const char* why;
  };
  const Case cases[] = {
      {{}, "", "path: is required", "no directory"},
      {{{"path", ""}}, "", "path: names no directory", "an empty one is not the working directory"},
      {{{"path", "/a"}, {"dir_path", "/b"}}, "", "dir_path: says the same", "both spellings"},
      {{{"path", "/a"}, {"layout", "Tree"}}, "", "layout: ", "words are spelt exactly"},
      {{{"path", "/a"}, {"max_value_size", "1"}}, "", "max_value_size: ", "no room for a key"},
      {{{"path", "/a"}}, "{tag}", "name_template: ", "file names are the resource's own"},
  };
  for (const Case& c : cases) {
    SettingsMap settings(c.values);
    BackendTraits traits;
    traits.name_template = c.name_template;
    (void)configure(settings, traits);
    EXPECT_THAT(settings.problems, ElementsAre(HasSubstr(c.says))) << c.why;
  }
}

}  // namespace
}  // namespace kbs::storage::local_fs
