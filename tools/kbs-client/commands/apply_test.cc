#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "kbs-client/commands/commands.h"
#include "kbs-client/testing/session.h"

namespace kbs::client {
namespace {

using testing::answer;
using testing::kbs_error;
using testing::Seen;
using testing::Session;

/// A server that holds what a map says, as ours does in precise mode, and keeps what it is sent.
class Server {
 public:
  Result<HttpResponse> operator()(const Seen& request) {
    if (failures.contains(request.target) && request.method == Method::post)
      return kbs_error(failures[request.target], "told to fail");
    if (request.method == Method::head) return head(request.target);
    if (request.method == Method::get) {
      const auto found = documents.find(request.target);
      return found == documents.end() ? kbs_error(404, "absent") : answer(200, found->second);
    }
    if (request.if_absent && stored.contains(request.target)) return kbs_error(409, "exists");
    stored[request.target] = request.body;
    return answer(200);
  }

  std::map<std::string, std::string> stored;     ///< resources by target
  std::map<std::string, std::string> documents;  ///< what GET gives
  std::map<std::string, int> failures;           ///< of POST
  bool knows_head = true;

 private:
  Result<HttpResponse> head(const std::string& target) {
    if (!knows_head) return answer(405);
    const auto found = stored.find(target);
    if (found == stored.end()) return answer(404);
    HttpResponse response = answer(200);
    response.etag = "\"v1\"";
    response.resource_size = found->second.size();
    return response;
  }
};

/// One session over such a server.
struct Desk : Session {
  explicit Desk(OutputFormat format = OutputFormat::text)
      : Session([this](const Seen& request) { return kbs(request); }, format) {}

  Result<> apply(std::string_view manifest, Apply options = {.yes = true}) {
    options.manifest = directory.write("manifest.yaml", manifest);
    return run(std::move(options));
  }
  /// Targets and conditions of what was written.
  std::vector<std::string> writes() const {
    std::vector<std::string> all;
    for (const Seen& one : server.seen) {
      if (one.method != Method::post) continue;
      all.push_back(one.target + (one.if_absent ? " if absent" : "") +
                    (one.if_match.empty() ? "" : " if " + one.if_match));
    }
    return all;
  }

