#include <csignal>
#include <exception>
#include <iostream>

#include "kbs-client/cli.h"
#include "kbs-client/commands/commands.h"

int main(int argc, char** argv) {
  // A closed pipe is an error of write(2), told like any other, not a silent death.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const kbs::client::Parsed parsed = kbs::client::parse_command_line(argc, argv);
    if (parsed.invocation) return kbs::client::run(*parsed.invocation);
    std::cout << parsed.to_out << std::flush;
    std::cerr << parsed.to_err << std::flush;
    return parsed.exit_code;
  } catch (const std::exception& bug) {
    std::cerr << "Error: this is a bug of kbs-client, please report it: " << bug.what()
              << std::endl;
    return 1;
  }
}
