#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace kbs {
namespace {

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

TEST(ParseJson, RefusesWhatTwoReadersCouldReadDifferently) {
  struct Case {
    std::string text;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {"{}", true, "an object"},
      {" [1 , 2]\r\n\t", true, "white space around"},
      {"null", true, "any value"},
      {"", false, "nothing"},
      {" ", false, "nothing but space"},
      {"{", false, "cut short"},
      {"\"", false, "a string cut short"},
      {"1 2", false, "two values"},
      {"{} x", false, "trailing bytes"},
      {std::string("{}\0", 3), false, "a trailing zero byte"},
      {"{\"a\":1,}", false, "a trailing comma"},
      {"[1,]", false, "a trailing comma in an array"},
      {"{a:1}", false, "a name without quotes"},
      {"{'a':1}", false, "single quotes"},
      {"[1] // note", false, "a comment"},
      {"\xEF\xBB\xBF{}", false, "a byte order mark"},
      {"nul", false, "half a word"},
      {"NaN", false, "not a number, and no JSON"},
      {"Infinity", false, "no JSON"},
      {"01", false, "a leading zero"},
      {"1.", false, "no digit after the point"},
      {".5", false, "no digit before the point"},
      {"+1", false, "a plus"},
      {"0x10", false, "hex"},
      {"\"\n\"", false, "a raw control character"},
      {"\"\\x41\"", false, "an unknown escape"},
      {"\"\\ud800\"", false, "half a surrogate pair"},
      {"\"\\udc00\\ud800\"", false, "a surrogate pair in the wrong order"},
      {"\"\\ud83d\\ude00\"", true, "a surrogate pair"},
      {"\"\xff\"", false, "malformed UTF-8"},
      {"\"\xc0\xaf\"", false, "an overlong form"},
      {"\"\xed\xa0\x80\"", false, "an encoded surrogate"},
      {"{\"\xff\":1}", false, "malformed UTF-8 in a name"},
      {R"({"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]})", true, "one name in several objects"},
      {R"({"a":1,"a":2})", false, "a name twice"},
      {R"({"a":1,"b":2,"a":1})", false, "a name twice with the same value"},
      {R"({"a":1,"\u0061":2})", false, "a name twice, once escaped"},
      {R"({"x":[{"y":{"a":1,"a":1}}]})", false, "a name twice, deep inside"},
      {R"({"a":{"b":1,"b":2},"a":1})", false, "twice on two levels"},
      {R"({"":1,"":2})", false, "the empty name twice"},
      {R"({"a":1,"A":2})", true, "names differ in case"},
      {"1e400", false, "too large for a double"},
      {"[-1e400]", false, "too small for a double"},
      {repeat("9", 400), false, "an integer too large for a double"},
      {"1e308", true, "a large double"},
      {"1e-400", true, "underflow is zero"},
      {"0e400", true, "zero all the same"},
      {repeat("[", 64) + repeat("]", 64), true, "as deep as allowed"},
      {repeat("[", 65) + repeat("]", 65), false, "one level too deep"},
      {repeat("[", 100000), false, "a tower"},
      {repeat("{\"a\":", 65) + "1" + repeat("}", 65), false, "objects too deep"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text.substr(0, 60) + ": " + c.why);
    const Result<json::value> got = parse_json(c.text);
    EXPECT_EQ(got.has_value(), c.good) << (got ? to_json(*got) : describe(got.error()));
    if (!got) {
      EXPECT_EQ(got.error().kind, ErrorKind::invalid_request);
    }
  }
}

TEST(ParseJson, SaysWhatIsWrongAndWhere) {
  EXPECT_NE(parse_json("[1, x]").error().message.find("at byte 4"), std::string::npos);
  EXPECT_NE(parse_json(R"({"a":1,"a":2})").error().message.find("repeated"), std::string::npos);
  EXPECT_NE(parse_json("1e999").error().message.find("too large"), std::string::npos);
  EXPECT_NE(parse_json(repeat("[", 99)).error().message.find("deep"), std::string::npos);
}

TEST(ParseJson, HoldsToItsLimits) {
  JsonLimits limits;
  limits.max_bytes = 10;
  EXPECT_TRUE(parse_json("[1,2,3,45]", limits));
  EXPECT_FALSE(parse_json("[1,2,3,456]", limits));
  limits = {.max_depth = 2};
  EXPECT_TRUE(parse_json("[[1]]", limits));
  EXPECT_FALSE(parse_json("[[[]]]", limits));
  limits = {.max_members = 2};
  EXPECT_TRUE(parse_json(R"({"a":1,"b":2})", limits));
  EXPECT_FALSE(parse_json(R"({"a":1,"b":2,"c":3})", limits));
}

