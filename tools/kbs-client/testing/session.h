#pragma once
/// A person at a terminal, over a scripted server.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "kbs-client/commands/commands.h"
#include "kbs-client/testing/scripted_transport.h"
#include "kbs-client/testing/temporary_directory.h"

namespace kbs::client::testing {

/// Lends one scripted server to a command.
class Lent final : public Transport {
 public:
  explicit Lent(ScriptedTransport& server) : server_(server) {}
  Result<HttpResponse> send(const HttpRequest& request) override { return server_.send(request); }

 private:
  ScriptedTransport& server_;
};

/// A terminal session: runs commands against a script and keeps what they print.
struct Session {
  explicit Session(ScriptedTransport::Handler handler, OutputFormat format = OutputFormat::text)
      : server(std::move(handler)), file(std::tmpfile()), out(format, ::fileno(file)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { std::fclose(file); }

  Result<> run(Command command) {
    invocation.command = std::move(command);
    return run_command(invocation, context);
  }
  std::string printed() const {
    std::string text(static_cast<std::size_t>(::lseek(::fileno(file), 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(::fileno(file), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }

  ScriptedTransport server;
  std::FILE* file;
  Output out;
  Invocation invocation;
  TemporaryDirectory directory;
  std::vector<std::string> said;
  std::string user_agent;
  std::map<std::string, std::string> variables;
  std::optional<bool> answer_to_questions;  ///< nullopt: nobody is at the terminal
  std::vector<std::string> questions;
  Context context{
      .out = out,
      .connect = [this](std::string_view agent) -> Result<std::unique_ptr<Transport>> {
        user_agent = agent;
        return std::make_unique<Lent>(server);
      },
      .say = [this](std::string_view line) { said.emplace_back(line); },
      .sleep = [](std::chrono::milliseconds) {},
      .clock = system_clock(),
      .sample_device = false,
      .search = {.named = {}, .home = directory.path(), .directory = directory.path()},
      .environment = [this](const std::string& name) -> std::optional<Secret> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return Secret::from_text(found->second);
      },
      .confirm =
          [this](std::string_view question) {
            questions.emplace_back(question);
            return answer_to_questions;
          },
  };
};

inline Result<HttpResponse> fine(const Seen&) { return answer(200); }

}  // namespace kbs::client::testing
