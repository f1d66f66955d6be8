#include "server/historic.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "attestation/embedded/appraisal.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/run.h"

namespace kbs::server {
namespace {

constexpr std::size_t kMaxPolicyBytes = 1u << 20;

/// True when it was stored; an entry that is there already stays.
Result<bool> store_if_absent(storage::KeyValue& store, const std::string& key,
                             std::string_view text) {
  KBS_TRY(auto there, run_to_end(store.get(key)));
  if (there) return false;
  return run_to_end(store.set(key, Secret::from_text(text), false));
}

tl::unexpected<Error> in_file(const std::string& file, Error error, const std::string& remedy) {
  error.message = file + ": " + error.message + remedy;
  return tl::unexpected(std::move(error));
}

// --- attestation policies ---

/// Names ending in .rego, sorted; ConfigMaps bring hidden entries (`..data`), which are none.
Result<std::vector<std::string>> policy_files(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(dir, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".rego") && name.size() > 5 && name.front() != '.') names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorKind::unavailable,
                "cannot list the attestation policies in " + dir + " (policy_dir)",
                error.message());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<> load_policy(const std::string& dir, const std::string& name, storage::KeyValue& store) {
  const std::string file = dir + "/" + name;
  const std::string id = name.substr(0, name.size() - 5);
  KBS_TRY(const std::string text, read_file(file, kMaxPolicyBytes));
  if (auto compiled = attestation::embedded::AttestationPolicy::compile(text); !compiled) {
    return in_file(file, std::move(compiled).error(), "; correct the policy or remove the file");
  }
  auto stored = store_if_absent(store, name, text);
  if (!stored) return in_file(file, std::move(stored).error(), "");
  log_line(LogLevel::warn, "attestation",
           *stored ? "loaded an attestation policy from policy_dir"
                   : "an attestation policy in policy_dir has no effect: one of that id is stored",
           {{"id", id}, {"file", file}});
  if (*stored && id == "default") {
    log_line(LogLevel::warn, "attestation",
             "the attestation policy \"default\" judges nobody: CPUs are judged by "
             "\"default_cpu\", so name the file default_cpu.rego",
             {{"file", file}});
  }
  return {};
}

// --- reference values ---

struct ReferenceValue {
  std::string name;
  std::string record;  ///< as the store keeps it
};

/// "YYYY-MM-DDTHH:MM:SSZ".
bool is_time(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:ddZ";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(),
                    [](char c, char s) { return s == 'd' ? c >= '0' && c <= '9' : c == s; });
}

/// Of the oldest releases: digests, each with its algorithm; policies have always seen the digests.
Result<json::value> value_of(const json::object& from) {
  if (const json::value* value = from.if_contains("value")) return *value;
  const json::value* digests = from.if_contains("hash-value");
  if (digests == nullptr || !digests->is_array()) {
    return fail(ErrorKind::invalid_request, "needs \"value\"");
  }
  json::array values;
  for (const json::value& digest : digests->get_array()) {
    const auto text = digest.is_object() ? string_member(digest.get_object(), "value")
                                         : std::optional<std::string_view>();
    if (!text) {
      return fail(ErrorKind::invalid_request, "every \"hash-value\" needs a text \"value\"");
    }
    values.emplace_back(*text);
  }
  return json::value(std::move(values));
}

Result<std::string> record_of(const json::object& from, std::string_view name) {
  const auto expiration = string_member(from, "expiration");
  if (!expiration || !is_time(*expiration)) {
    return fail(ErrorKind::invalid_request,
                "needs \"expiration\", a time as \"2027-01-31T00:00:00Z\"");
  }
  KBS_TRY(const json::value value, value_of(from));
  std::string record = R"({"version":"0.1.0","name":)";
  append_json_string(record, name);
  record += R"(,"expiration":)";
  append_json_string(record, *expiration);
  return record + R"(,"value":)" + to_json(value) + "}";
}

tl::unexpected<Error> bad_entry(std::string_view name, Error error) {
  error.message = "reference value \"" + std::string(name) + "\" " + error.message;
  return tl::unexpected(std::move(error));
}

Result<std::vector<ReferenceValue>> from_list(const json::array& list) {
  std::vector<ReferenceValue> values;
  for (const json::value& item : list) {
    const auto name = item.is_object() ? string_member(item.get_object(), "name")
                                       : std::optional<std::string_view>();
    if (!name || name->empty()) {
      return fail(ErrorKind::invalid_request, "every item of the list needs a \"name\"");
    }
    auto record = record_of(item.get_object(), *name);
    if (!record) return bad_entry(*name, std::move(record).error());
    values.push_back({std::string(*name), std::move(*record)});
  }
  return values;
}

Result<std::vector<ReferenceValue>> from_local_json(const json::object& members) {
  std::vector<ReferenceValue> values;
  for (const auto& member : members) {
    const std::string name(member.key());
    const auto bytes = member.value().is_string()
                           ? from_base64_lenient(member.value().get_string())
                           : Result<Bytes>(fail(ErrorKind::invalid_request, ""));
    const auto record =
        bytes ? parse_json_object(as_text(*bytes)) : Result<json::object>(json::object());
    if (!bytes || !record) {
      return bad_entry(name, {ErrorKind::invalid_request, "is no base64 of a JSON record", {}, {}});
    }
    auto text = record_of(*record, name);
    if (!text) return bad_entry(name, std::move(text).error());
    values.push_back({name, std::move(*text)});
  }
  return values;
}

Result<std::vector<ReferenceValue>> parse_reference_values(std::string_view text) {
  KBS_TRY(const json::value parsed, parse_json(text));
  if (parsed.is_array()) return from_list(parsed.get_array());
  if (parsed.is_object()) return from_local_json(parsed.get_object());
  return fail(ErrorKind::invalid_request, "must hold a JSON list of reference values");
}

}  // namespace

Result<> load_attestation_policies(const std::string& dir, storage::KeyValue& store) {
  if (dir.empty()) return {};
  KBS_TRY(const std::vector<std::string> names, policy_files(dir));
  for (const std::string& name : names) KBS_OK(load_policy(dir, name, store));
  return {};
}

Result<> load_reference_values(const std::string& file, storage::KeyValue& store) {
  if (file.empty()) return {};
  auto text = read_file(file);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  if (!text) return tl::unexpected(std::move(text).error());
  auto values = parse_reference_values(*text);
  if (!values) {
    return in_file(file, std::move(values).error(),
                   "; correct the file or remove rvps_config.storage");
  }
  std::int64_t loaded = 0;
  for (const ReferenceValue& value : *values) {
    auto stored = store_if_absent(store, value.name, value.record);
    if (!stored) {
      return in_file(file, std::move(stored).error(),
                     ", reference value \"" + value.name +
                         "\"; rvps_config.storage_type = \"LocalJson\" keeps any name");
    }
    loaded += *stored ? 1 : 0;
  }
  log_line(LogLevel::warn, "rvps", "loaded reference values that were not stored yet",
           {{"file", file},
            {"loaded", loaded},
            {"stored_already", static_cast<std::int64_t>(values->size()) - loaded}});
  return {};
}

}  // namespace kbs::server