TEST(ParseJson, FindsARepeatedNameAmongThousandsQuickly) {
  std::string text = "{";
  for (int i = 0; i < 4000; ++i) text += "\"member" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(parse_json(text + "\"other\":0}"));
  EXPECT_FALSE(parse_json(text + "\"member17\":0}"));

  std::string large = "[";
  while (large.size() < (3u << 20)) large += text + "\"member17\":0},";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(parse_json(large + "0]"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(ParseJson, KeepsNumbersExact) {
  const json::value v =
      parse_json(
          "[9223372036854775807,-9223372036854775808,18446744073709551615,"
          "18446744073709551616,0.1,2.2250738585072014e-308,9007199254740993,-0.0]")
          .value();
  EXPECT_EQ(v.at(0).get_int64(), INT64_MAX);
  EXPECT_EQ(v.at(1).get_int64(), INT64_MIN);
  EXPECT_EQ(v.at(2).get_uint64(), UINT64_MAX);
  EXPECT_EQ(v.at(3).get_double(), 18446744073709551616.0);
  EXPECT_EQ(v.at(4).get_double(), 0.1);
  EXPECT_EQ(v.at(5).get_double(), 2.2250738585072014e-308);
  EXPECT_EQ(v.at(6).get_int64(), 9007199254740993);
  EXPECT_EQ(v.at(7).get_double(), 0.0);
}

TEST(ParseJson, ReadsLongAndEscapedStrings) {
  const std::string value = repeat("long text ", 5000);
  const json::value v =
      parse_json("{\"" + repeat("k", 3000) + "\\n\":\"" + value + "\\u0000\"}").value();
  EXPECT_EQ(v.get_object().begin()->key(), repeat("k", 3000) + "\n");
  EXPECT_EQ(v.get_object().begin()->value().get_string(), value + std::string(1, '\0'));
}

TEST(ParseJsonObject, WantsAnObject) {
  EXPECT_EQ(parse_json_object(R"({"a":1})").value().size(), 1u);
  EXPECT_FALSE(parse_json_object("[]"));
  EXPECT_FALSE(parse_json_object("\"{}\""));
}

TEST(ToJson, KeepsTheOrderAndReadsBack) {
  const std::string text =
      R"({"z":1,"a":[true,false,null,{},[]],"n":-5,"u":18446744073709551615,"d":1.5,"s":"a\"\\\n\u0001/é"})";
  const json::value v = parse_json(text).value();
  EXPECT_EQ(to_json(v), text);
  EXPECT_EQ(parse_json(to_json(v)).value(), v);
}

TEST(CanonicalJson, SortsByUtf16CodeUnits) {
  // RFC 8785 §3.2.3: the emoji's first surrogate is D83D, so that it stands before U+FB33.
  const json::value v =
      parse_json(R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew",
      "1":"One","\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"Latin"})")
          .value();
  EXPECT_EQ(
      canonical_json(v),
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin\","
      "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji\",\"\xef\xac\xb3\":\"Hebrew\"}");
}

TEST(CanonicalJson, SortsPrefixesFirstAndAtEveryLevel) {
  EXPECT_EQ(canonical_json(parse_json(R"({"ab":1,"a":{"d":1,"c":[{"z":0,"y":0}]},"":2})").value()),
            R"({"":2,"a":{"c":[{"y":0,"z":0}],"d":1},"ab":1})");
}

TEST(CanonicalJson, EscapesAsLittleAsItCan) {
  const json::value v =
      parse_json(R"("\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\b\f\t\r")").value();
  EXPECT_EQ(canonical_json(v), "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\x7f\\b\\f\\t\\r\"");
}

TEST(CanonicalJson, WritesNumbersAsEcmaScriptDoes) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.0", "0"},
      {"1.0", "1"},
      {"-1.5", "-1.5"},
      {"10.00", "10"},
      {"333333333.33333329", "333333333.3333333"},  // RFC 8785 §3.2.2
      {"1E30", "1e+30"},
      {"4.50", "4.5"},
      {"2e-3", "0.002"},
      {"0.000000000000000000000000001", "1e-27"},
      {"1e20", "100000000000000000000"},
      {"1e21", "1e+21"},
      {"123456789012345680000.0", "123456789012345680000"},
      {"1.2345e21", "1.2345e+21"},
      {"0.000001", "0.000001"},
      {"0.0000001", "1e-7"},
      {"0.00000123", "0.00000123"},
      {"-1.23e-7", "-1.23e-7"},
      {"5e-324", "5e-324"},  // RFC 8785, appendix B
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"295147905179352830000", "295147905179352830000"},
      {"9.999999999999997e22", "9.999999999999997e+22"},
      {"1e23", "1e+23"},
      {"1424953923781206.2", "1424953923781206.2"},
      {"9007199254740992", "9007199254740992"},
      {"9007199254740993", "9007199254740992"},
      {"-9007199254740993", "-9007199254740992"},
      {"18446744073709551615", "18446744073709552000"},
      {"-9223372036854775808", "-9223372036854776000"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(canonical_json(parse_json(c.in).value()), c.out);
  }
}

