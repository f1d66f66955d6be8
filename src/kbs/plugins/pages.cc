#include "kbs/plugins/pages.h"

#include <charconv>

#include "base/json.h"
#include "base/time_text.h"

namespace kbs::plugins {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

void append_facts(std::string& out, const storage::Entry& entry) {
  append_member(out, "version", entry.version);
  out += R"(,"size":)" + std::to_string(entry.metadata.size) + ',';
  append_member(out, "updated", rfc3339(entry.metadata.updated));
}

void append_next(std::string& out, const std::string& cursor) {
  out += R"(,"next":)";
  if (cursor.empty()) {
    out += "null";
  } else {
    append_json_string(out, cursor);
  }
}

}  // namespace

Result<storage::ListOptions> list_options(const std::map<std::string, std::string>& query) {
  storage::ListOptions options;
  if (auto it = query.find("prefix"); it != query.end()) options.prefix = it->second;
  if (auto it = query.find("cursor"); it != query.end()) options.cursor = it->second;
  if (auto it = query.find("limit"); it != query.end()) {
    const std::string& text = it->second;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), options.limit);
    if (error != std::errc() || end != text.data() + text.size() || options.limit < 1 ||
        options.limit > 1000) {
      return fail(ErrorKind::invalid_request, "`limit` must be a number from 1 to 1000");
    }
  }
  return options;
}

std::string resources_page(const storage::Page& page) {
  std::string text = R"({"resources":[)";
  for (const storage::Entry& entry : page.entries) {
    text += &entry == &page.entries.front() ? "{" : ",{";
    append_member(text, "path", entry.path);
    text += ',';
    append_facts(text, entry);
    text += '}';
  }
  text += ']';
  append_next(text, page.next);
  return text + '}';
}

std::string versions_page(std::string_view path, const storage::Page& page) {
  std::string text = "{";
  append_member(text, "path", path);
  text += R"(,"versions":[)";
  for (const storage::Entry& entry : page.entries) {
    text += &entry == &page.entries.front() ? "{" : ",{";
    append_facts(text, entry);
    text += ',';
    append_member(text, "content_type", entry.metadata.content_type);
    text += R"(,"not_after":)";
    if (entry.metadata.not_after) {
      append_json_string(text, rfc3339(*entry.metadata.not_after));
    } else {
      text += "null";
    }
    text += entry.current ? R"(,"current":true})" : R"(,"current":false})";
  }
  text += ']';
  append_next(text, page.next);
  return text + '}';
}

}  // namespace kbs::plugins