  Server kbs;
};

constexpr const char* kOne = "/kbs/v0/resource/default/key/1";
constexpr const char* kTwo = "/kbs/v0/resource/default/key/2";
constexpr std::string_view kTwoResources =
    "resources:\n"
    "  - {path: default/key/1, text: first}\n"
    "  - {path: default/key/2, text: second}\n";

TEST(Apply, StoresEverythingPoliciesFirst) {
  Desk s;
  s.directory.write("cpu.rego", "package policy");
  s.directory.write("keys/1.bin", std::string("\0\xff", 2));
  s.variables["KEY_2"] = "from the environment";
  s.kbs.documents["/kbs/v0/admin/policy"] = "package policy\n";
  ASSERT_TRUE(s.apply(R"(
resources:
  - {path: default/key/1, file: keys/1.bin}
  - {path: default/key/2, value_env: KEY_2, not_after: "2099-01-02T03:04:05Z", content_type: text/plain}
resource_policy: {text: "package policy # new"}
attestation_policies: [{id: default_cpu, file: cpu.rego}]
reference_values: [{name: svn, value: 2}]
)"));
  EXPECT_EQ(s.writes(), (std::vector<std::string>{
                            "/kbs/v0/reference-value", "/kbs/v0/attestation-policy",
                            "/kbs/v0/resource-policy", std::string(kOne) + " if absent",
                            std::string(kTwo) + "?not_after=2099-01-02T03%3A04%3A05Z if absent"}));
  EXPECT_EQ(s.kbs.stored[kOne], std::string("\0\xff", 2));
  const Seen& last = s.server.seen.back();
  EXPECT_EQ(last.body, "from the environment");
  EXPECT_EQ(last.content_type, "text/plain");
  EXPECT_EQ(s.kbs.stored["/kbs/v0/attestation-policy"],
            R"({"type":"rego","policy_id":"default_cpu","policy":"cGFja2FnZSBwb2xpY3k"})");
  EXPECT_EQ(s.printed(),
            "create\treference value svn\t[2]\n"
            "set\tattestation policy default_cpu\t14 bytes from file cpu.rego\n"
            "replace\tresource policy\t20 bytes from the manifest\n"
            "create\tresource default/key/1\t2 bytes from file keys/1.bin\n"
            "create\tresource default/key/2\t20 bytes from $KEY_2, until 2099-01-02T03:04:05Z\n"
            "Plan: 3 create, 1 replace, 1 set\n"
            "Apply success\n");
}

TEST(Apply, SaysHonestlyWhatItCannotKnow) {
  Desk s;
  s.kbs.stored[kOne] = "first";
  s.kbs.documents["/kbs/v0/admin/policy"] = "package policy\n";
  s.kbs.documents["/kbs/v0/reference-value/svn"] = "[2]";
  s.kbs.documents["/kbs/v0/reference-value/debug"] = "[true]";
  ASSERT_TRUE(
      s.apply("resources: [{path: default/key/1, text: first}]\n"
              "resource_policy: {text: \"package policy\\n\"}\n"
              "reference_values: [{name: svn, value: 2}, {name: debug, value: false}]\n"));
  EXPECT_EQ(s.printed(),
            "unchanged\treference value svn\t[2]\n"
            "replace\treference value debug\t[false]; now [true]\n"
            "unchanged\tresource policy\t15 bytes from the manifest\n"
            "replace\tresource default/key/1\t5 bytes from the manifest; now 5 bytes, version "
            "\"v1\"\n"
            "Plan: 2 replace, 2 unchanged\n"
            "Apply success\n")
      << "a stored value is never read back, so the same bytes are a replacement all the same";
  EXPECT_EQ(s.writes(),
            (std::vector<std::string>{"/kbs/v0/reference-value", std::string(kOne) + " if \"v1\""}))
      << "what was shown is what is replaced";
}

TEST(Apply, IfAbsentNeverReplaces) {
  Desk s;
  s.kbs.stored[kOne] = "older";
  const std::string_view manifest =
      "resources:\n"
      "  - {path: default/key/1, text: first, if: absent}\n"
      "  - {path: default/key/2, text: second, if: absent}\n";
  ASSERT_TRUE(s.apply(manifest));
  EXPECT_EQ(s.writes(), std::vector<std::string>{std::string(kTwo) + " if absent"});
  EXPECT_EQ(s.kbs.stored[kOne], "older");
  Desk raced;
  raced.kbs.failures[kOne] = 409;
  ASSERT_TRUE(raced.apply("resources: [{path: default/key/1, text: first, if: absent}]\n"))
      << "somebody made it meanwhile: it is there, and nothing more was asked";
  Desk blind;
  blind.kbs.failures[kOne] = 405;
  EXPECT_FALSE(blind.apply("resources: [{path: default/key/1, text: first, if: absent}]\n"));
  EXPECT_EQ(blind.writes().size(), 1u) << "never without its condition";
}

TEST(Apply, StorageThatCannotCompareIsWrittenWithoutCondition) {
  Desk s;
  int refused = 0;
  s.server = testing::ScriptedTransport([&](const Seen& request) -> Result<HttpResponse> {
    if (request.if_absent) return ++refused, answer(405);
    return s.kbs(request);
  });
  ASSERT_TRUE(s.apply("resources: [{path: default/key/1, text: first}]\n"));
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(s.kbs.stored[kOne], "first");
}

TEST(Apply, LooksIntoTheListingWhereHeadIsUnknown) {
  Desk s;
  s.kbs.knows_head = false;
  s.kbs.documents["/kbs/v0/resource?limit=1&prefix=default%2Fkey%2F1"] =
      R"({"resources":[{"path":"default/key/1","version":"v9","size":7}],"next":null})";
  s.kbs.documents["/kbs/v0/resource?limit=1&prefix=default%2Fkey%2F2"] =
      R"({"resources":[{"path":"default/key/22","version":"v9","size":7}],"next":null})";
  ASSERT_TRUE(s.apply(kTwoResources));
  EXPECT_EQ(s.writes(), (std::vector<std::string>{std::string(kOne) + " if \"v9\"",
                                                  std::string(kTwo) + " if absent"}));
  Desk reference;
  reference.kbs.knows_head = false;
  ASSERT_TRUE(reference.apply(kTwoResources));
  EXPECT_EQ(reference.writes(), (std::vector<std::string>{kOne, kTwo})) << "nothing is known";
  EXPECT_NE(reference.printed().find("Plan: 2 set\n"), std::string::npos);
}

TEST(Apply, DryRunChangesNothing) {
  Desk s;
  ASSERT_TRUE(s.apply(kTwoResources, {.dry_run = true}));
  EXPECT_TRUE(s.writes().empty());
  EXPECT_NE(s.printed().find("Plan: 2 create\n"), std::string::npos);
  EXPECT_EQ(s.printed().find("success"), std::string::npos);
}

TEST(Apply, AsksUnlessToldNotTo) {
  Desk yes;
  yes.answer_to_questions = true;
  ASSERT_TRUE(yes.apply(kTwoResources, {}));
  EXPECT_EQ(yes.questions, std::vector<std::string>{"Apply (2 create)? [y/N] "});
  Desk no;
  no.answer_to_questions = false;
  EXPECT_FALSE(no.apply(kTwoResources, {}));
  EXPECT_TRUE(no.writes().empty());
  Desk nobody;
  const auto done = nobody.apply(kTwoResources, {});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("--yes"), std::string::npos);
  EXPECT_TRUE(nobody.writes().empty());
  Desk nothing_to_do;
  ASSERT_TRUE(nothing_to_do.apply("resources: []\n", {}));
  EXPECT_TRUE(nothing_to_do.questions.empty());
}

TEST(Apply, StopsAtAFailureOrGoesOn) {
  for (const bool keep_going : {false, true}) {
    Desk s;
    s.kbs.failures[kOne] = 413;
    const auto done = s.apply(kTwoResources, {.yes = true, .keep_going = keep_going});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::too_large);
    EXPECT_EQ(s.kbs.stored.contains(kTwo), keep_going);
    EXPECT_TRUE(
        done.error().message.starts_with(std::string(keep_going ? "1" : "0") +
                                         " of 2 entries were written; resource default/key/1: "))
        << done.error().message;
    ASSERT_EQ(s.said.empty(), false);
    EXPECT_TRUE(s.said.back().starts_with("Failed: resource default/key/1: "));
    EXPECT_NE(hint_for(s.invocation, s.context, done.error()), "");
  }
}

TEST(Apply, ReadsEverythingBeforeItChangesAnything) {
  struct Case {
    std::string_view entry;
    std::string_view says;
    const char* why;
  };
  const Case cases[] = {
      {"file: absent", "cannot read absent", "no such file"},
      {"file: ../outside", "leads out of the folder", "climbs out"},
      {"file: link", "leads out of the folder", "a link that leaves"},
      {"file: folder", "not a regular file", "a directory"},
      {"file: fifo", "not a regular file", "a FIFO would wait for ever"},
      {"value_env: UNSET", "UNSET", "no such variable"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Desk s;
    s.directory.write("m/folder/x", "");
    s.directory.write("outside", "hush");
    std::filesystem::create_symlink(s.directory.path("outside"), s.directory.path("m/link"));
    ASSERT_EQ(::mkfifo(s.directory.path("m/fifo").c_str(), 0600), 0);
    const std::string manifest =
        s.directory.write("m/manifest.yaml",
                          "resources:\n  - {path: default/key/1, text: first}\n"
                          "  - {path: default/key/2, " +
                              std::string(c.entry) + "}\n");
    const auto done = s.run(Apply{.manifest = manifest, .yes = true});
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find(c.says), std::string::npos) << done.error().message;
    EXPECT_TRUE(s.writes().empty());
  }
}

TEST(Apply, LinksWithinTheFolderAndAbsolutePathsAreFollowed) {
  Desk s;
  s.directory.write("..data/key", "through a link");
  std::filesystem::create_symlink("..data/key", s.directory.path("key"));
  const std::string absolute = s.directory.write("elsewhere/key", "named outright");
  ASSERT_TRUE(
      s.apply("resources:\n  - {path: default/key/1, file: key}\n"
              "  - {path: default/key/2, file: \"" +
              absolute + "\"}\n"));
  EXPECT_EQ(s.kbs.stored[kOne], "through a link");
  EXPECT_EQ(s.kbs.stored[kTwo], "named outright");
}

TEST(Apply, AsJsonIsOneDocument) {
  Desk s(OutputFormat::json);
  s.kbs.failures[kTwo] = 503;
  EXPECT_FALSE(s.apply(kTwoResources, {.yes = true}));
  auto document = parse_json_object(s.printed());
  ASSERT_TRUE(document) << s.printed();
  EXPECT_FALSE(document->at("dry_run").as_bool());
  const json::array& entries = document->at("entries").as_array();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].at("kind").as_string(), "resource");
  EXPECT_EQ(entries[0].at("name").as_string(), "default/key/1");
  EXPECT_EQ(entries[0].at("action").as_string(), "create");
  EXPECT_EQ(entries[0].at("outcome").as_string(), "done");
  EXPECT_EQ(entries[1].at("outcome").as_string(), "failed");
  EXPECT_TRUE(entries[1].at("error").is_string());
  EXPECT_EQ(s.printed().find("second"), std::string::npos) << "no value, not even a short one";
}

TEST(Apply, BadCredentialsAreToldBeforeAnythingIsSent) {
  Session s([](const Seen&) { return kbs_error(401, "who are you?"); });
  const auto done =
      s.run(Apply{.manifest = s.directory.write("m.yaml", kTwoResources), .yes = true});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(s.server.seen.size(), 1u);
  EXPECT_EQ(s.server.seen[0].method, Method::head);
}

TEST(Apply, NamesTheManifestThatIsWrong) {
  Desk s;
  auto done = s.apply("resource: []\n");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("manifest.yaml: line 1: "), std::string::npos);
  EXPECT_FALSE(s.run(Apply{.manifest = s.directory.path("absent")}));
  EXPECT_EQ(s.said.back(), "Failed to read: " + s.directory.path("absent"));
  EXPECT_TRUE(s.server.seen.empty());
}

}  // namespace
}  // namespace kbs::client
