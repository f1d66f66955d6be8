#pragma once
/// What the tests of policies share: claims, data, and the outcome of a policy as one text.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "policy/rego.h"

namespace kbs::policy::testing {

inline constexpr std::string_view kAllow = "data.policy.allow";
inline constexpr std::string_view kData =
    R"({"plugin":"resource","resource-path":["myrepo","secret","secret1"],"query":{"q":"a b"}})";
inline constexpr std::string_view kClaims =
    R"({"iss":"CoCo","submods":{"cpu0":{"ear.status":"affirming","ear.veraison.annotated-evidence":)"
    R"({"init_data":"ad34","sample":{"svn":"2"}}}}})";

inline std::shared_ptr<const RegoPolicy> compiled(std::string_view text,
                                                  bool with_reference_values = false) {
  auto policy = RegoPolicy::compile(text, with_reference_values);
  EXPECT_TRUE(policy) << text << '\n' << (policy ? "" : describe(policy.error()));
  return policy ? *policy : nullptr;
}

/// "true", "undefined", "missing", or "error: …".
inline std::string outcome(std::string_view text, std::string_view data = kData) {
  auto policy = RegoPolicy::compile(text);
  if (!policy) return "refused: " + policy.error().message;
  auto result = (*policy)->evaluate(kAllow, kClaims, data);
  if (!result) return "error: " + result.error().message;
  if (result->rule_missing) return "missing";
  return result->value.value_or("undefined");
}

inline std::string repeat(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

}  // namespace kbs::policy::testing