TEST(CanonicalJson, AgreesWithTheKnownDigestInput) {
  EXPECT_EQ(canonical_json(parse_json(R"({"b":1,"a":"test","c":{"d":"e"}})").value()),
            R"({"a":"test","b":1,"c":{"d":"e"}})");
}

TEST(StringMember, IsThereOnlyWhenItIsAString) {
  const json::object object = parse_json_object(R"({"s":"x","n":1,"e":""})").value();
  EXPECT_EQ(string_member(object, "s"), "x");
  EXPECT_EQ(string_member(object, "e"), "");
  EXPECT_EQ(string_member(object, "n"), std::nullopt);
  EXPECT_EQ(string_member(object, "absent"), std::nullopt);
}

TEST(FindPointer, FollowsTheExamplesOfRfc6901) {
  const json::value v =
      parse_json(R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"m~n":8,"o":{"01":3,"":4}})").value();
  struct Case {
    std::string_view pointer;
    std::optional<std::string> want;
    const char* why;
  };
  const Case cases[] = {
      {"", to_json(v), "the whole"},
      {"/foo", R"(["bar","baz"])", "a member"},
      {"/foo/0", R"("bar")", "an element"},
      {"/", "0", "the empty name"},
      {"/a~1b", "1", "an escaped slash"},
      {"/c%d", "2", "no percent-decoding"},
      {"/m~0n", "8", "an escaped tilde"},
      {"/o/01", "3", "digits may name members"},
      {"/o/", "4", "the empty name further in"},
      {"/foo/2", std::nullopt, "past the end"},
      {"/foo/00", std::nullopt, "a leading zero is no index"},
      {"/foo/-", std::nullopt, "after the last element there is nothing"},
      {"/foo/+1", std::nullopt, "no signs"},
      {"/foo/1x", std::nullopt, "not a number"},
      {"/foo/99999999999999999999", std::nullopt, "an index that overflows"},
      {"/foo/0/x", std::nullopt, "into a string"},
      {"/nope/x", std::nullopt, "through what is absent"},
      {"foo", std::nullopt, "no slash at the start"},
      {"/m~2n", std::nullopt, "an unknown escape"},
      {"/m~", std::nullopt, "half an escape"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const json::value* got = find_pointer(v, c.pointer);
    EXPECT_EQ(got ? std::optional(to_json(*got)) : std::nullopt, c.want);
  }
}

TEST(AppendJsonString, AlwaysYieldsOneReadableString) {
  for (std::string_view text :
       {"", "plain", "q\"b\\n\nr\rz\x01\x1f", "gr\xc3\xbcn", "\xf0\x9f\x98\x80"}) {
    std::string out;
    append_json_string(out, text);
    EXPECT_EQ(parse_json(out).value().get_string(), text) << out;
  }
  for (int c = 0; c < 128;
       ++c) {  // every place of a long text, where eight bytes are looked at at once
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x');
      text[at] = static_cast<char>(c);
      std::string out;
      append_json_string(out, text);
      EXPECT_EQ(parse_json(out).value().get_string(), text) << out;
    }
  }
  std::string out;
  append_json_string(out, "bad \xff byte");
  EXPECT_EQ(out, "\"bad \xEF\xBF\xBD byte\"");
}

}  // namespace
}  // namespace kbs
