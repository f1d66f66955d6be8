#include "kbs-client/reference_value.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/json.h"

namespace kbs::client {
namespace {

TEST(SampleReferenceValue, PayloadHoldsWhatWasAskedFor) {
  struct Case {
    std::string_view value;
    ValueType type;
    bool single;
    std::string_view payload;  // empty: refused
    const char* why;
  };
  const Case cases[] = {
      {"abcde", ValueType::text, false, R"({"n":["abcde"]})", "a string, in an array"},
      {"5", ValueType::text, true, R"({"n":"5"})", "without a flag it stays a string"},
      {"5", ValueType::integer, true, R"({"n":5})", "C-13"},
      {"-5", ValueType::integer, false, R"({"n":[-5]})", "negative"},
      {"+5", ValueType::integer, true, R"({"n":5})", "a plus sign is allowed"},
      {"2147483647", ValueType::integer, true, R"({"n":2147483647})", "largest"},
      {"-2147483648", ValueType::integer, true, R"({"n":-2147483648})", "smallest"},
      {"2147483648", ValueType::integer, true, "", "too large for 32 bits"},
      {"-2147483649", ValueType::integer, true, "", "too small for 32 bits"},
      {"5x", ValueType::integer, true, "", "trailing text"},
      {"", ValueType::integer, true, "", "empty"},
      {"+-5", ValueType::integer, true, "", "two signs"},
      {"+", ValueType::integer, true, "", "a sign alone"},
      {" 5", ValueType::integer, true, "", "space"},
      {"true", ValueType::boolean, true, R"({"n":true})", "boolean"},
      {"false", ValueType::boolean, false, R"({"n":[false]})", "boolean in an array"},
      {"True", ValueType::boolean, true, "", "only lower case"},
      {"\xff", ValueType::text, true, "", "not UTF-8"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    auto message = sample_reference_value("n", c.value, c.type, c.single);
    ASSERT_EQ(bool(message), !c.payload.empty());
    if (!message) continue;
    auto document = parse_json_object(*message).value();
    EXPECT_EQ(string_member(document, "version"), "0.1.0");
    EXPECT_EQ(string_member(document, "type"), "sample");
    EXPECT_EQ(as_text(from_base64(string_member(document, "payload").value()).value()), c.payload);
  }
}

TEST(SampleReferenceValue, SaysWhyAValueDoesNotParse) {
  EXPECT_EQ(sample_reference_value("n", "x", ValueType::integer, true).error().message,
            "invalid digit found in string");
  EXPECT_EQ(sample_reference_value("n", "99999999999", ValueType::integer, true).error().message,
            "number too large to fit in target type");
  EXPECT_EQ(sample_reference_value("n", "yes", ValueType::boolean, true).error().message,
            "provided string was not `true` or `false`");
}

}  // namespace
}  // namespace kbs::client
