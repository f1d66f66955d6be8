/// The administrator's side of the grammar.

#include "kbs-client/cli_grammar.h"

namespace kbs::client {
namespace {

void add_policy_commands(CLI::App& config, State& state) {
  CLI::App& attestation =
      *config.add_subcommand("set-attestation-policy", "Store an attestation policy");
  auto policy = bind<SetAttestationPolicy>(attestation, state);
  add_file(attestation, "--policy-file", policy->policy_file, "Rego text")->required();
  attestation.add_option("--type", policy->type, "Policy type (default: rego)")->type_name("TYPE");
  attestation
      .add_option_function<std::string>(
          "--id", [policy](const std::string& id) { policy->id = id; },
          "Policy id (default: default_cpu)")
      ->type_name("ID");

  CLI::App& resource = *config.add_subcommand("set-resource-policy", "Store the resource policy");
  auto choice = bind<SetResourcePolicy>(resource, state);
  struct Row {
    const char* flag;
    PolicyChoice choice;
    const char* help;
  };
  const Row rows[] = {
      {"--allow-all", PolicyChoice::allow_all,
       "Every attested guest gets every resource: for tests"},
      {"--deny-all", PolicyChoice::deny_all, "No guest gets anything"},
      {"--affirming", PolicyChoice::affirming, "Guests whose attestation result is affirming"},
      {"--default", PolicyChoice::stock, "The policy that a fresh server starts with"},
  };
  std::vector<CLI::Option*> all;
  all.push_back(resource
                    .add_option_function<std::string>(
                        "--policy-file",
                        [choice](const std::string& file) {
                          choice->choice = PolicyChoice::file;
                          choice->policy_file = file;
                        },
                        "Rego text")
                    ->type_name("FILE"));
  for (const Row& row : rows) {
    all.push_back(resource.add_flag_callback(
        row.flag, [choice, picked = row.choice] { choice->choice = picked; }, row.help));
  }
  for (CLI::Option* one : all) {
    for (CLI::Option* other : all) {
      if (one != other) one->excludes(other);
    }
  }

  bind<GetResourcePolicy>(
      *config.add_subcommand("get-resource-policy", "Print the resource policy in force"), state);
}

void add_resource_commands(CLI::App& config, State& state) {
  CLI::App& set = *config.add_subcommand("set-resource", "Store a resource");
  auto resource = bind<SetResource>(set, state);
  add_path(set, resource->path);
  add_file(set, "--resource-file", resource->resource_file, "The bytes; - reads standard input")
      ->required();

  set.add_option("--not-after", resource->not_after,
                 "Expires then, in RFC 3339: 2027-01-31T00:00:00Z (default: never)")
      ->type_name("TIME");
  CLI::Option* if_match =
      set.add_option("--if-match", resource->if_match,
                     "Only if this is the current version (as `versions` shows it), or * for any")
          ->type_name("VERSION");
  set.add_flag("--create-only", resource->create_only, "Only if nothing is there")
      ->excludes(if_match);

  CLI::App& remove = *config.add_subcommand("delete-resource", "Delete a resource");
  add_path(remove, bind<DeleteResource>(remove, state)->path);

  CLI::App& list =
      *config.add_subcommand("list-resources", "List stored resources, never their values");
  auto options = bind<ListResources>(list, state);
  list.add_option("--prefix", options->prefix, "Only paths that begin with this")
      ->type_name("TEXT");
  list.add_option("--limit", options->limit, "At most so many (default: all)")->type_name("N");
}

void add_history_commands(CLI::App& config, State& state) {
  CLI::App& show =
      *config.add_subcommand("show-resource", "Print what is known of a resource, never its value");
  add_path(show, bind<ShowResource>(show, state)->path);

  CLI::App& versions = *config.add_subcommand(
      "versions", "List the versions of a resource, newest first, never their values");
  auto listed = bind<ListVersions>(versions, state);
  add_path(versions, listed->path);
  versions.add_option("--limit", listed->limit, "At most so many (default: all)")->type_name("N");

  CLI::App& rollback = *config.add_subcommand(
      "rollback", "Make an earlier version's value the current one, as a new version");
  auto back = bind<Rollback>(rollback, state);
  add_path(rollback, back->path);
  rollback.add_option("--version", back->version, "As `versions` shows it")
      ->type_name("VERSION")
      ->required();

  CLI::App& undelete = *config.add_subcommand(
      "undelete", "Bring a deleted resource back, where its mount keeps what is deleted");
  add_path(undelete, bind<Undelete>(undelete, state)->path);

  CLI::App& destroy = *config.add_subcommand(
      "destroy", "Destroy an earlier version, or a resource with its whole history, for good");
  auto victim = bind<Destroy>(destroy, state);
  add_path(destroy, victim->path);
  CLI::Option_group& what = *destroy.add_option_group("what to destroy");
  what.add_option("--version", victim->version, "One earlier version, as `versions` shows it")
      ->type_name("VERSION");
  what.add_flag("--all", victim->all, "The resource with its whole history, deleted or not");
  what.require_option(1);
}

void add_state_commands(CLI::App& config, State& state) {
  bind<ListMounts>(
      *config.add_subcommand("mounts",
                             "List where resources live: name, prefix, backend, abilities, health"),
      state);
  bind<ShowHealth>(*config.add_subcommand("health", "Say which part of the server is not ready"),
                   state);
}

void add_reference_value_commands(CLI::App& config, State& state) {
  CLI::App& get = *config.add_subcommand("get-reference-value", "Print one reference value");
  auto wanted = bind<GetReferenceValue>(get, state);
  get.add_option_function<std::string>(
         "--id", [wanted](const std::string& id) { wanted->id = id; }, "Reference value id")
      ->type_name("ID")
      ->required();

  // Servers of v0.14 to v0.17 answered with all values at once.
  bind<GetReferenceValue>(
      *config.add_subcommand("get-reference-values",
                             "Print all reference values (servers of v0.14 to v0.17)"),
      state);

  CLI::App& set = *config.add_subcommand("set-sample-reference-value", "Store a reference value");
  auto value = bind<SetSampleReferenceValue>(set, state);
  set.add_option("NAME", value->name, "Reference value id")->type_name("")->required();
  set.add_option("VALUE", value->value, "A text, unless --as-integer or --as-bool")
      ->type_name("")
      ->required();
  CLI::Option* integer = set.add_flag_callback(
      "--as-integer", [value] { value->type = ValueType::integer; },
      "VALUE is a 32-bit signed integer");
  set.add_flag_callback(
         "--as-bool", [value] { value->type = ValueType::boolean; }, "VALUE is true or false")
      ->excludes(integer);
  set.add_flag("--as-single-value", value->single_value,
               "Store the bare value, not an array of one");
}

/// How to prove an administrator.
void add_access_options(CLI::App& app, AdminAccess& access) {
  CLI::Option* token =
      add_file(app, "--admin-token-file", access.token_file, "File with an admin token");
  CLI::Option* key = add_file(
      app, "--auth-private-key", access.private_key,
      "Sign a two-hour admin token per request with this key, instead of --admin-token-file",
      "PEM");
  key->excludes(token);
  app.add_option("--auth-role", access.role, "Role in the signed token (default: admin)")
      ->type_name("ROLE");
  app.add_option("--auth-issuer", access.issuer, "Issuer in the signed token (default: none)")
      ->type_name("ISSUER");
  app.add_option("--auth-audience", access.audience, "Audience in the signed token (default: KBS)")
      ->type_name("AUDIENCE");
}

}  // namespace

void add_config(CLI::App& app, State& state) {
  CLI::App& config = *app.add_subcommand("config", "Administer the KBS");
  config.require_subcommand(1);
  add_access_options(config, state.invocation.access);
  add_policy_commands(config, state);
  add_resource_commands(config, state);
  add_history_commands(config, state);
  add_state_commands(config, state);
  add_reference_value_commands(config, state);
}

void add_apply(CLI::App& app, State& state) {
  CLI::App& apply = *app.add_subcommand(
      "apply", "Store all resources and policies of a manifest; shows first what will be done");
  auto options = bind<Apply>(apply, state);
  add_access_options(apply, state.invocation.access);
  add_file(apply, "-f,--file", options->manifest, "Manifest in YAML; - reads standard input")
      ->required();
  apply.add_flag("--dry-run", options->dry_run, "Show it only");
  apply.add_flag("-y,--yes", options->yes, "Do it without asking");
  apply.add_flag("--keep-going", options->keep_going,
                 "Go on after an entry that fails (default: stop there)");
}

void add_admin(CLI::App& app, State& state) {
  CLI::App& admin = *app.add_subcommand("admin", "Make admin keys and tokens; asks no server");
  admin.require_subcommand(1);

  CLI::App& keygen =
      *admin.add_subcommand("keygen", "Make an Ed25519 key pair: FILE (0600) and FILE.pub");
  add_file(keygen, "-f,--file", bind<Keygen>(keygen, state)->file, "Private key; never overwritten")
      ->required();

  CLI::App& token = *admin.add_subcommand("token", "Sign an admin token");
  auto options = bind<MakeToken>(token, state);
  add_file(token, "--key", options->key_file, "Private key", "PEM")->required();
  token.add_option("--role", options->role, "Role (default: admin)")->type_name("ROLE");
  token.add_option("--issuer", options->issuer, "Issuer (default: none)")->type_name("ISSUER");
  token.add_option("--audience", options->audience, "Audience (default: KBS)")
      ->type_name("AUDIENCE");
  token.add_option("--ttl", options->lifetime, "Lifetime: 90s, 15m, 2h, 30d (default: 2h)")
      ->type_name("TIME");
  add_file(token, "-o,--output", options->output_file,
           "Write it to FILE (0600) instead of standard output");
}

}  // namespace kbs::client
