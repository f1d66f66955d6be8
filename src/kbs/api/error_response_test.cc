#include "kbs/api/error_response.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "base/json.h"

namespace kbs::api {
namespace {

ApiError error(ErrorType type, ErrorKind kind) {
  return {type, Error{kind, "what happened", "for the log", BOOST_CURRENT_LOCATION},
          "what the reference says"};
}

constexpr ErrorKind kKinds[] = {ErrorKind::invalid_request, ErrorKind::unauthenticated,
                                ErrorKind::denied,          ErrorKind::not_found,
                                ErrorKind::unsupported,     ErrorKind::conflict,
                                ErrorKind::too_large,       ErrorKind::rate_limited,
                                ErrorKind::unavailable,     ErrorKind::internal};
constexpr ErrorType kTypes[] = {
    ErrorType::admin_auth_access,
    ErrorType::admin_auth_initialization,
    ErrorType::attestation_error,
    ErrorType::invalid_request_path,
    ErrorType::jwe_error,
    ErrorType::parse_policy_error,
    ErrorType::plugin_internal_error,
    ErrorType::plugin_not_found,
    ErrorType::policy_deny,
    ErrorType::policy_engine_error,
    ErrorType::rvps_error,
    ErrorType::serde_error,
    ErrorType::token_not_found,
    ErrorType::token_verifier_error,
    ErrorType::audit_failure,
};

TEST(ErrorResponse, PreciseModeSaysWhatHappenedByKind) {
  struct Case {
    ErrorKind kind;
    unsigned status;
  };
  const Case cases[] = {
      {ErrorKind::invalid_request, 400}, {ErrorKind::unauthenticated, 401},
      {ErrorKind::denied, 403},          {ErrorKind::not_found, 404},
      {ErrorKind::unsupported, 405},     {ErrorKind::conflict, 409},
      {ErrorKind::too_large, 413},       {ErrorKind::rate_limited, 429},
      {ErrorKind::unavailable, 503},     {ErrorKind::internal, 500},
  };
  for (const Case& c : cases) {
    const Response response =
        error_response(error(ErrorType::plugin_internal_error, c.kind), ErrorMode::precise);
    EXPECT_EQ(response.status, c.status) << to_string(c.kind);
    EXPECT_NE(response.body_text().find("what happened"), std::string_view::npos);
    EXPECT_EQ(response.body_text().find("for the log"), std::string_view::npos)
        << "details stay with the operator";
  }
}

TEST(ErrorResponse, TrusteeModeKnowsTwoStatuses) {
  for (ErrorType type : kTypes) {
    const bool not_found =
        type == ErrorType::plugin_not_found || type == ErrorType::invalid_request_path;
    const Response response =
        error_response(error(type, ErrorKind::unavailable), ErrorMode::trustee);
    EXPECT_EQ(response.status, not_found ? 404u : 401u) << to_string(type);
    EXPECT_EQ(response.body_text(),
              R"({"type":"https://github.com/confidential-containers/kbs/errors/)" +
                  std::string(to_string(type)) + R"(","detail":"what the reference says"})");
  }
}

TEST(ErrorResponse, BodyHasExactlyTwoMembersWhateverTheTextHolds) {
  ApiError bad = error(ErrorType::plugin_not_found, ErrorKind::not_found);
  bad.cause.message = "quote \" backslash \\ line\nfeed \x01";
  for (ErrorMode mode : {ErrorMode::precise, ErrorMode::trustee}) {
    auto parsed = parse_json_object(error_response(bad, mode).body_text());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->size(), 2u);
    EXPECT_TRUE(string_member(*parsed, "type")
                    ->starts_with("https://github.com/confidential-containers/kbs/errors/"));
    EXPECT_TRUE(string_member(*parsed, "detail"));
  }
}

TEST(ErrorResponse, SaysWhenToComeBackAndWhatIsAllowed) {
  const auto header = [](const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  const auto precise = [](ErrorKind kind) {
    return error_response(error(ErrorType::plugin_internal_error, kind), ErrorMode::precise);
  };
  EXPECT_NE(header(precise(ErrorKind::unavailable), "Retry-After"), "");
  EXPECT_NE(header(precise(ErrorKind::rate_limited), "Retry-After"), "");
  EXPECT_NE(header(precise(ErrorKind::unsupported), "Allow"), "");
  EXPECT_EQ(header(precise(ErrorKind::not_found), "Retry-After"), "");
}

// The whole table, for people: run this test alone to read it.
TEST(ErrorResponse, PrintsEveryRow) {
  std::printf("%-28s %-16s %-8s %s\n", "type", "kind", "trustee", "precise");
  for (ErrorType type : kTypes) {
    for (ErrorKind kind : kKinds) {
      const Response trustee = error_response(error(type, kind), ErrorMode::trustee);
      const Response precise = error_response(error(type, kind), ErrorMode::precise);
      std::printf("%-28s %-16s %-8u %u\n", std::string(to_string(type)).c_str(),
                  std::string(kbs::to_string(kind)).c_str(), trustee.status, precise.status);
      EXPECT_EQ(precise.status, precise_status(kind));
    }
  }
}

}  // namespace
}  // namespace kbs::api
