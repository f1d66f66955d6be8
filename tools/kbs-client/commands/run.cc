/// From a parsed command line to an exit status.

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include "base/log.h"
#include "kbs-client/commands/commands.h"
#include "kbs-client/files.h"
#include "kbs-client/http_client.h"

namespace kbs::client {
namespace {

std::optional<std::string> environment(const char* name) {
  const char* value =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): this program has one thread here
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<Secret> secret_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): as above
  return value ? std::optional(Secret::from_text(value)) : std::nullopt;
}

/// A question on stderr, an answer from the terminal.
std::optional<bool> confirm(std::string_view question) {
  if (::isatty(STDIN_FILENO) == 0) return std::nullopt;
  std::cerr << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void say(std::string_view line) { std::cerr << line << std::endl; }

Result<std::unique_ptr<Transport>> connect(const Invocation& invocation,
                                           std::string_view user_agent) {
  HttpOptions options{
      .url = invocation.url, .user_agent = std::string(user_agent), .extra_ca_pem = {}};
  if (!invocation.cert_file.empty()) {
    auto pem = read_secret_file(invocation.cert_file, false, 4u << 20);
    if (!pem) say("Failed to read: " + invocation.cert_file);
    KBS_TRY(Secret certificate, std::move(pem));
    options.extra_ca_pem = certificate.expose_text();
    if (options.extra_ca_pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
      return fail(ErrorKind::invalid_request, invocation.cert_file + " holds no PEM certificate");
    }
  }
  KBS_TRY(std::unique_ptr<Transport> transport, HttpClient::make(std::move(options)));
  return transport;
}

/// Whether the command asks the server as an administrator.
template <class T>
concept AdminCommand = requires(const T& command, AdminClient& admin, Context& context) {
  run_command(command, admin, context);
};

struct Runner {
  const Invocation& invocation;
  Context& context;

  Result<> operator()(std::monostate) const { return fail(ErrorKind::internal, "no command"); }
  template <class T>
  Result<> operator()(const T& command) const {
    if constexpr (AdminCommand<T>) {
      context.search.named = invocation.access.token_file;
      KBS_TRY(AdminCredential credential,
              AdminCredential::open(invocation.access, context.search, context.say));
      context.credential = credential.kind();
      KBS_TRY(auto transport, context.connect(kAdminUserAgent));
      AdminClient admin(*transport, credential, context.clock);
      return run_command(command, admin, context);
    } else {
      return run_command(command, context);
    }
  }
};

/// Whether the command lives below /kbs/v0/admin/.
bool asks_admin_routes(const Command& command) {
  return std::visit(
      [](const auto& one) {
        using T = std::decay_t<decltype(one)>;
        return std::is_same_v<T, ShowResource> || std::is_same_v<T, ListVersions> ||
               std::is_same_v<T, Rollback> || std::is_same_v<T, Undelete> ||
               std::is_same_v<T, Destroy> || std::is_same_v<T, ListMounts> ||
               std::is_same_v<T, ShowHealth>;
      },
      command);
}

}  // namespace

Result<> run_command(const Invocation& invocation, Context& context) {
  return std::visit(Runner{invocation, context}, invocation.command);
}

std::string hint_for(const Invocation& invocation, const Context& context, const Error& error) {
  if (const auto* get = std::get_if<GetResource>(&invocation.command)) {
    return guest_hint(error.kind, !get->attestation_token.empty());
  }
  if (error.message.find("Request Failed, Response: ") == std::string::npos) return {};
  if (error.kind == ErrorKind::denied && asks_admin_routes(invocation.command))
    return std::string(admin_routes_hint());
  return admin_hint(error.kind, context.credential);
}

int run(const Invocation& invocation) {
  const std::string filter = environment("RUST_LOG").value_or("");
  if (auto configured = configure_log(filter.empty() ? "info" : filter, LogFormat::text);
      !configured) {
    say("Error: RUST_LOG is no log filter: " + configured.error().message);
    return 1;
  }
  Output out(invocation.output);
  Context context{
      .out = out,
      .connect = [&](std::string_view user_agent) { return connect(invocation, user_agent); },
      .say = &say,
      .sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
      .clock = system_clock(),
      .sample_device = environment("ENABLE_SAMPLE_DEVICE").has_value(),
      .search = {.named = {}, .home = environment("HOME").value_or(""), .directory = "."},
      .environment = &secret_variable,
      .confirm = &confirm,
  };
  auto done = run_command(invocation, context);
  if (done) return 0;
  const std::string hint = hint_for(invocation, context, done.error());
  if (out.json()) {
    say(error_report_json(done.error(), hint));
    return 1;
  }
  const std::string backtrace = environment("RUST_BACKTRACE").value_or("0");
  say(error_report(done.error(), !backtrace.empty() && backtrace != "0"));
  if (!hint.empty()) say("\nHint: " + hint);
  return 1;
}

}  // namespace kbs::client
