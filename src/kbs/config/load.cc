#include "kbs/config/load.h"

#include <filesystem>

#include "base/file.h"
#include "kbs/config/interpret.h"

namespace kbs::config {
namespace {

/// Top-level keys of releases before v0.11, and what they are called since.
struct OldKey {
  const char* name;
  const char* today;
};
constexpr OldKey kBeforeV011[] = {
    {"sockets", "[http_server] sockets"},
    {"insecure_http", "[http_server] insecure_http"},
    {"private_key", "[http_server] private_key"},
    {"certificate", "[http_server] certificate"},
    {"auth_public_key", "[admin] auth_public_key"},
    {"insecure_api", "[admin] insecure_api"},
    {"timeout", "[attestation_service] timeout"},
    {"attestation_token_config", "[attestation_token]"},
    {"as_config", "[attestation_service] with type = \"CoCoASBuiltIn\""},
    {"grpc_config", "[attestation_service] with type = \"CoCoASGrpc\""},
    {"intel_trust_authority_config", "[attestation_service] with type = \"IntelTA\""},
    {"policy_engine_config", "[policy_engine]"},
};

/// True when the file is of that age: then a missing [http_server] needs no message of its own.
bool refuse_forms_before_v011(Section& top) {
  bool old = false;
  for (const OldKey& key : kBeforeV011) {
    const Node* at = top.node(key.name);
    if (at == nullptr) continue;
    old = true;
    top.problem(
        key.name,
        std::string("is a form from before v0.11, which is not read; write it as ") + key.today);
  }
  return old;
}

/// `[policy_engine]`, up to v0.18.
void read_policy_engine(Section section, Config& out) {
  if (!section.present()) return;
  out.policy_path = "/opt/confidential-containers/kbs/policy.rego";
  section.read("policy_path", out.policy_path);
  section.warn(
      "the policy is loaded from " + out.policy_path +
      " at start if that file exists; a policy set through the API goes to [storage_backend]");
  if (out.policy_path.starts_with("/opa/")) {
    section.warn("policy_path begins with /opa/: a slip of old sample files; /opt/ was meant");
  }
  section.finish();
}

void read_later_keys(Section& top) {
  std::vector<std::string> versions;
  top.read("legacy_protocols", versions);
  if (!versions.empty())
    top.report().not_in_this_build("legacy_protocols; only RCAR 0.4.0 is spoken");
}

void warn_about_memory(Section& top, Config& out) {
  if (!out.storage_backend.present) {
    top.warn(
        "no [storage_backend]: policies and reference values are kept in memory and are gone when "
        "the "
        "server stops");
  }
  const auto sessions = out.session_storage.value_or(out.storage_backend.type);
  if (sessions != storage::KeyValueType::memory) {
    top.warn("sessions are kept in memory, not in files: guests attest again after a restart");
  }
}

void warn_about_open_doors(Section& top, const Config& out) {
  if (out.admin.mode != Admin::Mode::allow_all) return;
  for (const std::string& socket : out.http_server.sockets) {
    if (is_loopback(socket) == true) continue;
    top.warn("[admin] lets everybody in, and " + socket +
             " can be reached from other machines: whoever reaches it controls every secret");
    return;
  }
}

/// The resource plugin in whichever form it has, and the mounts: either implies the other.
std::string read_resources(Section& top, Config& out) {
  auto form = read_plugins(top, out.storage_backend, out.plugins);
  auto old = read_repository_config(top.table("repository_config"));
  if (form && old) {
    top.problem("repository_config",
                "is the form before v0.11 of [[plugins]] \"resource\": write only one");
  }
  const bool served = form.has_value();
  if (!form) form = std::move(old);
  read_mounts(top, form, out.storage_backend, out.mounts);
  if (!served && !out.mounts.empty()) out.plugins.emplace_back(ResourcePlugin{});
  return form ? form->dialect : "";
}

std::string dialect_of(const std::string& admin, const std::string& resource) {
  std::string out = admin.empty() ? "" : "[admin] of " + admin;
  if (resource.empty()) return out;
  return out + (out.empty() ? "" : ", ") + "resource plugin of " + resource;
}

void read_all(Section& top, Config& out) {
  const bool old = refuse_forms_before_v011(top);
  for (const char* const key : {"http_server", "admin"}) {
    if (old) {
      top.accept(key);
    } else {
      top.require(key);
    }
  }
  top.read("log_level", out.log_level);
  read_http_server(top.table("http_server"), out.http_server);
  const std::string admin = read_admin(top.table("admin", true), out.admin);
  if (!old) read_attestation_token(top.table("attestation_token"), out.attestation_token);
  const StorageTables tables =
      read_storage_backend(top.table("storage_backend"), out.storage_backend);
  out.session_storage = read_storage_type(top, "session_storage_type", tables);
  read_attestation_service(top.table("attestation_service"), tables, out.attestation_service);
  const std::string resource = read_resources(top, out);
  read_policy_engine(top.table("policy_engine"), out);
  read_audit(top.table("audit"), out.audit);
  read_later_keys(top);
  out.dialect = dialect_of(admin, resource);
  warn_about_memory(top, out);
  warn_about_open_doors(top, out);
}

std::string one_a_line(const std::vector<std::string>& lines) {
  if (lines.size() == 1) return lines.front();
  constexpr std::size_t kMost = 30;
  std::string out;
  for (std::size_t i = 0; i < lines.size() && i < kMost; ++i) out += "\n  " + lines[i];
  if (lines.size() > kMost) out += "\n  and " + std::to_string(lines.size() - kMost) + " more";
  return out;
}

tl::unexpected<Error> failed(ErrorKind kind, const std::string& name, const std::string& cause) {
  const char* const colon = cause.starts_with('\n') ? ":" : ": ";
  return fail(kind, "failed to load configuration file " + name + colon + cause);
}

Result<Config> refuse_what_is_missing(Config config) {
  if (config.missing_from_build.empty()) return config;
  std::vector<std::string> lines;
  lines.reserve(config.missing_from_build.size());
  for (const std::string& what : config.missing_from_build)
    lines.push_back("not in this build yet: " + what);
  return failed(ErrorKind::unsupported, config.source, one_a_line(lines));
}

std::string extension_of(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  return extension.empty() ? extension : extension.substr(1);
}

/// As the reference has it, a name without extension is tried with each known one in turn.
Result<std::string> with_extension(const std::string& path) {
  if (!extension_of(path).empty()) return path;
  for (const char* const extension : {".toml", ".json", ".yaml", ".yml"}) {
    std::error_code error;
    if (std::filesystem::exists(path + extension, error)) return path + extension;
  }
  return failed(
      ErrorKind::not_found, path,
      "its name has no extension, and with .toml, .json, .yaml or .yml there is no such file");
}

}  // namespace

Result<Config> understand_text(const std::string& text, const std::string& format,
                               const std::string& name) {
  auto root = parse_document(text, format);
  if (!root) return failed(root.error().kind, name, root.error().message);
  Report report;
  Section top(report, &*root, "");
  Config out;
  out.source = name;
  const auto unknown = top.read_word("unknown_keys", {"refuse", "warn"});
  read_all(top, out);
  top.finish();
  report.judge_unknown_keys(unknown == std::size_t{1});
  if (!report.problems.empty()) {
    return failed(ErrorKind::invalid_request, name, one_a_line(report.problems));
  }
  out.warnings = std::move(report.warnings);
  out.missing_from_build = std::move(report.missing_from_build);
  return out;
}

Result<Config> load_text(const std::string& text, const std::string& format,
                         const std::string& name) {
  KBS_TRY(Config config, understand_text(text, format, name));
  return refuse_what_is_missing(std::move(config));
}

Result<Config> understand_file(const std::string& path) {
  KBS_TRY(const std::string found, with_extension(path));
  auto text = read_file(found, kMaxFileBytes);
  if (!text) {
    // The reader's message names the file and what is the matter with it.
    return fail(text.error().kind,
                "failed to load configuration file " + found + ": " + text.error().message,
                text.error().detail);
  }
  return understand_text(*text, extension_of(found), found);
}

Result<Config> load_file(const std::string& path) {
  KBS_TRY(Config config, understand_file(path));
  return refuse_what_is_missing(std::move(config));
}

}  // namespace kbs::config
