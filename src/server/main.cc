#include "server/commands.h"
#include "server/storage_commands.h"

int main(int argc, char** argv) {
  using namespace kbs::server;
  const CommandLine line = parse_command_line(argc, argv);
  switch (line.action) {
    case CommandLine::Action::serve:
      return serve(line);
    case CommandLine::Action::config_check:
      return config_check(line);
    case CommandLine::Action::audit_verify:
      return audit_verify(line.file);
    case CommandLine::Action::storage:
      return storage_command(line.storage);
    case CommandLine::Action::version:
      return print_version();
    case CommandLine::Action::exit:
      return line.exit_status;
  }
  return 2;
}
