/// What the server is made of and how it fares, for administrators.

#include "kbs/api/admin_check.h"
#include "kbs/api/check_all.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

using storage::Mount;

/// Longer than any part that is well takes, shorter than anybody at a terminal waits.
constexpr std::chrono::milliseconds kPatience{5000};

Response json_response(const json::value& document) {
  Response response;
  response.content_type = "application/json";
  response.body = to_json(document);
  return response;
}

/// {"ready":true}, or {"ready":false,"error":…}.
json::object health_json(const Result<>& health) {
  json::object object{{"ready", health.has_value()}};
  if (!health) object["error"] = health.error().message;
  return object;
}

json::object capabilities_json(const storage::Capabilities& can) {
  json::object object{{"write", can.write},
                      {"delete", can.remove},
                      {"list", can.list},
                      {"versions", can.versions},
                      {"compare_and_set", can.compare_and_set},
                      {"undelete", can.undelete},
                      {"expiry", can.expiry}};
  if (can.max_value_bytes > 0) object["max_value_bytes"] = can.max_value_bytes;
  return object;
}

json::object mount_json(const Mount& mount, const Result<>& health) {
  const storage::MountOptions& options = mount.options;
  return {{"name", options.name},
          {"repository", options.prefix},
          {"backend", options.backend},
          {"read_only", options.read_only},
          {"guest_versions", options.guest_versions},
          {"keep_deleted", options.keep_deleted},
          {"versions", options.traits.versions},
          {"cached", options.cache.has_value()},
          {"encrypted", options.encryption.has_value()},
          {"capabilities", capabilities_json(mount.backend->capabilities())},
          {"health", health_json(health)}};
}

std::span<const Mount> mounts_of(const Context& context) {
  const auto& mounts = context.snapshot->mounts;
  return mounts ? mounts->all() : std::span<const Mount>();
}

awaitable<Result<>> policy_health(ResourcePolicy& policy) {
  KBS_CO_TRY(std::string text, co_await policy.text());
  (void)text;
  co_return Result<>();
}

/// Everything that /readyz asks, by name.
struct Parts {
  std::vector<std::string> names;
  std::vector<awaitable<Result<>>> checks;
  void add(std::string name, awaitable<Result<>> check) {
    names.push_back(std::move(name));
    checks.push_back(std::move(check));
  }
};

Parts all_parts(Context& context) {
  Parts parts;
  for (const Mount& mount : mounts_of(context))
    parts.add("mount " + mount.options.name, mount.backend->health());
  for (const plugins::PluginPtr& plugin : context.snapshot->plugins) {
    // The resource plugin is as well as its mounts are.
    if (plugin->name() == "resource" && context.snapshot->mounts) continue;
    parts.add("plugin " + std::string(plugin->name()), plugin->health());
  }
  if (context.app.attestation) parts.add("attestation service", context.app.attestation->health());
  parts.add("resource policy", policy_health(context.app.policy));
  return parts;
}

}  // namespace

awaitable<ApiResult<Response>> get_mounts(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  std::vector<awaitable<Result<>>> checks;
  for (const Mount& mount : mounts_of(context)) checks.push_back(mount.backend->health());
  const std::vector<Result<>> health =
      co_await check_all(std::move(checks), kPatience, context.snapshot);
  KBS_CO_OK(co_await record_outcome(context, who, "admin/mounts", nullptr));
  json::array list;
  for (const Mount& mount : mounts_of(context))
    list.push_back(mount_json(mount, health[list.size()]));
  co_return json_response(json::object{{"mounts", std::move(list)}});
}

awaitable<ApiResult<Response>> get_health(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  Parts parts = all_parts(context);
  const std::vector<Result<>> health =
      co_await check_all(std::move(parts.checks), kPatience, context.snapshot);
  KBS_CO_OK(co_await record_outcome(context, who, "admin/health", nullptr));
  bool ready = true;
  json::array list;
  for (const Result<>& one : health) {
    json::object part{{"name", parts.names[list.size()]}};
    for (auto& member : health_json(one)) part.insert(member);
    ready = ready && one;
    list.push_back(std::move(part));
  }
  co_return json_response(json::object{{"ready", ready}, {"parts", std::move(list)}});
}

}  // namespace kbs::api
