#include "server/cli.h"

#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>

namespace kbs::server {

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  bool version = false;
  CLI::App app{
      "Key Broker Service: releases secrets to workloads that prove by remote attestation what "
      "they are.",
      "kbs"};
  app.add_option("-c,--config-file", line.config_file, "Configuration: TOML, YAML or JSON")
      ->envname("KBS_CONFIG_FILE");
  app.add_flag("--dev", line.dev,
               "Run with embedded defaults on 127.0.0.1:8080: clear HTTP, everybody is an "
               "administrator, nothing is "
               "kept. For trying out only");
  app.add_flag("-V,--version", version, "Print the version");

  CLI::App* config = app.add_subcommand("config", "Work with configuration files");
  config->require_subcommand(1);
  CLI::App* check =
      config->add_subcommand("check", "Explain what a configuration file means, or what is wrong");
  check->add_option("FILE", line.file, "The configuration file")->required();
  check->add_flag("--connect", line.connect,
                  "Open every store too, and tell its health and what it can do. Writes nothing");
  CLI::App* audit = app.add_subcommand("audit", "Work with audit files");
  audit->require_subcommand(1);
  CLI::App* verify =
      audit->add_subcommand("verify", "Check chains and checkpoints of an audit file");
  verify->add_option("FILE", line.file, "The audit file")->required();

  add_storage_commands(app, line.storage);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    line.action = CommandLine::Action::exit;
    line.exit_status = status == 0 ? 0 : 2;
    return line;
  }
  if (version) {
    line.action = CommandLine::Action::version;
  } else if (check->parsed()) {
    line.action = CommandLine::Action::config_check;
  } else if (verify->parsed()) {
    line.action = CommandLine::Action::audit_verify;
  } else if (line.storage.command != StorageLine::Command::none) {
    line.action = CommandLine::Action::storage;
    if (line.storage.config.empty()) line.storage.config = line.config_file;
  } else if (line.dev != line.config_file.empty()) {
    std::cerr << (line.dev ? "kbs: --dev and a configuration file exclude each other\n"
                           : "kbs: no configuration: give -c FILE or KBS_CONFIG_FILE, or --dev to "
                             "try it out\n")
              << app.help();
    line.action = CommandLine::Action::exit;
    line.exit_status = 2;
  }
  return line;
}

}  // namespace kbs::server
