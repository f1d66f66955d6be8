/// What an administrator changes: policies, resources, reference values.

#include <algorithm>

#include <boost/json/object.hpp>

#include "base/log.h"
#include "base/time_text.h"
#include "kbs-client/commands/commands.h"
#include "kbs-client/files.h"
#include "kbs-client/resource_uri.h"
#include "policy/stock_policies.h"

namespace kbs::client {
namespace {

Result<Secret> read_named(const std::string& path, const Context& context,
                          bool dash_is_stdin = false) {
  auto bytes = read_secret_file(path, dash_is_stdin);
  if (!bytes) context.say("Failed to read: " + path);
  return bytes;
}

/// "<what> success", and what was uploaded, in standard base64: the wire has the other alphabet.
Result<> confirm(Output& out, std::string_view what, std::string_view label,
                 std::span<const std::byte> bytes) {
  KBS_OK(out.write(std::string(what) + " success \n " + std::string(label) + ": "));
  KBS_OK(out.secret_base64(bytes));
  return out.line("");
}

Result<Secret> chosen_policy(const SetResourcePolicy& command, const Context& context) {
  switch (command.choice) {
    case PolicyChoice::file:
      return read_named(command.policy_file, context);
    case PolicyChoice::allow_all:
      return Secret::from_text(policy::allow_all_resource_policy());
    case PolicyChoice::deny_all:
      return Secret::from_text(policy::deny_all_resource_policy());
    case PolicyChoice::affirming:
      return Secret::from_text(policy::affirming_resource_policy());
    case PolicyChoice::stock:
      return Secret::from_text(policy::default_resource_policy());
    case PolicyChoice::none:
      break;
  }
  return fail(ErrorKind::invalid_request, "No policy specified",
              "pass one of --policy-file FILE, --allow-all, --deny-all, --affirming, --default");
}

/// A version or `*` as a person writes it, as the field wants it.
Result<std::string> if_match_field(const std::string& text) {
  const bool sendable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!sendable) {
    return fail(ErrorKind::invalid_request,
                "--if-match takes a version as `versions` shows it, or *");
  }
  return text == "*" || text.starts_with('"') || text.empty() ? text : '"' + text + '"';
}

/// Where to write it, with its end of life.
Result<std::string> write_target(ResourceUri uri, const std::string& not_after) {
  if (not_after.empty()) return uri.target();
  if (auto expiry = parse_rfc3339(not_after); !expiry) {
    return fail(ErrorKind::invalid_request, "--not-after is " + expiry.error().message);
  }
  uri.query +=
      (uri.query.empty() ? "" : "&") + std::string("not_after=") + encode_query_value(not_after);
  return uri.target();
}

}  // namespace

Result<> run_command(const SetAttestationPolicy& command, AdminClient& admin, Context& context) {
  KBS_TRY(Secret policy, read_named(command.policy_file, context));
  if (!command.id) {
    KBS_LOG(warn, "admin", "No policy id was given; default_cpu is used. Name another with --id.");
  }
  const std::string id = command.id.value_or("default_cpu");
  json::object request;
  request["type"] = command.type;
  request["policy_id"] = id;
  request["policy"] = base64url(policy.expose());
  KBS_OK(admin.post_json("/kbs/v0/attestation-policy", to_json(request)));
  if (context.out.json()) return context.out.document({{"status", "ok"}, {"policy_id", id}});
  return confirm(context.out, "Set attestation policy", "policy", policy.expose());
}

Result<> run_command(const SetResourcePolicy& command, AdminClient& admin, Context& context) {
  KBS_TRY(Secret policy, chosen_policy(command, context));
  json::object request;
  request["policy"] = base64url(policy.expose());
  KBS_OK(admin.post_json("/kbs/v0/resource-policy", to_json(request)));
  if (context.out.json()) return context.out.document({{"status", "ok"}});
  return confirm(context.out, "Set resource policy", "policy", policy.expose());
}

Result<> run_command(const SetResource& command, AdminClient& admin, Context& context) {
  KBS_TRY(ResourceUri uri, parse_admin_uri(command.path));
  KBS_TRY(const std::string target, write_target(uri, command.not_after));
  WriteCondition condition{.if_absent = command.create_only};
  KBS_TRY(condition.if_match, if_match_field(command.if_match));
  KBS_TRY(Secret resource, read_named(command.resource_file, context, true));
  KBS_TRY(HttpResponse response,
          admin.post(target, "application/octet-stream", resource, std::move(condition)));
  if (context.out.json()) {
    // Machines know what they sent; no need to show a secret to a log.
    json::object document{
        {"status", "ok"}, {"path", to_valid_utf8(uri.path)}, {"size", resource.size()}};
    if (!response.etag.empty()) document["etag"] = to_valid_utf8(response.etag);
    return context.out.document(document);
  }
  return confirm(context.out, "Set resource", "resource", resource.expose());
}

Result<> run_command(const DeleteResource& command, AdminClient& admin, Context& context) {
  KBS_TRY(ResourceUri uri, parse_admin_uri(command.path));
  KBS_OK(admin.remove(uri.target()));
  if (context.out.json())
    return context.out.document({{"status", "ok"}, {"path", to_valid_utf8(uri.path)}});
  return context.out.line("Delete resource success");
}

Result<> run_command(const SetSampleReferenceValue& command, AdminClient& admin, Context& context) {
  KBS_TRY(std::string message,
          sample_reference_value(command.name, command.value, command.type, command.single_value));
  KBS_OK(admin.post_json("/kbs/v0/reference-value", message));
  if (context.out.json()) return context.out.document({{"status", "ok"}, {"id", command.name}});
  return context.out.line("Reference Values Updated");
}

}  // namespace kbs::client
