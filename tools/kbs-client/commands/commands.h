#pragma once
/// The commands, one function each. They get what they need from `Context`, so that tests run them
/// against a scripted server in memory.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kbs-client/admin_client.h"
#include "kbs-client/guest.h"
#include "kbs-client/invocation.h"
#include "kbs-client/output.h"

namespace kbs::client {

/// The world as a command sees it.
struct Context {
  Output& out;
  /// Opens the way to the KBS, under this User-Agent.
  std::function<Result<std::unique_ptr<Transport>>(std::string_view user_agent)> connect;
  std::function<void(std::string_view line)> say;  ///< one line on stderr
  Guest::Sleep sleep;
  const Clock& clock;
  bool sample_device = false;  ///< environment ENABLE_SAMPLE_DEVICE
  TokenSearch search;
  /// A variable of the environment, for `apply`.
  std::function<std::optional<Secret>(const std::string& name)> environment = {};
  /// Asks the person at the terminal; nullopt when there is none.
  std::function<std::optional<bool>(std::string_view question)> confirm = {};
  /// Set by the command for the hint that follows a failure.
  Credential credential = Credential::none;
};

inline constexpr std::string_view kAdminUserAgent = "kbs-client/0.1.0";
inline constexpr std::string_view kGuestUserAgent = "attestation-agent-kbs-client/0.1.0";

// commands/guest.cc
Result<> run_command(const Attest& command, Context& context);
Result<> run_command(const GetResource& command, Context& context);

// commands/config.cc: what changes the KBS
Result<> run_command(const SetAttestationPolicy& command, AdminClient& admin, Context& context);
Result<> run_command(const SetResourcePolicy& command, AdminClient& admin, Context& context);
Result<> run_command(const SetResource& command, AdminClient& admin, Context& context);
Result<> run_command(const DeleteResource& command, AdminClient& admin, Context& context);
Result<> run_command(const SetSampleReferenceValue& command, AdminClient& admin, Context& context);

// commands/read_back.cc: what reads from it
Result<> run_command(const GetReferenceValue& command, AdminClient& admin, Context& context);
Result<> run_command(const ListResources& command, AdminClient& admin, Context& context);
Result<> run_command(const GetResourcePolicy& command, AdminClient& admin, Context& context);

// commands/history.cc: versions of a resource
Result<> run_command(const ShowResource& command, AdminClient& admin, Context& context);
Result<> run_command(const ListVersions& command, AdminClient& admin, Context& context);
Result<> run_command(const Rollback& command, AdminClient& admin, Context& context);
Result<> run_command(const Undelete& command, AdminClient& admin, Context& context);
Result<> run_command(const Destroy& command, AdminClient& admin, Context& context);

// commands/server_state.cc
Result<> run_command(const ListMounts& command, AdminClient& admin, Context& context);
Result<> run_command(const ShowHealth& command, AdminClient& admin, Context& context);

// commands/apply.cc: many at once
Result<> run_command(const Apply& command, AdminClient& admin, Context& context);

// commands/admin.cc: no server
Result<> run_command(const Keygen& command, Context& context);
Result<> run_command(const MakeToken& command, Context& context);

// commands/run.cc
/// Runs whichever command `invocation` holds.
Result<> run_command(const Invocation& invocation, Context& context);
/// The hint after `error` of that command, or empty.
std::string hint_for(const Invocation& invocation, const Context& context, const Error& error);
/// The whole program after the command line is understood: log, context, command, report. Returns
/// the exit status: 0, or 1 after any failure.
int run(const Invocation& invocation);

}  // namespace kbs::client
