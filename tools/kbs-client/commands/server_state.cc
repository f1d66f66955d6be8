/// What the server is made of, and how it fares.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/commands/table.h"

namespace kbs::client {
namespace {

bool flag(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

const json::object* child(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value ? value->if_object() : nullptr;
}

/// "ready", or what is wrong.
std::string health_of(const json::object* health) {
  if (!health) return "-";
  return flag(*health, "ready") ? "ready" : "not ready: " + column(health, "error");
}

void add_word(std::string& words, std::string_view word) {
  if (!words.empty()) words += ',';
  words += word;
}

/// "encrypted,versions,undelete".
std::string abilities_of(const json::object& mount) {
  std::string words;
  for (const char* name : {"read_only", "cached", "encrypted", "guest_versions", "keep_deleted"}) {
    if (flag(mount, name)) add_word(words, name);
  }
  if (const json::object* can = child(mount, "capabilities")) {
    for (const auto& [name, value] : *can) {
      if (value.is_bool() && value.get_bool()) add_word(words, printable(name));
    }
  }
  return words.empty() ? "-" : words;
}

Result<json::array> list_member(const HttpResponse& response, std::string_view member) {
  auto document = parse_json_object(response.text());
  json::value* list = document ? document->if_contains(member) : nullptr;
  if (list && list->is_array()) return std::move(list->get_array());
  return fail(ErrorKind::internal,
              "the answer holds no " + std::string(member) + "; ask a server of this release");
}

}  // namespace

Result<> run_command(const ListMounts&, AdminClient& admin, Context& context) {
  KBS_TRY(HttpResponse response, admin.get("/kbs/v0/admin/mounts"));
  KBS_TRY(json::array mounts, list_member(response, "mounts"));
  if (context.out.json()) {
    json::object document;
    document["mounts"] = std::move(mounts);
    return context.out.document(document);
  }
  std::string text;
  for (const json::value& entry : mounts) {
    const json::object mount = entry.is_object() ? entry.get_object() : json::object();
    text += column(&mount, "name") + '\t' + column(&mount, "repository") + '\t' +
            column(&mount, "backend") + '\t' + abilities_of(mount) + '\t' +
            health_of(child(mount, "health")) + '\n';
  }
  return context.out.write(text);
}

Result<> run_command(const ShowHealth&, AdminClient& admin, Context& context) {
  KBS_TRY(HttpResponse response, admin.get("/kbs/v0/admin/health"));
  KBS_TRY(json::array parts, list_member(response, "parts"));
  if (context.out.json()) {
    KBS_TRY(json::value document, parse_json(response.text()));
    return context.out.document(document);
  }
  std::string text;
  for (const json::value& entry : parts) {
    const json::object* part = entry.if_object();
    text += column(part, "name") + '\t' + health_of(part) + '\n';
  }
  return context.out.write(text);
}

}  // namespace kbs::client
