#include "kbs-client/cli.h"

#include <map>

#include "kbs-client/cli_grammar.h"

namespace kbs::client {
namespace {

constexpr const char* kVersion = "KBS client 0.1.0";

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
  add_apply(app, state);
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
