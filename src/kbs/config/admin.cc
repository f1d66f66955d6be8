#include <algorithm>
#include <set>

#include "kbs/config/interpret.h"
#include "kbs/config/load.h"

namespace kbs::config {
namespace {

using Mode = Admin::Mode;

/// Tokens of the old single-key form were checked with a quarter of an hour's patience.
constexpr std::int64_t kSingleKeyLeeway = std::int64_t{15} * 60;

void read_pattern(Section& section, AclRule& rule) {
  section.require("allowed_endpoints");
  section.read("allowed_endpoints", rule.allowed_endpoints);
  if (!section.has("allowed_endpoints")) return;
  if (auto ok = check_acl_pattern(rule.allowed_endpoints); !ok) {
    section.problem("allowed_endpoints", ok.error().message);
  }
}

// --- v0.21 ---

void read_provider(Section section, Admin& out) {
  IdentityProvider provider;
  section.read("issuer", provider.issuer);
  section.read("audience", provider.audience);
  if (provider.issuer == "") {
    section.warn("issuer = \"\" admits only tokens without an issuer; leave it out to admit any");
  }
  section.read("public_key_uri", provider.public_key_uri);
  section.read("jwk_set_uri", provider.jwk_set_uri);
  if (!section.has("public_key_uri") && !section.has("jwk_set_uri")) {
    section.problem("needs public_key_uri (a PEM file) or jwk_set_uri");
  }
  if (section.has("public_key_uri"))
    check_key_source(section, "public_key_uri", provider.public_key_uri);
  if (section.has("jwk_set_uri")) check_key_source(section, "jwk_set_uri", provider.jwk_set_uri);
  section.finish();
  out.providers.push_back(std::move(provider));
}

void read_acl(Section section, Admin& out) {
  AclRule rule;
  section.require("role");
  section.read("role", rule.role);
  read_pattern(section, rule);
  section.read("methods", rule.methods);
  if (section.has("methods") && rule.methods.empty()) {
    section.problem("methods", "must name at least one; leave it out for all");
  }
  for (const std::string& method : rule.methods) {
    static constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    if (std::find(std::begin(kMethods), std::end(kMethods), method) == std::end(kMethods)) {
      section.problem("methods", "every item must be GET, HEAD, POST, PUT or DELETE");
    }
  }
  section.finish();
  out.acls.push_back(std::move(rule));
}

void read_authenticated(Section& section, Admin& out) {
  section.require("authentication");
  Section authentication = section.table("authentication");
  authentication.require("bearer_jwt");
  Section bearer = authentication.table("bearer_jwt");
  for (Section& provider : bearer.tables("identity_providers")) read_provider(provider, out);
  if (bearer.present() && out.providers.empty()) {
    bearer.problem("identity_providers must name at least one");
  }
  bearer.finish();
  authentication.finish();

  section.require("authorization");
  Section authorization = section.table("authorization");
  Section acl = authorization.table("regex_acl");
  for (Section& rule : acl.tables("acls")) read_acl(rule, out);
  acl.finish();
  authorization.finish();
  if (authorization.present() && out.acls.empty()) {
    authorization.warn("has no rule in regex_acl.acls: every administrator is refused");
  }
}

std::string read_v21(Section& section, Admin& out) {
  if (section.has_any({"type", "personas", "roles", "auth_public_key", "insecure_api"})) {
    section.problem(
        "authorization_mode stands beside keys of older releases (type, personas, roles, "
        "auth_public_key, "
        "insecure_api): use one form only");
  }
  static constexpr Mode kModes[] = {Mode::allow_all, Mode::deny_all, Mode::authenticated};
  const auto word = section.read_word(
      "authorization_mode", {"InsecureAllowAll", "DenyAll", "AuthenticatedAuthorization"});
  if (word) out.mode = kModes[*word];
  if (word && out.mode == Mode::authenticated) {
    read_authenticated(section, out);
  } else if (section.has_any({"authentication", "authorization"})) {
    section.problem(
        "authentication and authorization go with authorization_mode = "
        "\"AuthenticatedAuthorization\" only");
  }
  return "v0.21";
}

// --- v0.16 to v0.20 ---

void read_persona(Section section, Admin& out) {
  IdentityProvider provider;
  std::string id;
  section.require("id");
  section.read("id", id);
  section.require("public_key_path");
  section.read("public_key_path", provider.public_key_uri);
  if (section.has("public_key_path")) {
    check_key_source(section, "public_key_path", provider.public_key_uri);
  }
  provider.fixed_role = id;
  section.finish();
  out.providers.push_back(std::move(provider));
}

void read_role(Section section, std::set<std::string>& ids, Admin& out) {
  AclRule rule;
  section.require("id");
  section.read("id", rule.role);
  if (section.has("id") && !ids.insert(rule.role).second) section.problem("id", "is used twice");
  read_pattern(section, rule);
  section.finish();
  out.acls.push_back(std::move(rule));
}

std::string read_personas(Section& section, Admin& out) {
  static constexpr Mode kModes[] = {Mode::authenticated, Mode::allow_all, Mode::deny_all};
  const auto word = section.read_word("type", {"Simple", "InsecureAllowAll", "DenyAll"});
  out.mode = word || !section.has("type") ? kModes[word.value_or(0)] : Mode::deny_all;
  for (Section& persona : section.tables("personas")) read_persona(persona, out);
  std::set<std::string> ids;
  for (Section& role : section.tables("roles")) read_role(role, ids, out);
  out.acls_grant_all = out.acls.empty();
  // The operator of v0.17 writes these beside `type`, which is what counted there as well.
  section.dead("insecure_api", "type decides");
  section.dead("auth_public_key", "type decides; a key goes into [[admin.personas]]");
  if (out.mode == Mode::authenticated && out.providers.empty()) {
    section.warn("type \"Simple\" without [[admin.personas]]: every administrator is refused");
    out.mode = Mode::deny_all;
  }
  if (out.mode != Mode::authenticated) {
    if (section.has_any({"personas", "roles"}))
      section.warn("personas and roles have no effect: type decides");
    out.providers.clear();
    out.acls.clear();
    out.acls_grant_all = false;
  }
  return "v0.16 to v0.20";
}

// --- v0.11 to v0.15 ---

std::string read_single_key(Section& section, Admin& out) {
  bool insecure = false;
  std::string key;
  section.read("insecure_api", insecure);
  section.read("auth_public_key", key);
  if (insecure) {
    out.mode = Mode::allow_all;
    if (!key.empty())
      section.warn("\"auth_public_key\" has no effect: insecure_api = true lets everybody in");
  } else if (key.empty()) {
    section.problem(
        "insecure_api = false needs auth_public_key, the administrator's Ed25519 public key");
  } else {
    check_key_source(section, "auth_public_key", key);
    out.mode = Mode::authenticated;
    IdentityProvider provider;
    provider.public_key_uri = key;
    provider.fixed_role = "admin";
    provider.leeway_seconds = kSingleKeyLeeway;
    out.providers.push_back(std::move(provider));
    out.acls_grant_all = true;
  }
  return "v0.11 to v0.15";
}

}  // namespace

std::string read_admin(Section section, Admin& out) {
  std::string dialect;
  if (!section.present()) return dialect;
  if (section.has("authorization_mode")) {
    dialect = read_v21(section, out);
  } else if (section.has_any({"type", "personas", "roles"})) {
    dialect = read_personas(section, out);
  } else if (section.has_any({"insecure_api", "auth_public_key"})) {
    dialect = read_single_key(section, out);
  } else {
    section.require("authorization_mode");
  }
  // Known in every form, so that a slip in one is named after its neighbour, not after another
  // section.
  for (const char* const key : {"authorization_mode", "authentication", "authorization", "type",
                                "personas", "roles", "auth_public_key", "insecure_api"}) {
    section.accept(key);
  }
  section.finish();
  return dialect;
}

}  // namespace kbs::config
