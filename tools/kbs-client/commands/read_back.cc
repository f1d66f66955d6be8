/// What an administrator reads: reference values, the list of resources, the policy. Never a stored
/// value.

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/resource_uri.h"

namespace kbs::client {
namespace {

constexpr std::uint64_t kLargestPage = 1000;

struct PageOfResources {
  json::array resources;
  std::string next;
};

Result<PageOfResources> parse_page(std::string_view body) {
  auto document = parse_json_object(body, JsonLimits{.max_bytes = 64u << 20});
  json::value* resources = document ? document->if_contains("resources") : nullptr;
  if (!resources || !resources->is_array()) {
    return fail(ErrorKind::internal,
                "the answer is no list of resources; a reference KBS cannot list, ask a server of "
                "this release");
  }
  PageOfResources page;
  page.resources = std::move(resources->get_array());
  if (auto next = string_member(*document, "next")) page.next = *next;
  return page;
}

std::string list_target(const ListResources& command, std::uint64_t seen,
                        const std::string& cursor) {
  std::string target = "/kbs/v0/resource";
  char separator = '?';
  auto add = [&](std::string_view name, std::string_view value) {
    target += separator + std::string(name) + '=' + encode_query_value(value);
    separator = '&';
  };
  if (!command.prefix.empty()) add("prefix", command.prefix);
  if (command.limit != 0)
    add("limit", std::to_string(std::min(command.limit - seen, kLargestPage)));
  if (!cursor.empty()) add("cursor", cursor);
  return target;
}

/// Follows the pages until the end or the limit.
Result<json::array> list_all(const ListResources& command, AdminClient& admin) {
  json::array all;
  std::string cursor;
  for (;;) {
    KBS_TRY(HttpResponse response, admin.get(list_target(command, all.size(), cursor)));
    KBS_TRY(PageOfResources page, parse_page(response.text()));
    for (json::value& entry : page.resources) {
      if (command.limit != 0 && all.size() >= command.limit) return all;
      all.push_back(std::move(entry));
    }
    if (page.next.empty() || (command.limit != 0 && all.size() >= command.limit)) return all;
    if (page.next == cursor)
      return fail(ErrorKind::internal, "the server repeats a page of the list; tell its operator");
    cursor = std::move(page.next);
  }
}

/// One column; what is absent shows as a dash, and nothing a server sends can forge a column or a
/// line.
std::string column(const json::object* entry, std::string_view name) {
  const json::value* value = entry ? entry->if_contains(name) : nullptr;
  if (!value || value->is_null()) return "-";
  std::string text = value->is_string() ? std::string(value->get_string()) : to_json(*value);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text.empty() ? "-" : text;
}

}  // namespace

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
  KBS_TRY(json::array resources, list_all(command, admin));
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
