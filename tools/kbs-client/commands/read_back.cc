/// What an administrator reads: reference values, the list of resources, the policy. Never a stored
/// value.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/commands/table.h"
#include "kbs-client/resource_uri.h"

namespace kbs::client {

Result<> run_command(const GetReferenceValue& command, AdminClient& admin, Context& context) {
  // The id goes into the path as it is, slashes included; "?" and the like would end it.
  ResourceUri uri{.plugin = "reference-value", .path = command.id.value_or(""), .query = {}};
  const std::string target = command.id ? uri.target() : "/kbs/v0/reference-value";
  KBS_TRY(HttpResponse response, admin.get(target));
  if (!context.out.json()) return context.out.line(quoted(response.text()));
  KBS_TRY(json::value value, parse_json(response.text()));
  json::object document;
  if (command.id) document["id"] = *command.id;
  document["value"] = std::move(value);
  return context.out.document(document);
}

Result<> run_command(const ListResources& command, AdminClient& admin, Context& context) {
  const Listing listing{.target = "/kbs/v0/resource",
                        .prefix = command.prefix,
                        .limit = command.limit,
                        .member = "resources"};
  KBS_TRY(json::array resources, list_all(listing, admin));
  if (context.out.json()) {
    json::object document;
    document["resources"] = std::move(resources);
    return context.out.document(document);
  }
  std::string text;
  for (const json::value& entry : resources) {
    const json::object* object = entry.if_object();
    text += column(object, "path") + '\t' + column(object, "size") + '\t' +
            column(object, "updated") + '\t' + column(object, "version") + '\n';
  }
  return context.out.write(text);
}

Result<> run_command(const GetResourcePolicy&, AdminClient& admin, Context& context) {
  KBS_TRY(HttpResponse response, admin.get("/kbs/v0/admin/policy"));
  if (!context.out.json()) return context.out.write(response.text());
  json::object document;
  document["policy"] = to_valid_utf8(response.text());
  return context.out.document(document);
}

}  // namespace kbs::client
