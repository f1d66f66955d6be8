#include "server/storage_report.h"

#include "base/json.h"
#include "base/time_text.h"

namespace kbs::server {
namespace {

namespace transfer = storage::transfer;

std::string count(std::uint64_t number, const std::string& what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

json::array as_json(const std::vector<transfer::Note>& notes) {
  json::array all;
  for (const transfer::Note& note : notes) {
    all.push_back(json::object{{"path", note.path}, {"text", note.text}});
  }
  return all;
}

json::array as_json(const std::vector<std::string>& paths) {
  json::array all;
  for (const std::string& path : paths) all.emplace_back(path);
  return all;
}

json::object as_json(const transfer::Report& report) {
  return {{"seen", number(report.seen)},
          {"copied", number(report.copied)},
          {"overwritten", number(report.overwritten)},
          {"equal", number(report.equal)},
          {"skipped", number(report.skipped)},
          {"versions", number(report.versions)},
          {"bytes", number(report.bytes)},
          {"notes", as_json(report.notes)},
          {"problems", as_json(report.problems)},
          {"gave_up", report.gave_up}};
}

json::object as_json(const transfer::Comparison& report) {
  return {{"compared", number(report.compared)},   {"equal", number(report.equal)},
          {"missing", as_json(report.missing)},    {"extra", as_json(report.extra)},
          {"extra_unknown", report.extra_unknown}, {"different", as_json(report.different)},
          {"problems", as_json(report.problems)}};
}

Told as_told(json::object object, bool good) {
  object["good"] = good;
  return {to_json(object) + '\n', "", good};
}

std::string lines(const char* what, const std::vector<transfer::Note>& notes) {
  std::string text;
  for (const transfer::Note& note : notes) {
    text += std::string(what) + ": " + note.path + ": " + note.text + '\n';
  }
  return text;
}

std::string lines(const char* what, const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) text += std::string(what) + ": " + path + '\n';
  return text;
}

std::string text_of(const transfer::Report& report, const std::string& verb, bool dry_run) {
  std::string text = dry_run ? "would have " + verb + ' ' : verb + ' ';
  text += std::to_string(report.copied) + " of " + count(report.seen, "resource");
  if (report.overwritten > 0) text += ", overwritten " + std::to_string(report.overwritten);
  if (report.equal > 0) text += ", already there " + std::to_string(report.equal);
  if (report.skipped > 0) text += ", left different " + std::to_string(report.skipped);
  if (!report.problems.empty()) text += ", failed " + std::to_string(report.problems.size());
  return text + " (" + count(report.versions, "value") + ", " + count(report.bytes, "byte") + ")\n";
}

std::string after_problems(const transfer::Report& report) {
  if (report.good()) return "";
  return report.gave_up ? "gave up after that many problems; what is done stays done: mend the "
                          "cause and run the same again\n"
                        : "what is done stays done: mend the cause and run the same again\n";
}

std::string text_of(const transfer::Comparison& report) {
  std::string text = "compared " + count(report.compared, "resource") + ": " +
                     std::to_string(report.equal) + " equal";
  const auto add = [&text](std::size_t number, const char* what) {
    if (number > 0) text += ", " + std::to_string(number) + ' ' + what;
  };
  add(report.different.size(), "different");
  add(report.missing.size(), "missing in the target");
  add(report.extra.size(), "in the target only");
  add(report.problems.size(), "not comparable");
  if (report.extra_unknown) text += " (the target cannot list: what only it has is unknown)";
  return text + '\n';
}

std::string details_of(const transfer::Comparison& report) {
  std::string text = lines("missing", report.missing) + lines("extra", report.extra);
  for (const transfer::Note& note : report.different) {
    text += "different: " + note.path + ": the " + note.text + '\n';
  }
  return text + lines("problem", report.problems);
}

}  // namespace

Told tell(const transfer::Report& report, const std::string& verb, bool dry_run, bool json) {
  if (json) return as_told(as_json(report), report.good());
  return {text_of(report, verb, dry_run),
          lines("note", report.notes) + lines("problem", report.problems) + after_problems(report),
          report.good()};
}

Told tell(const transfer::Comparison& report, bool json) {
  if (json) return as_told(as_json(report), report.good());
  return {text_of(report), details_of(report), report.good()};
}

Told tell(const transfer::Migration& report, bool dry_run, bool json) {
  if (json) {
    return as_told({{"copy", as_json(report.copy)},
                    {"comparison", as_json(report.comparison)},
                    {"removed", number(report.removed)},
                    {"problems", as_json(report.problems)}},
                   report.good());
  }
  Told told = tell(report.copy, "copied", dry_run, false);
  if (!dry_run && report.copy.good()) {
    told.out += text_of(report.comparison);
    told.err += details_of(report.comparison);
  }
  if (report.removed > 0) {
    told.out += "removed " + count(report.removed, "resource") + " from the source\n";
  }
  told.err += lines("problem", report.problems);
  told.good = report.good();
  if (!told.good && report.copy.good()) {
    told.err += "the source keeps what is not surely in the target: run the same again\n";
  }
  return told;
}

Told tell(const transfer::LayoutReport& report, const std::string& layout, bool dry_run,
          bool json) {
  if (json) {
    return as_told({{"seen", number(report.seen)},
                    {"moved", number(report.moved)},
                    {"notes", as_json(report.notes)},
                    {"problems", as_json(report.problems)},
                    {"gave_up", report.gave_up}},
                   report.good());
  }
  Told told;
  told.good = report.good();
  told.out = std::string(dry_run ? "would have moved " : "moved ") + std::to_string(report.moved) +
             " of " + count(report.seen, "resource") + " to the layout \"" + layout + "\"\n";
  told.err = lines("note", report.notes) + lines("problem", report.problems);
  if (!told.good) told.err += "what could not be moved is served from where it is\n";
  return told;
}

Told tell(const storage::encrypted::RewrapReport& report, bool json) {
  if (json) {
    return as_told({{"seen", number(report.seen)},
                    {"rewrapped", number(report.rewrapped)},
                    {"plaintext", number(report.plaintext)}},
                   true);
  }
  std::string text = "looked at " + count(report.seen, "value") + ": " +
                     std::to_string(report.rewrapped) + " put under the current key, " +
                     std::to_string(report.plaintext) + " encrypted that were not\n";
  return {std::move(text), "", true};
}

Told tell(const std::vector<std::string>& disagreeing, const std::string& mount, bool json) {
  const bool good = disagreeing.empty();
  if (json) return as_told({{"mount", mount}, {"disagreeing", as_json(disagreeing)}}, good);
  if (good) return {"mount \"" + mount + "\" holds what its manifest says\n", "", true};
  return {count(disagreeing.size(), "resource") + " of mount \"" + mount + "\" " +
              (disagreeing.size() == 1 ? "is" : "are") + " not what the manifest says\n",
          lines("problem", disagreeing) +
              "they were changed, removed or put back by other hands than ours: restore them from "
              "a backup, or write them anew\n",
          false};
}

std::string tell(const storage::Entry& entry, bool json) {
  const storage::Metadata& metadata = entry.metadata;
  if (json) {
    json::object object = {{"path", entry.path},
                           {"version", entry.version},
                           {"size", number(metadata.size)},
                           {"updated", rfc3339(metadata.updated)}};
    if (!metadata.content_type.empty()) object["content_type"] = metadata.content_type;
    if (metadata.not_after) object["not_after"] = rfc3339(*metadata.not_after);
    return to_json(object) + '\n';
  }
  std::string line = entry.path + '\t' + std::to_string(metadata.size) + '\t' +
                     rfc3339(metadata.updated) + '\t' + entry.version;
  if (metadata.not_after) line += "\texpires " + rfc3339(*metadata.not_after);
  return line + '\n';
}

}  // namespace kbs::server
