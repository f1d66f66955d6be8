#include "kbs-client/cli.h"

#include <gtest/gtest.h>

#include <vector>

namespace kbs::client {
namespace {

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "kbs-client");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <class T>
T command(const std::vector<const char*>& words) {
  Parsed parsed = parse(words);
  EXPECT_TRUE(parsed.invocation) << parsed.to_err;
  if (!parsed.invocation || !std::holds_alternative<T>(parsed.invocation->command)) {
    ADD_FAILURE() << "another command";
    return T{};
  }
  return std::get<T>(parsed.invocation->command);
}

TEST(Cli, DefaultsAreTheDocumentedOnes) {
  Parsed parsed = parse({"attest"});
  ASSERT_TRUE(parsed.invocation) << parsed.to_err;
  EXPECT_EQ(parsed.invocation->url, "http://127.0.0.1:8080");
  EXPECT_EQ(parsed.invocation->output, OutputFormat::text);
  EXPECT_EQ(parsed.invocation->access.role, "admin");
  EXPECT_EQ(parsed.invocation->access.issuer, "");
  EXPECT_EQ(parsed.invocation->access.audience, "KBS");
  EXPECT_FALSE(std::get<Attest>(parsed.invocation->command).guest.init_data);
}

TEST(Cli, GuestCommands) {
  auto get = command<GetResource>({"--url", "http://h", "get-resource", "--path", "a/b/c",
                                   "--tee-key-file", "k", "--attestation-token", "t", "--output",
                                   "f", "x = 1\n"});
  EXPECT_EQ(get.path, "a/b/c");
  EXPECT_EQ(get.guest.tee_key_file, "k");
  EXPECT_EQ(get.attestation_token, "t");
  EXPECT_EQ(get.output_file, "f");
  EXPECT_EQ(get.guest.init_data, "x = 1\n");
  EXPECT_EQ(command<Attest>({"attest", ""}).guest.init_data, "") << "empty init-data is init-data";
  EXPECT_EQ(command<Attest>({"attest", "config"}).guest.init_data, "config")
      << "a text, not a command";
  EXPECT_TRUE(command<GetResource>({"get-resource", "--path=a/b/c", "--raw"}).raw);
}

TEST(Cli, OutputMeansAFormatBeforeTheCommandAndAFileAfterIt) {
  Parsed parsed = parse({"--output", "json", "get-resource", "--path", "a/b/c", "--output", "f"});
  ASSERT_TRUE(parsed.invocation) << parsed.to_err;
  EXPECT_EQ(parsed.invocation->output, OutputFormat::json);
  EXPECT_EQ(std::get<GetResource>(parsed.invocation->command).output_file, "f");
}

TEST(Cli, ConfigCommands) {
  Parsed parsed =
      parse({"config", "--auth-private-key", "k", "--auth-role", "r", "--auth-issuer", "i",
             "--auth-audience", "a", "set-resource", "--path", "a/b/c", "--resource-file", "-"});
  ASSERT_TRUE(parsed.invocation) << parsed.to_err;
  EXPECT_EQ(parsed.invocation->access.private_key, "k");
  EXPECT_EQ(parsed.invocation->access.role, "r");
  EXPECT_EQ(parsed.invocation->access.issuer, "i");
  EXPECT_EQ(parsed.invocation->access.audience, "a");
  EXPECT_EQ(std::get<SetResource>(parsed.invocation->command).resource_file, "-");

  EXPECT_EQ(command<DeleteResource>({"config", "delete-resource", "--path", "p"}).path, "p");
  auto list =
      command<ListResources>({"config", "list-resources", "--prefix", "a/", "--limit", "7"});
  EXPECT_EQ(list.prefix, "a/");
  EXPECT_EQ(list.limit, 7u);
  auto policy =
      command<SetAttestationPolicy>({"config", "set-attestation-policy", "--policy-file", "f"});
  EXPECT_EQ(policy.type, "rego");
  EXPECT_FALSE(policy.id);
  EXPECT_EQ(command<GetReferenceValue>({"config", "get-reference-value", "--id", "x"}).id, "x");
  EXPECT_FALSE(command<GetReferenceValue>({"config", "get-reference-values"}).id)
      << "v0.14 to v0.17";
  command<GetResourcePolicy>({"config", "get-resource-policy"});
}

TEST(Cli, HistoryCommands) {
  EXPECT_EQ(command<ShowResource>({"config", "show-resource", "--path", "p"}).path, "p");
  EXPECT_EQ(command<ListVersions>({"config", "versions", "--path", "p", "--limit", "3"}).limit, 3u);
  EXPECT_EQ(command<Rollback>({"config", "rollback", "--path", "p", "--version", "v"}).version,
            "v");
  EXPECT_EQ(command<Undelete>({"config", "undelete", "--path", "p"}).path, "p");
  EXPECT_EQ(command<Destroy>({"config", "destroy", "--path", "p", "--version", "v"}).version, "v");
  EXPECT_TRUE(command<Destroy>({"config", "destroy", "--path", "p", "--all"}).all);
  command<ListMounts>({"config", "mounts"});
  command<ShowHealth>({"config", "health"});
  auto set = command<SetResource>({"config", "set-resource", "--path", "p", "--resource-file", "f",
                                   "--not-after", "2099-01-01T00:00:00Z", "--if-match", "v"});
  EXPECT_EQ(set.not_after, "2099-01-01T00:00:00Z");
  EXPECT_EQ(set.if_match, "v");
  EXPECT_FALSE(set.create_only);
}

TEST(Cli, ApplyHasItsOwnAccess) {
  Parsed parsed = parse({"apply", "--auth-private-key", "k", "--auth-issuer", "i", "-f", "m.yaml"});
  ASSERT_TRUE(parsed.invocation) << parsed.to_err;
  EXPECT_EQ(parsed.invocation->access.private_key, "k");
  EXPECT_EQ(parsed.invocation->access.issuer, "i");
  const auto& apply = std::get<Apply>(parsed.invocation->command);
  EXPECT_EQ(apply.manifest, "m.yaml");
  EXPECT_FALSE(apply.dry_run || apply.yes || apply.keep_going);
  EXPECT_TRUE(command<Apply>({"apply", "-f", "-", "-y"}).yes);
  EXPECT_TRUE(command<Apply>({"apply", "--file", "m", "--dry-run"}).dry_run);
  EXPECT_TRUE(command<Apply>({"apply", "--file", "m", "--keep-going"}).keep_going);
}

TEST(Cli, ResourcePolicyChoices) {
  struct Case {
    std::vector<const char*> words;
    PolicyChoice want;
  };
  const Case cases[] = {{{}, PolicyChoice::none},
                        {{"--allow-all"}, PolicyChoice::allow_all},
                        {{"--deny-all"}, PolicyChoice::deny_all},
                        {{"--affirming"}, PolicyChoice::affirming},
                        {{"--default"}, PolicyChoice::stock},
                        {{"--policy-file", "f"}, PolicyChoice::file}};
  for (const Case& c : cases) {
    std::vector<const char*> words{"config", "set-resource-policy"};
    words.insert(words.end(), c.words.begin(), c.words.end());
    EXPECT_EQ(command<SetResourcePolicy>(words).choice, c.want);
  }
}

TEST(Cli, ReferenceValues) {
  auto value = command<SetSampleReferenceValue>(
      {"config", "set-sample-reference-value", "n", "-5", "--as-integer", "--as-single-value"});
  EXPECT_EQ(value.name, "n");
  EXPECT_EQ(value.value, "-5") << "a negative number is no option";
  EXPECT_EQ(value.type, ValueType::integer);
  EXPECT_TRUE(value.single_value);
  value =
      command<SetSampleReferenceValue>({"config", "set-sample-reference-value", "help", "attest"});
  EXPECT_EQ(value.name, "help") << "a name, not a command";
  EXPECT_EQ(value.value, "attest");
}

TEST(Cli, AdminCommands) {
  EXPECT_EQ(command<Keygen>({"admin", "keygen", "-f", "k"}).file, "k");
  auto token = command<MakeToken>(
      {"admin", "token", "--key", "k", "--issuer", "i", "--ttl", "1h", "-o", "t"});
  EXPECT_EQ(token.role, "admin");
  EXPECT_EQ(token.issuer, "i");
  EXPECT_EQ(token.audience, "KBS");
  EXPECT_EQ(token.lifetime, "1h");
  EXPECT_EQ(token.output_file, "t");
}

TEST(Cli, UsageErrorsExitWithTwoAndSayNothingOnStdout) {
  struct Case {
    std::vector<const char*> words;
    const char* why;
  };
  const Case cases[] = {
      {{}, "nothing at all"},
      {{"config"}, "C-23"},
      {{"get-resource"}, "--path is missing"},
      {{"frobnicate"}, "no such command"},
      {{"attest", "--url", "http://h"}, "--url belongs before the command"},
      {{"--admin-token-file", "f", "config", "delete-resource", "--path", "p"},
       "belongs behind config"},
      {{"config", "delete-resource", "--path", "p", "--admin-token-file", "f"},
       "belongs before the subcommand"},
      {{"config", "--admin-token-file", "f", "--auth-private-key", "k", "delete-resource", "--path",
        "p"},
       "both"},
      {{"config", "set-resource-policy", "--allow-all", "--deny-all"}, "two choices"},
      {{"config", "set-resource-policy", "--policy-file", "f", "--default"}, "two choices"},
      {{"config", "set-sample-reference-value", "n", "5", "--as-integer", "--as-bool"}, "C-15"},
      {{"config", "set-sample-reference-value", "n"}, "VALUE is missing"},
      {{"config", "set-resource", "--path", "p"}, "--resource-file is missing"},
      {{"get-resource", "--path", "p", "--raw", "--output", "f"}, "where to?"},
      {{"config", "rollback", "--path", "p"}, "to which version?"},
      {{"config", "destroy", "--path", "p"}, "what?"},
      {{"config", "destroy", "--path", "p", "--all", "--version", "v"}, "which of the two?"},
      {{"config", "set-resource", "--path", "p", "--resource-file", "f", "--create-only",
        "--if-match", "v"},
       "there or not there?"},
      {{"apply"}, "-f is missing"},
      {{"--output", "yaml", "attest"}, "no such format"},
      {{"attest", "init", "data"}, "one text too many"},
      {{"admin"}, "which?"},
      {{"admin", "keygen"}, "-f is missing"},
      {{"help", "frobnicate"}, "no such command"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Parsed parsed = parse(c.words);
    EXPECT_FALSE(parsed.invocation);
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_EQ(parsed.to_out, "");
    EXPECT_NE(parsed.to_err, "");
  }
}

TEST(Cli, HelpAndVersionGoToStdout) {
  EXPECT_EQ(parse({"--version"}).to_out, "KBS client 0.1.0\n");
  EXPECT_EQ(parse({"-V"}).to_out, "KBS client 0.1.0\n");
  struct Case {
    std::vector<const char*> words;
    std::string_view shows;
  };
  const Case cases[] = {{{"--help"}, "get-resource"},
                        {{"-h"}, "--cert-file"},
                        {{"help"}, "get-resource"},
                        {{"config", "--help"}, "list-resources"},
                        {{"config", "set-resource", "-h"}, "--resource-file"},
                        {{"help", "config"}, "list-resources"},
                        {{"help", "config", "set-resource"}, "--resource-file"},
                        {{"get-resource", "--help"}, "--tee-key-file"},
                        {{"help", "apply"}, "--dry-run"},
                        {{"help", "config", "destroy"}, "--all"}};
  for (const Case& c : cases) {
    Parsed parsed = parse(c.words);
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_NE(parsed.to_out.find(c.shows), std::string::npos) << parsed.to_out << parsed.to_err;
    EXPECT_EQ(parsed.to_err, "");
  }
}

TEST(Cli, ACommandAloneShowsItsHelp) {  // C-23
  EXPECT_NE(parse({"config"}).to_err.find("set-resource-policy"), std::string::npos);
  EXPECT_NE(parse({"get-resource"}).to_err.find("--path"), std::string::npos);
}

}  // namespace
}  // namespace kbs::client
