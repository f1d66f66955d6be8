#include "resource/resource_id.h"

#include <gtest/gtest.h>

#include <optional>

namespace kbs {
namespace {

std::optional<ResourceId> value_of(const Result<ResourceId>& r) {
  return r ? std::optional(*r) : std::nullopt;
}

TEST(ResourceId, Parse) {
  struct Case {
    std::string_view path;
    std::optional<ResourceId> want;
    const char* why;
  };
  const Case cases[] = {
      {"default/key/1", ResourceId{"default", "key", "1"}, "three plain segments"},
      {"123--_default/1Abff-_/___-afds44BC", ResourceId{"123--_default", "1Abff-_", "___-afds44BC"},
       "every allowed kind of character"},
      {"1.ok/2ok./3...", ResourceId{"1.ok", "2ok.", "3..."}, "dots anywhere but first"},
      {"1/2", std::nullopt, "one segment too few"},
      {"default/key/1/2", std::nullopt, "one segment too many"},
      {"default/../1", std::nullopt, "must not climb out of the repository"},
      {"a/./b", std::nullopt, "a dot is no name"},
      {".1.ok/2/3", std::nullopt, "a leading dot is for files of ours"},
      {"/repo/type/tag", std::nullopt, "an empty first segment"},
      {"a//c", std::nullopt, "an empty segment"},
      {"a/b/", std::nullopt, "an empty tag"},
      {"", std::nullopt, "nothing at all"},
      {"a b/c/d", std::nullopt, "a space"},
      {"\xC3\xA4/b/c", std::nullopt, "a letter outside ASCII"},
      {"a/b/c\n", std::nullopt, "a trailing line feed must not slip past the end"},
      {std::string_view("a/b/c\0", 6), std::nullopt, "a NUL would end the name in the kernel"},
      {"a/b/c\\x2Fd", std::nullopt, "a backslash belongs to the flat layout's escape"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(value_of(ResourceId::parse(c.path)), c.want);
  }
}

TEST(ResourceId, PathIsTheInverseOfParse) {
  EXPECT_EQ(ResourceId::parse("r/t/a.b")->path(), "r/t/a.b");
}

}  // namespace
}  // namespace kbs
