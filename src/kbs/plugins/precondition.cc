#include "kbs/plugins/precondition.h"

#include <algorithm>

namespace kbs::plugins {
namespace {

constexpr std::size_t kMostTags = 64;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A field may be sent in several lines, which mean one list.
std::string whole_field(const http::Request& request, std::string_view name) {
  std::string all;
  bool first = true;
  for (const auto& [field, value] : request.headers) {
    if (!http::same_name(field, name)) continue;
    if (!first) all += ',';
    first = false;
    all += value;
  }
  return all;
}

tl::unexpected<Error> malformed() {
  return fail(ErrorKind::invalid_request,
              "If-Match must be \"*\" or entity tags in double quotes, as ETag gives them");
}

/// Takes one tag off the front of `rest`. A version may stand without quotes: people type it so.
Result<std::string> take_tag(std::string_view& rest) {
  if (rest.starts_with("W/")) {
    return fail(ErrorKind::invalid_request,
                "If-Match compares strongly and W/ marks a weak tag: send the ETag as the server "
                "gave it");
  }
  std::string tag;
  if (rest.starts_with('"')) {
    const auto end = rest.find('"', 1);
    if (end == std::string_view::npos) return malformed();
    tag = rest.substr(1, end - 1);
    rest = trimmed(rest.substr(end + 1));
  } else {
    const auto end = std::min(rest.find(','), rest.size());
    tag = trimmed(rest.substr(0, end));
    rest = rest.substr(end);
    if (tag.find_first_of("\" \t*") != std::string::npos) return malformed();
  }
  if (tag.empty()) return malformed();
  return tag;
}

Result<std::vector<storage::VersionId>> parse_tags(std::string_view field) {
  std::vector<storage::VersionId> tags;
  std::string_view rest = trimmed(field);
  for (;;) {
    KBS_TRY(std::string tag, take_tag(rest));
    tags.push_back(std::move(tag));
    if (rest.empty()) return tags;
    if (rest.front() != ',' || tags.size() == kMostTags) return malformed();
    rest = trimmed(rest.substr(1));
  }
}

}  // namespace

bool Precondition::met_by(const storage::VersionId& current) const {
  return exists || std::find(versions.begin(), versions.end(), current) != versions.end();
}

Result<Precondition> read_precondition(const http::Request& request) {
  Precondition condition;
  if (request.has_header("If-None-Match")) {
    if (trimmed(whole_field(request, "If-None-Match")) != "*") {
      return fail(ErrorKind::invalid_request,
                  "If-None-Match on a write must be \"*\": create, never replace");
    }
    condition.absent = true;
  }
  if (!request.has_header("If-Match")) return condition;
  if (condition.absent) {
    return fail(ErrorKind::invalid_request,
                "If-Match and If-None-Match contradict each other: send one of them");
  }
  const std::string field = whole_field(request, "If-Match");
  if (trimmed(field) == "*") {
    condition.exists = true;
    return condition;
  }
  KBS_TRY(condition.versions, parse_tags(field));
  return condition;
}

std::string entity_tag(const storage::VersionId& version) { return '"' + version + '"'; }

}  // namespace kbs::plugins
