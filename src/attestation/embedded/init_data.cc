#include "attestation/embedded/init_data.h"

#include <sstream>

#include "base/toml.h"

namespace kbs::attestation::embedded {
namespace {

auto malformed(std::string what, boost::source_location where = BOOST_CURRENT_LOCATION) {
  return fail(ErrorKind::invalid_request, "init-data: " + what, {}, where);
}

json::value to_json_value(const toml::node& node);

json::object to_json_object(const toml::table& table) {
  json::object object;
  for (const auto& [key, value] : table) object.emplace(key.str(), to_json_value(value));
  return object;
}

template <class T>
std::string date_text(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

json::value to_json_value(const toml::node& node) {
  if (const auto* table = node.as_table()) return to_json_object(*table);
  if (const auto* array = node.as_array()) {
    json::array list;
    for (const toml::node& item : *array) list.push_back(to_json_value(item));
    return list;
  }
  if (const auto* text = node.as_string()) return json::value(json::string(text->get()));
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) {
    // JSON has no infinities: what TOML says is kept as its text.
    if (!std::isfinite(number->get())) return json::value(json::string(date_text(number->get())));
    return number->get();
  }
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* date = node.as_date()) return json::value(json::string(date_text(date->get())));
  if (const auto* time = node.as_time()) return json::value(json::string(date_text(time->get())));
  if (const auto* both = node.as_date_time())
    return json::value(json::string(date_text(both->get())));
  return nullptr;
}

/// `policy_data := {` and all from that brace to the end, as JSON; that is how the agent's policy
/// carries its containers.
std::optional<json::object> agent_policy_data(std::string_view policy) {
  constexpr std::string_view kMarker = "policy_data := {";
  const auto at = policy.find(kMarker);
  if (at == std::string_view::npos) return std::nullopt;
  auto parsed = parse_json_object(policy.substr(at + kMarker.size() - 1));
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

void add_claim(json::object& claims, std::string_view name, const std::string& text) {
  if (name == "cdh.toml" || name == "aa.toml") {
    if (toml::parse_result nested = toml::parse(text)) {
      claims.emplace(name, to_json_object(nested.table()));
      return;
    }
  }
  if (name == "policy.rego") {
    if (auto data = agent_policy_data(text)) {
      claims.emplace("agent_policy_claims", std::move(*data));
      return;
    }
  }
  claims.emplace(name, text);
}

}  // namespace

Result<ParsedInitData> parse_init_data(const InitData& init_data) {
  if (init_data.format != "toml") return malformed("the format must be \"toml\"");
  toml::parse_result document = toml::parse(init_data.body);
  if (!document) return malformed("the text is not TOML");
  const toml::table& table = document.table();
  const auto* algorithm_name = table["algorithm"].as_string();
  const auto* data = table["data"].as_table();
  if (!table["version"].is_string()) return malformed("`version` must be a string");
  if (!algorithm_name) return malformed("`algorithm` must be a string");
  if (!data) return malformed("`data` must be a table");
  const auto algorithm = crypto::hash_algorithm_from(algorithm_name->get());
  if (!algorithm) return malformed("`algorithm` must be one of sha256, sha384, sha512, sm3");

  ParsedInitData parsed;
  parsed.digest = crypto::digest(*algorithm, as_bytes(init_data.body));
  for (const auto& [key, value] : *data) {
    const auto* text = value.as_string();
    if (!text) return malformed("values of `data` must be strings");
    add_claim(parsed.claims, key.str(), text->get());
  }
  return parsed;
}

}  // namespace kbs::attestation::embedded
