#include "kbs/rcar/messages.h"

#include <array>
#include <charconv>
#include <span>

namespace kbs::rcar {
namespace {

auto malformed(std::string what, boost::source_location where = BOOST_CURRENT_LOCATION) {
  return fail(ErrorKind::invalid_request, std::move(what), {}, where);
}

Result<std::string> required_string(const json::object& object, std::string_view name) {
  const auto text = string_member(object, name);
  if (!text) return malformed("member `" + std::string(name) + "` must be a string");
  return std::string(*text);
}

Result<const json::object*> required_object(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (!found || !found->is_object())
    return malformed("member `" + std::string(name) + "` must be an object");
  return &found->get_object();
}

/// Members beyond these are dropped before hashing, so a guest must hash without them.
std::span<const std::string_view> key_members(std::string_view kty) {
  static constexpr std::array<std::string_view, 4> kRsa = {"kty", "alg", "n", "e"};
  static constexpr std::array<std::string_view, 5> kEc = {"kty", "crv", "alg", "x", "y"};
  static constexpr std::array<std::string_view, 3> kAkp = {"kty", "alg", "pub"};
  if (kty == "RSA") return kRsa;
  if (kty == "EC") return kEc;
  if (kty == "AKP") return kAkp;
  return {};
}

Result<json::object> tee_pubkey_of(const json::object& given) {
  KBS_TRY(std::string kty, required_string(given, "kty"));
  const auto members = key_members(kty);
  if (members.empty()) return malformed("`tee-pubkey`: `kty` must be EC, RSA or AKP");
  json::object key;
  for (std::string_view name : members) {
    KBS_TRY(std::string value, required_string(given, name));
    key.emplace(name, std::move(value));
  }
  return key;
}

Result<std::optional<attestation::InitData>> init_data_of(const json::object& body) {
  const json::value* given = body.if_contains("init-data");
  if (!given || given->is_null()) return std::optional<attestation::InitData>();
  if (!given->is_object()) return malformed("member `init-data` must be an object or null");
  KBS_TRY(std::string format, required_string(given->get_object(), "format"));
  KBS_TRY(std::string text, required_string(given->get_object(), "body"));
  if (format != "toml") return malformed("`init-data.format` must be \"toml\"");
  return std::optional(attestation::InitData{std::move(format), std::move(text)});
}

bool is_number(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// Dot-separated identifiers of letters, digits and hyphens, none empty; numeric ones without
/// leading zeros where `strict_numbers` (pre-releases).
bool are_identifiers(std::string_view text, bool strict_numbers) {
  while (true) {
    const auto dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty()) return false;
    bool digits = true;
    for (char c : part) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-') return false;
      digits = digits && digit;
    }
    if (strict_numbers && digits && part.size() > 1 && part.front() == '0') return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

Result<Request> parse_request(std::string_view body) {
  KBS_TRY(json::object object, parse_json_object(body));
  KBS_TRY(std::string version, required_string(object, "version"));
  KBS_TRY(std::string tee_name, required_string(object, "tee"));
  const auto tee = attestation::tee_from(tee_name);
  if (!tee) return malformed("member `tee` names no known TEE");
  json::value* extra = object.if_contains("extra-params");
  if (!extra) return malformed("member `extra-params` is missing; \"\" will do");
  return Request{std::move(version), *tee, std::move(*extra)};
}

Result<bool> speaks_version(std::string_view version) {
  std::string_view core = version;
  std::string_view pre_release;
  if (const auto plus = core.find('+'); plus != std::string_view::npos) {
    if (!are_identifiers(core.substr(plus + 1), false))
      return malformed("`version` is no semantic version");
    core = core.substr(0, plus);
  }
  if (const auto hyphen = core.find('-'); hyphen != std::string_view::npos) {
    pre_release = core.substr(hyphen + 1);
    if (!are_identifiers(pre_release, true)) return malformed("`version` is no semantic version");
    core = core.substr(0, hyphen);
  }
  const auto first = core.find('.');
  const auto second = first == std::string_view::npos ? first : core.find('.', first + 1);
  if (second == std::string_view::npos || !is_number(core.substr(0, first)) ||
      !is_number(core.substr(first + 1, second - first - 1)) ||
      !is_number(core.substr(second + 1))) {
    return malformed("`version` is no semantic version");
  }
  return core == kProtocolVersion && pre_release.empty();
}

Result<Attestation> parse_attestation(std::string_view body) {
  KBS_TRY(json::object object, parse_json_object(body));
  Attestation out;
  KBS_TRY(out.init_data, init_data_of(object));
  KBS_TRY(const json::object* runtime, required_object(object, "runtime-data"));
  KBS_TRY(out.nonce, required_string(*runtime, "nonce"));
  KBS_TRY(const json::object* key, required_object(*runtime, "tee-pubkey"));
  KBS_TRY(out.tee_pubkey, tee_pubkey_of(*key));
  json::value* evidence = object.if_contains("tee-evidence");
  if (!evidence || !evidence->is_object())
    return malformed("member `tee-evidence` must be an object");
  KBS_TRY(out.additional_evidence, required_string(evidence->get_object(), "additional_evidence"));
  json::value* primary = evidence->get_object().if_contains("primary_evidence");
  if (!primary) return malformed("member `primary_evidence` is missing");
  out.primary_evidence = std::move(*primary);
  return out;
}

Result<std::vector<attestation::Evidence>> evidence_of(Attestation attestation,
                                                       attestation::Tee tee,
                                                       crypto::HashAlgorithm hash) {
  json::object runtime{{"nonce", attestation.nonce}, {"tee-pubkey", attestation.tee_pubkey}};
  json::object devices;
  if (!attestation.additional_evidence.empty()) {
    auto parsed = parse_json_object(attestation.additional_evidence);
    if (!parsed) return malformed("`additional_evidence` must be a JSON object as text, or empty");
    devices = std::move(*parsed);
  }
  std::vector<attestation::Evidence> all;
  all.reserve(1 + devices.size());
  json::object bound = runtime;
  bound.emplace("additional-evidence", std::move(attestation.additional_evidence));
  all.push_back({tee, std::move(attestation.primary_evidence), std::move(bound), hash,
                 std::move(attestation.init_data)});
  for (auto& device : devices) {
    const auto device_tee = attestation::tee_from(device.key());
    if (!device_tee) return malformed("`additional_evidence` names an unknown TEE");
    all.push_back({*device_tee, std::move(device.value()), runtime, hash, std::nullopt});
  }
  return all;
}

}  // namespace kbs::rcar
