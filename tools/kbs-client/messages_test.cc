#include "kbs-client/messages.h"

#include <gtest/gtest.h>

namespace kbs::client {
namespace {

TEST(Quoted, EscapesAsTheReferencesClientDoes) {
  struct Case {
    std::string_view text;
    std::string_view want;
    const char* why;
  };
  const Case cases[] = {
      {R"(["abcde"])", R"("[\"abcde\"]")", "C-16"},
      {"", R"("")", "empty"},
      {"a\\b", R"("a\\b")", "backslash"},
      {"a\nb\r\tc", R"("a\nb\r\tc")", "line ends"},
      {std::string_view("\0", 1), R"("\0")", "zero"},
      {"\x1b[31m", R"("\u{1b}[31m")", "a terminal does not obey the server"},
      {"\x7f", R"("\u{7f}")", "delete"},
      {"\xc2\x9b", R"("\u{9b}")", "C1 control"},
      {"é'", R"("é'")", "letters and single quotes stay"},
      {"\xff", "\"\xEF\xBF\xBD\"", "not UTF-8"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(quoted(c.text), c.want);
  }
}

TEST(ErrorReport, SaysErrorThenItsCause) {
  Error error{ErrorKind::internal, "request unauthorized", "", {}};
  EXPECT_EQ(error_report(error, false), "Error: request unauthorized");
  error.detail = "the server said no";
  EXPECT_EQ(error_report(error, false),
            "Error: request unauthorized\n\nCaused by:\n    the server said no");
  EXPECT_NE(error_report(error, true).find("Stack backtrace:"), std::string::npos);
}

TEST(ErrorReport, IsOneLineOfJsonForMachines) {
  const Error error{ErrorKind::denied, "no\n\"way\"", "", {}};
  EXPECT_EQ(error_report_json(error, "ask"),
            R"({"error":"no\n\"way\"","kind":"denied","hint":"ask"})");
}

TEST(Hints, TellTheNextStep) {
  struct Case {
    std::string hint;
    std::string_view names;
    const char* why;
  };
  const Case cases[] = {
      {admin_hint(ErrorKind::unauthenticated, Credential::none), "--admin-token-file",
       "nothing was sent"},
      {admin_hint(ErrorKind::unauthenticated, Credential::signed_without_issuer), "--auth-issuer",
       "the server may demand an issuer"},
      {admin_hint(ErrorKind::unauthenticated, Credential::signed_with_issuer), "--auth-audience",
       "claims do not fit"},
      {admin_hint(ErrorKind::unauthenticated, Credential::token), "expired", "a stale file"},
      {admin_hint(ErrorKind::denied, Credential::token), "regex_acl", "the role may not"},
      {admin_hint(ErrorKind::too_large, Credential::token), "payload_request_size", "body limit"},
      {guest_hint(ErrorKind::unauthenticated, false), "set-resource-policy", "policy"},
      {guest_hint(ErrorKind::unauthenticated, true), "attest", "an expired passport"},
      {guest_hint(ErrorKind::denied, false), "policy", "precise mode"},
      {guest_hint(ErrorKind::not_found, false), "set-resource", "not stored yet"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_NE(c.hint.find(c.names), std::string::npos) << c.hint;
  }
}

}  // namespace
}  // namespace kbs::client
