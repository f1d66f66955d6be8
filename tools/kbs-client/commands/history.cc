/// The versions of a resource: what is there, and bringing back or destroying it. Never a value.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/commands/table.h"
#include "kbs-client/resource_uri.h"
#include "resource/resource_id.h"

namespace kbs::client {
namespace {

/// A slip in the name would look like a route that does not exist: tell it here.
Result<std::string> resource_path(std::string_view text) {
  KBS_TRY(ResourceUri uri, parse_admin_uri(text));
  if (!uri.query.empty()) {
    return fail(ErrorKind::invalid_request,
                "the name has a query, which means nothing here: leave out ?" + uri.query);
  }
  if (!ResourceId::parse(uri.path)) {
    return fail(ErrorKind::invalid_request,
                "`" + uri.path + "` is not the name of a resource" + std::string(kResourceForms));
  }
  return std::move(uri.path);
}

std::string admin_target(const std::string& path, std::string_view operation) {
  return "/kbs/v0/admin/resources/" + path + '/' + std::string(operation);
}

Result<json::array> versions_of(const std::string& path, std::uint64_t limit, AdminClient& admin) {
  const Listing listing{
      .target = admin_target(path, "versions"), .limit = limit, .member = "versions"};
  return list_all(listing, admin);
}

bool is_current(const json::value& entry) {
  const json::value* current =
      entry.is_object() ? entry.get_object().if_contains("current") : nullptr;
  return current && current->is_bool() && current->get_bool();
}

/// The version that a plain read gives, or null.
const json::object* current_of(const json::array& versions) {
  for (const json::value& entry : versions) {
    if (is_current(entry)) return &entry.get_object();
  }
  return nullptr;
}

/// "Rollback success", and where that left the resource.
Result<> confirm_version(Output& out, std::string_view what, const std::string& path,
                         const HttpResponse& response) {
  KBS_TRY(json::object document, parse_json_object(response.text()));
  const std::string version = column(&document, "version");
  if (out.json()) return out.document({{"status", "ok"}, {"path", path}, {"version", version}});
  return out.line(std::string(what) + " success \n version: " + version);
}

}  // namespace

Result<> run_command(const ShowResource& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::string path, resource_path(command.path));
  KBS_TRY(const json::array versions, versions_of(path, 0, admin));
  const json::object* current = current_of(versions);
  if (context.out.json()) {
    json::object document{{"path", path}, {"versions", versions.size()}};
    document["current"] = current ? json::value(*current) : json::value();
    return context.out.document(document);
  }
  std::string text = "path: " + path + '\n';
  if (current) {
    text += "version: " + column(current, "version") + "\nsize: " + column(current, "size") +
            "\nupdated: " + column(current, "updated") +
            "\ncontent type: " + column(current, "content_type") +
            "\nexpires: " + column(current, "not_after");
  } else {
    text += "deleted or expired: a guest finds nothing; `undelete` brings back what was deleted";
  }
  return context.out.line(text + "\nversions: " + std::to_string(versions.size()));
}

Result<> run_command(const ListVersions& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::string path, resource_path(command.path));
  KBS_TRY(json::array versions, versions_of(path, command.limit, admin));
  if (context.out.json()) {
    json::object document{{"path", path}};
    document["versions"] = std::move(versions);
    return context.out.document(document);
  }
  std::string text;
  for (const json::value& entry : versions) {
    const json::object* object = entry.if_object();
    for (const char* name : {"version", "size", "updated", "content_type", "not_after"})
      text += column(object, name) + '\t';
    text += is_current(entry) ? "current\n" : "-\n";
  }
  return context.out.write(text);
}

Result<> run_command(const Rollback& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::string path, resource_path(command.path));
  const json::object said{{"version", to_valid_utf8(command.version)}};
  KBS_TRY(HttpResponse response, admin.post_json(admin_target(path, "rollback"), to_json(said)));
  return confirm_version(context.out, "Rollback", path, response);
}

Result<> run_command(const Undelete& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::string path, resource_path(command.path));
  KBS_TRY(HttpResponse response, admin.post_json(admin_target(path, "undelete"), "{}"));
  return confirm_version(context.out, "Undelete", path, response);
}

Result<> run_command(const Destroy& command, AdminClient& admin, Context& context) {
  KBS_TRY(const std::string path, resource_path(command.path));
  json::object said;
  if (command.all) {
    said["all"] = true;
  } else {
    said["version"] = to_valid_utf8(command.version);
  }
  KBS_OK(admin.post_json(admin_target(path, "destroy"), to_json(said)));
  if (context.out.json()) return context.out.document({{"status", "ok"}, {"path", path}});
  return context.out.line("Destroy success");
}

}  // namespace kbs::client
