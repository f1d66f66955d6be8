#include "server/commands.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "kbs/audit/audit.h"
#include "kbs/config/load.h"
#include "kbs/metrics/version.h"
#include "server/check_connect.h"
#include "server/instance.h"
#include "server/signals.h"

namespace kbs::server {
namespace {

constexpr std::chrono::seconds kGrace{10};

int failed(const Error& error) {
  std::fprintf(stderr, "kbs: %s%s%s\n", error.message.c_str(), error.detail.empty() ? "" : "\n  ",
               error.detail.c_str());
  return 1;
}

/// RUST_LOG wins over the configuration, as operators expect who set it for one run.
std::string log_filter(const config::Config& config) {
  const char* from_environment = std::getenv("RUST_LOG");
  if (from_environment && *from_environment) return from_environment;
  return config.log_level.empty() ? "info" : config.log_level;
}

Result<config::Config> configuration(const CommandLine& line) {
  if (!line.dev) return config::load_file(line.config_file);
  std::fputs(
      "kbs --dev: for trying out only. Clear HTTP on 127.0.0.1, everybody is an administrator, "
      "sample evidence\n"
      "           is accepted where a policy says so, and everything is forgotten at exit.\n",
      stderr);
  return config::dev_config();
}

}  // namespace

int serve(const CommandLine& line) {
  tune_allocator();
  protect_memory();
  block_signals();
  auto config = configuration(line);
  if (!config) return failed(config.error());
  if (auto configured = configure_log(log_filter(*config)); !configured)
    return failed(configured.error());
  for (const std::string& warning : config->warnings) log_line(LogLevel::warn, "config", warning);
  auto instance = Instance::start(*config);
  if (!instance) return failed(instance.error());
  int which = SIGHUP;
  while ((which = wait_for_signal()) == SIGHUP) (*instance)->reopen_logs();
  log_line(LogLevel::info, "server", "stopping",
           {{"signal", which == SIGTERM ? "SIGTERM" : "SIGINT"}});
  (*instance)->stop(kGrace);
  return 0;
}

int config_check(const CommandLine& line) {
  auto config = config::understand_file(line.file);
  if (!config) return failed(config.error());
  std::fputs(config::explain(*config).c_str(), stdout);
  bool good = config->missing_from_build.empty();
  if (line.connect) {
    const ConnectReport report = check_connect(*config, system_clock());
    std::printf("\n%s", report.text.c_str());
    good = good && report.good;
  }
  return good ? 0 : 1;
}

int audit_verify(const std::string& file) {
  auto report = audit::verify_file(file);
  if (!report) return failed(report.error());
  std::printf("%s\n", report->c_str());
  return 0;
}

int print_version() {
  std::printf("kbs %s\n", std::string(metrics::kVersion).c_str());
  return 0;
}

}  // namespace kbs::server
