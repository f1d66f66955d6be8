/// The history of resources, for administrators: what there is, and what becomes of it. No value
/// leaves the server here.

#include "kbs/api/admin_check.h"
#include "kbs/api/handlers.h"
#include "kbs/plugins/current.h"
#include "kbs/plugins/pages.h"

namespace kbs::api {
namespace {

using storage::VersionId;

constexpr std::size_t kLongestVersion = 512;

ApiError storage_error(Error cause) {
  return {ErrorType::plugin_internal_error, std::move(cause), "Plugin internal error"};
}

ApiError bad_body(Error cause) {
  return {ErrorType::serde_error, std::move(cause), "Serialize/Deserialize failed"};
}

/// A request that got as far as its resource.
struct Target {
  admin::AdminIdentity who;
  storage::Mounts& mounts;
  ResourceId id;
};

/// `resources/{repository}/{type}/{tag}/…`, as the routes table made sure.
awaitable<ApiResult<Target>> target_of(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  storage::Mounts* mounts = context.snapshot->mounts.get();
  if (!mounts) {
    Error cause{ErrorKind::not_found,
                "this server stores no resources: it has no plugin `resource`",
                {},
                BOOST_CURRENT_LOCATION};
    co_return tl::unexpected(
        ApiError{ErrorType::plugin_not_found, std::move(cause), "Plugin resource not found"});
  }
  const std::vector<std::string>& path = context.rest;
  auto id = ResourceId::parse(path[1] + '/' + path[2] + '/' + path[3]);
  if (!id) co_return tl::unexpected(storage_error(std::move(id).error()));
  co_return Target{std::move(who), *mounts, std::move(*id)};
}

/// What `rollback`, `undelete` and `destroy` are told. Strict: a member that we do not know could
/// be a wish that we would not fulfil.
struct Instruction {
  VersionId version;
  bool all = false;
};

Result<Instruction> parse_instruction(std::string_view body) {
  Instruction said;
  if (body.empty()) return said;
  KBS_TRY(json::object object, parse_json_object(body));
  for (const auto& [name, value] : object) {
    if (name == "version" && value.is_string() && !value.get_string().empty() &&
        value.get_string().size() <= kLongestVersion) {
      said.version = std::string_view(value.get_string());
    } else if (name == "all" && value.is_bool()) {
      said.all = value.get_bool();
    } else {
      return fail(
          ErrorKind::invalid_request,
          R"(the body may hold {"version":"…"}, as the list of versions shows it, or where )"
          R"(everything shall go {"all":true}, and nothing else)");
    }
  }
  return said;
}

tl::unexpected<ApiError> wrong_instruction(std::string message) {
  Error cause{ErrorKind::invalid_request, std::move(message), {}, BOOST_CURRENT_LOCATION};
  return tl::unexpected(bad_body(std::move(cause)));
}

AdminAction action_on(const ResourceId& id, std::string_view name, VersionId version) {
  return {name, "resource/" + id.path(), std::move(version)};
}

/// {"version":…} with its ETag.
Response version_response(const VersionId& version) {
  Response response;
  response.content_type = "application/json";
  std::string body = R"({"version":)";
  append_json_string(body, version);
  response.body = body + '}';
  response.headers.emplace_back("ETag", plugins::entity_tag(version));
  return response;
}

/// The current version after something was made current again; "" when it cannot be told.
awaitable<VersionId> current_version(storage::Mounts& mounts, ResourceId id) {
  auto entry = co_await plugins::find_current(mounts, std::move(id));
  co_return entry ? std::move(entry->version) : VersionId();
}

/// Whether it went well, on the record.
template <class T>
awaitable<ApiResult<T>> recorded(Context& context, const Target& target, AdminAction action,
                                 Result<T> outcome) {
  KBS_CO_OK(
      co_await record_outcome(context, target.who, action, outcome ? nullptr : &outcome.error()));
  if (!outcome) co_return tl::unexpected(storage_error(std::move(outcome).error()));
  if constexpr (std::is_void_v<T>) {
    co_return ApiResult<>();
  } else {
    co_return std::move(*outcome);
  }
}

}  // namespace

awaitable<ApiResult<Response>> get_versions(Context& context) {
  KBS_CO_TRY(Target target, co_await target_of(context));
  auto options = plugins::list_options(parse_query(context.request.query));
  if (!options) co_return tl::unexpected(storage_error(std::move(options).error()));
  options->prefix.clear();
  auto page = co_await target.mounts.versions(target.id, std::move(*options));
  AdminAction action = action_on(target.id, "versions", {});
  KBS_CO_TRY(storage::Page listed,
             co_await recorded(context, target, std::move(action), std::move(page)));
  Response response;
  response.content_type = "application/json";
  response.body = plugins::versions_page(target.id.path(), listed);
  co_return response;
}

awaitable<ApiResult<Response>> post_rollback(Context& context) {
  KBS_CO_TRY(Target target, co_await target_of(context));
  auto said = parse_instruction(context.request.body.expose_text());
  if (!said) co_return tl::unexpected(bad_body(std::move(said).error()));
  if (said->version.empty() || said->all) {
    co_return wrong_instruction(R"(say which version becomes the current one: {"version":"…"})");
  }
  AdminAction action = action_on(target.id, "rollback", std::move(said->version));
  KBS_CO_OK(co_await record_intent(context, target.who, action));
  auto written = co_await storage::roll_back(target.mounts, target.id, action.version);
  if (written) action.version = *written;
  KBS_CO_TRY(VersionId version,
             co_await recorded(context, target, std::move(action), std::move(written)));
  co_return version_response(version);
}

awaitable<ApiResult<Response>> post_undelete(Context& context) {
  KBS_CO_TRY(Target target, co_await target_of(context));
  auto said = parse_instruction(context.request.body.expose_text());
  if (!said) co_return tl::unexpected(bad_body(std::move(said).error()));
  if (!said->version.empty() || said->all) {
    co_return wrong_instruction(
        "undelete brings back the newest kept version and takes no instruction; roll back "
        "afterwards to an earlier one");
  }
  AdminAction action = action_on(target.id, "undelete", {});
  KBS_CO_OK(co_await record_intent(context, target.who, action));
  auto done = co_await target.mounts.undelete(target.id);
  if (done) action.version = co_await current_version(target.mounts, target.id);
  const VersionId version = action.version;
  KBS_CO_OK(co_await recorded(context, target, std::move(action), std::move(done)));
  co_return version_response(version);
}

awaitable<ApiResult<Response>> post_destroy(Context& context) {
  KBS_CO_TRY(Target target, co_await target_of(context));
  auto said = parse_instruction(context.request.body.expose_text());
  if (!said) co_return tl::unexpected(bad_body(std::move(said).error()));
  if (said->version.empty() != said->all) {
    co_return wrong_instruction(
        R"(say what to destroy for good: {"version":"…"} for one earlier version, {"all":true} )"
        "for the resource with its whole history");
  }
  AdminAction action =
      action_on(target.id, said->all ? "destroy-all" : "destroy", std::move(said->version));
  KBS_CO_OK(co_await record_intent(context, target.who, action));
  // A plain removal takes the history along, also that of a resource kept for undelete.
  storage::RemoveOptions everything;
  Result<> done;
  if (said->all) {
    done = co_await target.mounts.remove(target.id, std::move(everything));
  } else {
    done = co_await target.mounts.destroy(target.id, action.version);
  }
  KBS_CO_OK(co_await recorded(context, target, std::move(action), std::move(done)));
  co_return Response();
}

awaitable<ApiResult<Response>> no_admin_route(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  (void)who;
  Error cause{
      ErrorKind::not_found, "there is no such administrative route", {}, BOOST_CURRENT_LOCATION};
  co_return tl::unexpected(
      ApiError{ErrorType::plugin_not_found, std::move(cause), "Plugin admin not found"});
}

awaitable<ApiResult<Response>> foreign_admin_method(Context& context) {
  KBS_CO_TRY(admin::AdminIdentity who, co_await check_admin(context, ErrorType::admin_auth_access));
  (void)who;
  Error cause{ErrorKind::unsupported,
              "this administrative route does not know the method",
              {},
              BOOST_CURRENT_LOCATION};
  co_return tl::unexpected(
      ApiError{ErrorType::plugin_not_found, std::move(cause), "Plugin admin not found"});
}

}  // namespace kbs::api
