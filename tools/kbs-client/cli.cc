#include "kbs-client/cli.h"

#include <map>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

namespace kbs::client {
namespace {

constexpr const char* kVersion = "KBS client 0.1.0";

/// What the callbacks of the grammar fill in.
struct State {
  Invocation invocation;
  std::vector<std::string> help_about;
  bool help_wanted = false;
};

/// A subcommand whose options live in a `T` until it turns out to be the one that was given.
template <class T>
std::shared_ptr<T> bind(CLI::App& sub, State& state) {
  auto options = std::make_shared<T>();
  sub.callback([options, &state] { state.invocation.command = *options; });
  return options;
}

CLI::Option* add_file(CLI::App& sub, const char* name, std::string& into, const char* help,
                      const char* type = "FILE") {
  return sub.add_option(name, into, help)->type_name(type);
}

CLI::Option* add_path(CLI::App& sub, std::string& into) {
  return sub
      .add_option("--path", into, "Resource: repository/type/tag, or kbs:///repository/type/tag")
      ->type_name("PATH")
      ->required();
}

template <class T>
void add_guest_options(CLI::App& sub, std::shared_ptr<T> options) {
  add_file(sub, "--tee-key-file", options->guest.tee_key_file,
           "Private key of the guest: RSA, EC P-256 or EC P-521 (default: a fresh P-256 key)",
           "PEM");
  sub.add_option_function<std::string>(
         "INIT_DATA", [options](const std::string& text) { options->guest.init_data = text; },
         "Init-data: the TOML text itself, not a file name")
      ->type_name("");
}

void add_guest_commands(CLI::App& app, State& state) {
  CLI::App& get =
      *app.add_subcommand("get-resource", "Attest and fetch a resource; prints it in base64");
  auto resource = bind<GetResource>(get, state);
  add_path(get, resource->path);
  add_guest_options(get, resource);
  add_file(get, "--attestation-token", resource->attestation_token,
           "Token from `attest`, instead of attesting; needs --tee-key-file");
  CLI::Option* raw = get.add_flag("--raw", resource->raw,
                                  "Print the bytes themselves, without base64 and line feed");
  add_file(get, "--output", resource->output_file,
           "Write the bytes to FILE (0600, at one stroke). Not to be confused with the --output "
           "json of the whole "
           "program, which stands before the command")
      ->excludes(raw);

  CLI::App& attest = *app.add_subcommand("attest", "Attest and print the attestation token");
  add_guest_options(attest, bind<Attest>(attest, state));
}

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

  CLI::App& remove = *config.add_subcommand("delete-resource", "Delete a resource");
  add_path(remove, bind<DeleteResource>(remove, state)->path);

  CLI::App& list =
      *config.add_subcommand("list-resources", "List stored resources, never their values");
  auto options = bind<ListResources>(list, state);
  list.add_option("--prefix", options->prefix, "Only paths that begin with this")
      ->type_name("TEXT");
  list.add_option("--limit", options->limit, "At most so many (default: all)")->type_name("N");
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

void add_config(CLI::App& app, State& state) {
  CLI::App& config = *app.add_subcommand("config", "Administer the KBS");
  config.require_subcommand(1);
  AdminAccess& access = state.invocation.access;
  CLI::Option* token =
      add_file(config, "--admin-token-file", access.token_file, "File with an admin token");
  CLI::Option* key = add_file(
      config, "--auth-private-key", access.private_key,
      "Sign a two-hour admin token per request with this key, instead of --admin-token-file",
      "PEM");
  key->excludes(token);
  config.add_option("--auth-role", access.role, "Role in the signed token (default: admin)")
      ->type_name("ROLE");
  config.add_option("--auth-issuer", access.issuer, "Issuer in the signed token (default: none)")
      ->type_name("ISSUER");
  config
      .add_option("--auth-audience", access.audience, "Audience in the signed token (default: KBS)")
      ->type_name("AUDIENCE");
  add_policy_commands(config, state);
  add_resource_commands(config, state);
  add_reference_value_commands(config, state);
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

void add_help(CLI::App& app, State& state) {
  CLI::App& help = *app.add_subcommand("help", "Print this message, or the help of a command");
  help.add_option("COMMAND", state.help_about, "As in: help config set-resource")->type_name("");
  help.callback([&state] { state.help_wanted = true; });
}

void build(CLI::App& app, State& state) {
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", kVersion, "Print the version");
  app.add_option("--url", state.invocation.url, "Root of the KBS (default: http://127.0.0.1:8080)")
      ->type_name("URL");
  add_file(app, "--cert-file", state.invocation.cert_file,
           "Certificate to trust beside the system's", "PEM");
  const std::map<std::string, OutputFormat> formats{{"text", OutputFormat::text},
                                                    {"json", OutputFormat::json}};
  app.add_option_function<std::string>(
         "--output",
         [&state, formats](const std::string& name) { state.invocation.output = formats.at(name); },
         "text, or json for machines: results and errors as JSON. Stands before the command")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  add_guest_commands(app, state);
  add_config(app, state);
  add_admin(app, state);
  add_help(app, state);
}

/// The command that the words got as far as.
const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent ? full_name(*parent) + ' ' + app.get_name() : app.get_name();
}

std::string help_of(const CLI::App& app) {
  // Not app.help(): that one speaks of whichever subcommand was given, `help` itself.
  return app.get_formatter()->make_help(&app, full_name(app), CLI::AppFormatMode::Normal);
}

Parsed usage_error(const CLI::App& app, const std::string& message, bool show_help) {
  Parsed parsed{.invocation = std::nullopt, .exit_code = 2, .to_out = {}, .to_err = {}};
  if (show_help) {
    parsed.to_err = help_of(app);
  } else {
    const std::string name = full_name(app);
    parsed.to_err = "error: " + message + "\n\nUsage: " + name + " … (see `" + name + " --help`)\n";
  }
  return parsed;
}

Parsed help_about(const CLI::App& app, const std::vector<std::string>& names) {
  const CLI::App* about = &app;
  for (const std::string& name : names) {
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : about->get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_name() == name) next = sub;
    }
    if (!next) return usage_error(*about, "no command `" + name + "`", false);
    about = next;
  }
  return Parsed{
      .invocation = std::nullopt, .exit_code = 0, .to_out = help_of(*about), .to_err = {}};
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
  CLI::App app(
      "Client of the Key Broker Service: fetches resources as a guest and administers the server.",
      "kbs-client");
  State state;
  build(app, state);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Parsed{.invocation = std::nullopt,
                  .exit_code = 0,
                  .to_out = help_of(innermost(app)),
                  .to_err = {}};
  } catch (const CLI::CallForVersion&) {
    return Parsed{.invocation = std::nullopt,
                  .exit_code = 0,
                  .to_out = std::string(kVersion) + '\n',
                  .to_err = {}};
  } catch (const CLI::ParseError& error) {
    // A command on its own that needs more: show all it can do.
    const CLI::App& where = innermost(app);
    const bool alone = argc <= 1 || where.get_name() == argv[argc - 1];
    return usage_error(where, error.what(), alone);
  }
  if (state.help_wanted) return help_about(app, state.help_about);
  return Parsed{
      .invocation = std::move(state.invocation), .exit_code = 0, .to_out = {}, .to_err = {}};
}

}  // namespace kbs::client
