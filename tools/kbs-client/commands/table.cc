#include "kbs-client/commands/table.h"

#include <algorithm>

#include "resource/resource_uri.h"

namespace kbs::client {
namespace {

constexpr std::uint64_t kLargestPage = 1000;

struct Page {
  json::array entries;
  std::string next;
};

Result<Page> parse_page(std::string_view body, std::string_view member) {
  auto document = parse_json_object(body, JsonLimits{.max_bytes = 64u << 20});
  json::value* entries = document ? document->if_contains(member) : nullptr;
  if (!entries || !entries->is_array()) {
    return fail(ErrorKind::internal, "the answer is no list of " + std::string(member) +
                                         "; a reference KBS cannot list, ask a server of this "
                                         "release");
  }
  Page page;
  page.entries = std::move(entries->get_array());
  if (auto next = string_member(*document, "next")) page.next = *next;
  return page;
}

std::string page_target(const Listing& listing, std::uint64_t seen, const std::string& cursor) {
  std::string target = listing.target;
  char separator = '?';
  auto add = [&](std::string_view name, std::string_view value) {
    target += separator + std::string(name) + '=' + encode_query_value(value);
    separator = '&';
  };
  if (!listing.prefix.empty()) add("prefix", listing.prefix);
  if (listing.limit != 0)
    add("limit", std::to_string(std::min(listing.limit - seen, kLargestPage)));
  if (!cursor.empty()) add("cursor", cursor);
  return target;
}

}  // namespace

Result<json::array> list_all(const Listing& listing, AdminClient& admin) {
  json::array all;
  std::string cursor;
  for (;;) {
    KBS_TRY(HttpResponse response, admin.get(page_target(listing, all.size(), cursor)));
    KBS_TRY(Page page, parse_page(response.text(), listing.member));
    for (json::value& entry : page.entries) {
      if (listing.limit != 0 && all.size() >= listing.limit) return all;
      all.push_back(std::move(entry));
    }
    if (page.next.empty() || (listing.limit != 0 && all.size() >= listing.limit)) return all;
    if (page.next == cursor)
      return fail(ErrorKind::internal, "the server repeats a page of the list; tell its operator");
    cursor = std::move(page.next);
  }
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string column(const json::object* entry, std::string_view name) {
  const json::value* value = entry ? entry->if_contains(name) : nullptr;
  if (!value || value->is_null()) return "-";
  const std::string text = value->is_string() ? printable(value->get_string()) : to_json(*value);
  return text.empty() ? "-" : text;
}

}  // namespace kbs::client
