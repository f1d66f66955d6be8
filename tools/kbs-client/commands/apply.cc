/// Many resources and policies at once, shown before they are sent.

#include <algorithm>
#include <filesystem>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/commands/table.h"
#include "kbs-client/files.h"
#include "kbs-client/plan.h"

namespace kbs::client {
namespace {

/// What became of an entry.
struct Outcome {
  std::string_view word = "not tried";
  std::optional<Error> error = {};
};

std::string title(const PlannedWrite& write) {
  return write.name.empty() ? write.kind : write.kind + ' ' + printable(write.name);
}

std::string plan_text(const std::vector<PlannedWrite>& plan) {
  std::string text;
  for (const PlannedWrite& write : plan) {
    text += std::string(to_string(write.action)) + '\t' + title(write) + '\t' +
            printable(write.note) + '\n';
  }
  return text;
}

std::string tally(const std::vector<PlannedWrite>& plan) {
  std::string text;
  for (PlannedAction action : {PlannedAction::create, PlannedAction::replace, PlannedAction::set,
                               PlannedAction::unchanged, PlannedAction::keep}) {
    const auto count = std::count_if(plan.begin(), plan.end(), [action](const PlannedWrite& write) {
      return write.action == action;
    });
    if (count == 0) continue;
    text +=
        (text.empty() ? "" : ", ") + std::to_string(count) + ' ' + std::string(to_string(action));
  }
  return text.empty() ? "nothing" : text;
}

bool has_changes(const std::vector<PlannedWrite>& plan) {
  return std::any_of(plan.begin(), plan.end(),
                     [](const PlannedWrite& write) { return changes(write.action); });
}

Result<HttpResponse> send(const PlannedWrite& write, AdminClient& admin) {
  auto sent = admin.post(write.target, write.content_type, write.body, write.condition);
  const bool conditional = write.condition.if_absent || !write.condition.if_match.empty();
  // Storage that cannot compare says so instead of writing; then the plan is as good as it gets.
  if (!sent && sent.error().kind == ErrorKind::unsupported && conditional &&
      !write.condition_is_demanded) {
    return admin.post(write.target, write.content_type, write.body);
  }
  return sent;
}

Outcome carry_out(const PlannedWrite& write, AdminClient& admin) {
  if (!changes(write.action)) return {.word = to_string(write.action)};
  auto sent = send(write, admin);
  if (sent) return {.word = "done"};
  // Somebody made it since we looked: that it is there is all that was asked.
  if (write.condition_is_demanded && sent.error().kind == ErrorKind::conflict)
    return {.word = to_string(PlannedAction::keep)};
  return {.word = "failed", .error = std::move(sent).error()};
}

std::vector<Outcome> carry_out(const std::vector<PlannedWrite>& plan, bool keep_going,
                               AdminClient& admin, Context& context) {
  std::vector<Outcome> outcomes(plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    outcomes[i] = carry_out(plan[i], admin);
    if (!outcomes[i].error) continue;
    context.say("Failed: " + title(plan[i]) + ": " + outcomes[i].error->message);
    if (!keep_going) break;
  }
  return outcomes;
}

json::object report(const std::vector<PlannedWrite>& plan, const std::vector<Outcome>& outcomes,
                    bool dry_run) {
  json::array entries;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    json::object entry{{"kind", plan[i].kind},
                       {"name", to_valid_utf8(plan[i].name)},
                       {"action", to_string(plan[i].action)},
                       {"note", to_valid_utf8(plan[i].note)}};
    if (!dry_run) entry["outcome"] = outcomes[i].word;
    if (outcomes[i].error) entry["error"] = to_valid_utf8(outcomes[i].error->message);
    entries.push_back(std::move(entry));
  }
  return {{"dry_run", dry_run}, {"entries", std::move(entries)}};
}

/// The whole as one failure: how far it came, and the first that failed.
Result<> judge(const std::vector<PlannedWrite>& plan, const std::vector<Outcome>& outcomes) {
  const auto done = std::count_if(outcomes.begin(), outcomes.end(),
                                  [](const Outcome& outcome) { return outcome.word == "done"; });
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (!outcomes[i].error) continue;
    const Error& error = *outcomes[i].error;
    return fail(error.kind,
                std::to_string(done) + " of " + std::to_string(plan.size()) +
                    " entries were written; " + title(plan[i]) + ": " + error.message,
                "what was written stays; mend the cause and apply the manifest again");
  }
  return {};
}

Result<> confirm(const Apply& command, const std::vector<PlannedWrite>& plan,
                 const Context& context) {
  if (command.yes) return {};
  // With JSON on stdout the plan has not been seen yet.
  if (context.out.json()) context.say(plan_text(plan));
  const auto answer =
      context.confirm ? context.confirm("Apply (" + tally(plan) + ")? [y/N] ") : std::nullopt;
  if (!answer) {
    return fail(ErrorKind::invalid_request,
                "nobody is at the terminal to confirm; pass --yes, or --dry-run to look only");
  }
  if (!*answer) return fail(ErrorKind::denied, "not confirmed; nothing was changed");
  return {};
}

Result<std::vector<PlannedWrite>> plan_of(const Apply& command, AdminClient& admin,
                                          Context& context) {
  auto text = read_secret_file(command.manifest, true, kMaxManifestBytes);
  if (!text) context.say("Failed to read: " + command.manifest);
  KBS_TRY(const Secret manifest_text, std::move(text));
  auto manifest = parse_manifest(manifest_text.expose_text());
  if (!manifest) {
    return fail(manifest.error().kind, command.manifest + ": " + manifest.error().message);
  }
  PlanSources sources{.folder = ".", .environment = context.environment};
  const std::string folder = std::filesystem::path(command.manifest).parent_path().string();
  if (command.manifest != "-" && !folder.empty()) sources.folder = folder;
  return make_plan(*manifest, sources, admin);
}

}  // namespace

Result<> run_command(const Apply& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::vector<PlannedWrite> plan, plan_of(command, admin, context));
  Output& out = context.out;
  if (!out.json()) KBS_OK(out.write(plan_text(plan) + "Plan: " + tally(plan) + '\n'));
  if (command.dry_run) {
    if (!out.json()) return {};
    return out.document(report(plan, std::vector<Outcome>(plan.size()), true));
  }
  if (has_changes(plan)) KBS_OK(confirm(command, plan, context));
  const std::vector<Outcome> outcomes = carry_out(plan, command.keep_going, admin, context);
  if (out.json()) KBS_OK(out.document(report(plan, outcomes, false)));
  KBS_OK(judge(plan, outcomes));
  return out.json() ? Result<>() : out.line("Apply success");
}

}  // namespace kbs::client
