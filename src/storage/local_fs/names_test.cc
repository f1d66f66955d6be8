#include "storage/local_fs/names.h"

#include <gtest/gtest.h>

namespace kbs::storage::local_fs {
namespace {

TEST(LocalFsNames, BothSpellingsOfOneResource) {
  const Names names(ResourceId{"default", "key", "1"});
  EXPECT_EQ(names.of(Layout::tree), "default/key/1");
  EXPECT_EQ(names.of(Layout::flat), R"(default\x2Fkey\x2F1)");
}

TEST(LocalFsNames, AFlatNameIsReadBackOrIsNoResource) {
  struct Case {
    std::string_view name;
    std::string_view path;
    const char* why;
  };
  const Case cases[] = {
      {R"(default\x2Fkey\x2F1)", "default/key/1", "as the reference writes it"},
      {R"(a.b\x2F-\x2F_)", "a.b/-/_", "every kind of character"},
      {R"(default\x2Fkey)", "", "two segments"},
      {R"(default\x2Fkey\x2F1\x2F2)", "", "four segments"},
      {R"(default\x2fkey\x2f1)", "", "lower case is not the reference's escape"},
      {R"(\x2Fkey\x2F1)", "", "an empty segment"},
      {R"(..data\x2Fkey\x2F1)", "", "a dot in front"},
      {R"(default\x2Fkey\x2F.kbs-tmp-1)", "", "a dot in front of the tag"},
      {"resource-policy.rego", "", "a policy is no resource"},
      {"", "", "nothing"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto id = resource_of_flat_name(c.name);
    EXPECT_EQ(id ? id->path() : "", c.path);
    if (id) EXPECT_EQ(Names(*id).flat, c.name);
  }
}

TEST(LocalFsNames, KnowsWhatAFileSystemCanHold) {
  struct Case {
    std::size_t tag;
    bool flat;
    bool tree;
    const char* why;
  };
  const Case cases[] = {
      {245, true, true, "255 bytes as a flat name"},
      {246, false, true, "256 bytes as a flat name"},
      {255, false, true, "the longest segment"},
      {256, false, false, "one more"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Names names(ResourceId{"r", "t", std::string(c.tag, 'n')});
    EXPECT_EQ(names.fits(Layout::flat), c.flat);
    EXPECT_EQ(names.fits(Layout::tree), c.tree);
  }
}

}  // namespace
}  // namespace kbs::storage::local_fs
