#include "kbs/plugins/precondition.h"

#include <gtest/gtest.h>

namespace kbs::plugins {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// "absent", "exists", "a|b" for versions, "" for none, "refused".
std::string meaning(Fields fields) {
  http::Request request;
  request.headers = std::move(fields);
  const auto condition = read_precondition(request);
  if (!condition) {
    EXPECT_EQ(condition.error().kind, ErrorKind::invalid_request);
    return "refused";
  }
  if (condition->absent) return "absent";
  if (condition->exists) return "exists";
  std::string all;
  for (const std::string& version : condition->versions) all += (all.empty() ? "" : "|") + version;
  return all;
}

TEST(Precondition, MeansWhatTheFieldsSay) {
  struct Case {
    Fields fields;
    std::string_view want;
    const char* why;
  };
  const Case cases[] = {
      {{}, "", "no condition"},
      {{{"If-None-Match", "*"}}, "absent", "create only"},
      {{{"if-none-match", " * "}}, "absent", "names are of any case, white space means nothing"},
      {{{"If-Match", "*"}}, "exists", "replace only"},
      {{{"If-Match", "\"v1\""}}, "v1", "one version"},
      {{{"If-Match", "v1"}}, "v1", "as people type it"},
      {{{"If-Match", "\"v1\", \"v2\""}}, "v1|v2", "any of a list"},
      {{{"If-Match", "\"v1\" ,\t\"v2\","}}, "refused", "nothing behind a comma"},
      {{{"If-Match", "\"v1\""}, {"If-Match", "\"v2\""}}, "v1|v2", "two lines are one list"},
      {{{"If-Match", "\"a,b\", c"}}, "a,b|c", "a comma within quotes parts nothing"},
      {{{"If-Match", "\"*\""}}, "*", "a version of that name is not the wildcard"},
      {{{"If-Match", "*, \"v1\""}}, "refused", "the wildcard stands alone"},
      {{{"If-Match", ""}}, "refused", "no version at all"},
      {{{"If-Match", "\"\""}}, "refused", "a version without a name"},
      {{{"If-Match", "\"v1"}}, "refused", "an open quote"},
      {{{"If-Match", "\"v1\"x"}}, "refused", "something behind the quote"},
      {{{"If-Match", "v 1"}}, "refused", "a space outside quotes"},
      {{{"If-Match", "W/\"v1\""}}, "refused", "weak tags match nothing: say so"},
      {{{"If-None-Match", "\"v1\""}}, "refused", "only * creates"},
      {{{"If-None-Match", "*"}, {"If-None-Match", "*"}}, "refused", "twice"},
      {{{"If-None-Match", "*"}, {"If-Match", "*"}}, "refused", "a contradiction"},
  };
  for (const Case& c : cases) EXPECT_EQ(meaning(c.fields), c.want) << c.why;
}

TEST(Precondition, BoundsTheList) {
  std::string field = "\"0\"";
  for (int i = 1; i < 64; ++i) field += ",\"" + std::to_string(i) + '"';
  EXPECT_NE(meaning({{"If-Match", field}}), "refused");
  EXPECT_EQ(meaning({{"If-Match", field + ",\"64\""}}), "refused");
}

TEST(Precondition, TagsComeBackAsVersions) {
  EXPECT_EQ(entity_tag("17~ab"), "\"17~ab\"");
  EXPECT_EQ(meaning({{"If-Match", entity_tag("17~ab")}}), "17~ab");
}

}  // namespace
}  // namespace kbs::plugins
