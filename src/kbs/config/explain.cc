#include <algorithm>
#include <utility>
#include <vector>

#include "kbs/config/interpret.h"
#include "kbs/config/load.h"
#include "kbs/config/quantity.h"

namespace kbs::config {
namespace {

/// Rows of two columns; an empty name continues the row above.
class Page {
 public:
  void row(std::string name, std::string value) {
    rows_.emplace_back(std::move(name), std::move(value));
  }
  void rows(const std::string& name, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) row(i == 0 ? name : "", values[i]);
  }
  std::string text() const {
    std::size_t width = 0;
    for (const auto& [name, value] : rows_) width = std::max(width, name.size());
    std::string out;
    for (const auto& [name, value] : rows_) {
      out += name + std::string(width - name.size() + 2, ' ') + value + "\n";
    }
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

std::string store_text(const StorageBackend& storage, storage::KeyValueType type) {
  switch (type) {
    case storage::KeyValueType::memory:
      return "memory (gone at restart)";
    case storage::KeyValueType::local_fs:
      return "files in " + storage.local_fs_dir;
    case storage::KeyValueType::local_json:
      return "JSON files in " + storage.local_json_dir;
  }
  return "";
}

void explain_server(const HttpServer& server, Page& page) {
  for (std::size_t i = 0; i < server.sockets.size(); ++i) {
    page.row(i == 0 ? "listens" : "",
             (server.insecure_http ? "http://" : "https://") + server.sockets[i]);
  }
  if (!server.insecure_http) {
    page.row("certificate", server.certificate + ", key " + server.private_key);
    std::string tls = "profile " + server.tls_profile;
    if (!server.tls_min_version.empty()) tls += ", from " + server.tls_min_version;
    if (!server.tls_max_version.empty()) tls += ", to " + server.tls_max_version;
    if (!server.tls_ciphers.empty()) tls += ", ciphers " + server.tls_ciphers;
    if (!server.tls_groups.empty()) tls += ", groups " + server.tls_groups;
    page.row("TLS", tls);
  }
  page.row("bodies", "up to " + size_text(server.payload_request_bytes));
  page.row("workers",
           server.worker_count == 0 ? "one per CPU" : std::to_string(server.worker_count));
  page.row("errors", server.trustee_errors ? "the reference's statuses" : "precise statuses");
}

void explain_admin(const Admin& admin, Page& page) {
  if (admin.mode == Admin::Mode::allow_all)
    return page.row("administrators", "EVERYBODY, without a token");
  if (admin.mode == Admin::Mode::deny_all) return page.row("administrators", "nobody");
  std::vector<std::string> lines;
  for (const IdentityProvider& p : admin.providers) {
    std::string line = "tokens signed by ";
    line += p.public_key_uri;
    if (!p.jwk_set_uri.empty()) line += (p.public_key_uri.empty() ? "" : " or ") + p.jwk_set_uri;
    if (p.issuer) line += ", issuer \"" + *p.issuer + "\"";
    if (p.audience) line += ", audience \"" + *p.audience + "\"";
    if (p.fixed_role) line += ", in the role \"" + *p.fixed_role + "\"";
    lines.push_back(std::move(line));
  }
  page.rows("administrators", lines);
  if (admin.acls_grant_all) return page.row("may", "everything");
  lines.clear();
  for (const AclRule& rule : admin.acls) {
    std::string methods;
    for (const std::string& method : rule.methods)
      methods += (methods.empty() ? "" : ", ") + method;
    lines.push_back("role \"" + rule.role + "\": " + (methods.empty() ? "any method" : methods) +
                    " on " + rule.allowed_endpoints);
  }
  if (lines.empty()) lines.emplace_back("nothing: there is no rule");
  page.rows("may", lines);
}

void explain_trust(const Config& config, Page& page) {
  const AttestationToken& token = config.attestation_token;
  std::vector<std::string> lines;
  if (config.attestation_service.type == AttestationService::Type::embedded) {
    lines.emplace_back("the embedded attestation service");
  }
  for (const std::string& path : token.trusted_certs_paths) {
    lines.push_back("certificates issued under " + path);
  }
  for (const std::string& set : token.trusted_jwk_sets) lines.push_back("keys of " + set);
  if (token.insecure_header_jwk) lines.emplace_back("ANY KEY in the token's own header (insecure)");
  page.rows("tokens from", lines);
  page.rows("TEE key also at", token.extra_teekey_paths);
}

void explain_service(const Config& config, Page& page) {
  const AttestationService& service = config.attestation_service;
  static constexpr const char* kTypes[] = {"embedded", "none: only tokens made elsewhere",
                                           "CoCo attestation service over gRPC",
                                           "Intel Trust Authority"};
  page.row("attestation", kTypes[static_cast<std::size_t>(service.type)]);
  page.row("sessions", "in memory, for " + std::to_string(service.timeout_minutes) + " minutes");
  page.row("challenge key", service.challenge_key_file.empty()
                                ? "made at start"
                                : "from " + service.challenge_key_file);
  if (service.type != AttestationService::Type::embedded) return;
  page.row("token signer",
           service.broker.signer ? service.broker.signer->key_path : "a key made at start");
  const StorageBackend& storage = config.storage_backend;
  page.row("attestation policies",
           store_text(storage, service.policy_storage.value_or(storage.type)));
  if (!service.policy_dir.empty()) page.row("", "and at start those in " + service.policy_dir);
  page.row("reference values",
           store_text(storage, service.reference_storage.value_or(storage.type)));
  if (!service.reference_file.empty())
    page.row("", "and at start those in " + service.reference_file);
}

void explain_plugins(const Config& config, Page& page) {
  page.row("resource policy", store_text(config.storage_backend, config.storage_backend.type));
  if (!config.policy_path.empty()) page.row("", "and at start that in " + config.policy_path);
  std::string names;
  for (const Plugin& plugin : config.plugins) {
    names += names.empty() ? "" : ", ";
    names += std::holds_alternative<ResourcePlugin>(plugin) ? "resource" : "sample";
  }
  page.row("plugins", names.empty() ? "none: every plugin path is 404" : names);
  for (const MountConfig& mount : config.mounts)
    page.rows("mount " + mount.options.name, explain_mount(mount));
}

void explain_audit(const Audit& audit, Page& page) {
  std::string text = audit.sink == Audit::Sink::file              ? "file " + audit.path
                     : audit.sink == Audit::Sink::standard_output ? "standard output"
                                                                  : "none";
  if (audit.sink != Audit::Sink::none) {
    text += audit.sync_every_write ? ", synced at every record" : ", synced in batches";
    text +=
        audit.deny_on_failure ? "; no record, no secret" : "; secrets are released even unrecorded";
  }
  page.row("audit", text);
}

}  // namespace

std::string explain(const Config& config) {
  Page page;
  page.row("configuration", config.source);
  if (!config.dialect.empty()) page.row("understood as", config.dialect);
  explain_server(config.http_server, page);
  explain_admin(config.admin, page);
  explain_service(config, page);
  explain_trust(config, page);
  explain_plugins(config, page);
  explain_audit(config.audit, page);
  page.rows("not in this build yet", config.missing_from_build);
  page.rows("warnings", config.warnings);
  return page.text();
}

}  // namespace kbs::config
