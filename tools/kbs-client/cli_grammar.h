#pragma once
/// What the files of the grammar share; cli.h is what others see.

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "kbs-client/invocation.h"

namespace kbs::client {

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

inline CLI::Option* add_file(CLI::App& sub, const char* name, std::string& into, const char* help,
                             const char* type = "FILE") {
  return sub.add_option(name, into, help)->type_name(type);
}

inline CLI::Option* add_path(CLI::App& sub, std::string& into) {
  return sub
      .add_option("--path", into, "Resource: repository/type/tag, or kbs:///repository/type/tag")
      ->type_name("PATH")
      ->required();
}

/// `config` with all below it, `apply`, and `admin` (cli_config.cc).
void add_config(CLI::App& app, State& state);
void add_apply(CLI::App& app, State& state);
void add_admin(CLI::App& app, State& state);

}  // namespace kbs::client
