#include "kbs/config/interpret.h"

namespace kbs::config {
namespace {

using Type = AttestationService::Type;

/// Longer than any operator means, short enough never to overflow.
constexpr std::int64_t kTenYears = std::int64_t{10} * 366 * 24 * 60;

void read_signer(Section section, attestation::embedded::TokenBrokerOptions& out) {
  attestation::embedded::TokenBrokerOptions::Signer signer;
  section.require("key_path");
  section.read("key_path", signer.key_path);
  section.read("cert_path", signer.cert_path);
  section.read("cert_url", signer.cert_url);
  section.finish();
  if (section.present()) out.signer = std::move(signer);
}

void read_broker(Section section, AttestationService& out) {
  auto& broker = out.broker;
  section.read("duration_min", broker.duration_min, 1, kTenYears);
  section.read("issuer_name", broker.issuer_name);
  section.read("developer_name", broker.developer_name);
  section.read("build_name", broker.build_name);
  section.read("profile_name", broker.profile_name);
  section.read("verbose_token", broker.verbose_token);
  read_signer(section.table("signer"), broker);
  // Up to v0.18.
  section.dead("type", "tokens are always EAR");
  section.read("policy_dir", out.policy_dir);
  if (section.has("policy_dir")) {
    section.warn(
        "\"policy_dir\": policies found there at start are loaded; new ones go to "
        "[storage_backend]");
  }
  section.finish();
}

/// `rvps_config.storage`, up to v0.18: the reference values of such an installation are one JSON
/// file.
void read_old_reference_storage(Section section, AttestationService& out) {
  if (!section.present()) return;
  const auto type = section.read_word("type", {"LocalFs", "LocalJson"});
  std::string path;
  section.read("file_path", path);
  if (type == std::size_t{1}) {
    out.reference_file =
        path.empty() ? "/opt/confidential-containers/attestation-service/reference_values.json"
                     : path;
    section.warn("reference values found in " + out.reference_file +
                 " at start are loaded; new ones go to [storage_backend]");
  } else if (type) {
    section.warn(
        "\"LocalFs\" was an embedded database that is not read; register the reference values "
        "again");
  }
  section.finish();
}

void read_rvps(Section section, const StorageTables& tables, AttestationService& out) {
  const auto type = section.read_word("type", {"BuiltIn", "GrpcRemote"});
  section.check_text("address");
  if (type == std::size_t{1}) {
    section.report().not_in_this_build(section.path() + " type = \"GrpcRemote\"; use \"BuiltIn\"");
  }
  out.reference_storage = read_storage_type(section, "storage_type", tables);
  Section extractors = section.table("extractors");
  if (extractors.has("swid_extractor")) {
    extractors.warn("\"swid_extractor\" has no effect: this build has the sample extractor only");
  }
  extractors.accept("swid_extractor");
  extractors.finish();
  read_old_reference_storage(section.table("storage"), out);
  section.dead("store_type", "reference values live in [storage_backend]");
  section.dead("store_config", "reference values live in [storage_backend]");
  std::string remote;
  section.read("remote_addr", remote);
  if (!remote.empty()) {
    section.report().not_in_this_build(section.path() +
                                       " remote_addr; leave it out for the built-in RVPS");
  }
  section.finish();
}

void check_snp(Section section) {
  for (Section& source : section.tables("vcek_sources")) {
    const auto type = source.read_word("type", {"OfflineStore", "KDS"});
    source.require("type");
    if (type == std::size_t{0}) source.check_text("path");
    if (type == std::size_t{1}) source.check_text("base_url");
    source.finish();
  }
  section.finish();
}

/// Keys of the verifiers, so that a slip is found today; the verifiers themselves come later.
void check_verifiers(Section section) {
  check_snp(section.table("snp_verifier"));
  Section dcap = section.table("dcap_verifier");
  dcap.require("collateral_service");
  dcap.check_text("collateral_service");
  (void)dcap.read_word("tcb_update_type", {"early", "standard"});
  dcap.finish();
  Section nvidia = section.table("nvidia_verifier");
  (void)nvidia.read_word("type", {"Local", "Remote"});
  nvidia.check_text("verifier_url");
  nvidia.finish();
  Section dpu = section.table("nvidia_dpu_verifier");
  dpu.check_text("root_ca_cert_path");
  dpu.finish();
  Section tpm = section.table("tpm_verifier");
  tpm.check_text("trusted_ak_keys_dir");
  tpm.check_number("max_trusted_ak_keys", 0, 1 << 30);
  tpm.finish();
  if (section.present()) {
    section.warn("has no effect: this build verifies sample evidence only; real TEEs are refused");
  }
  section.finish();
}

void read_embedded(Section& section, const StorageTables& tables, AttestationService& out) {
  out.policy_storage = read_storage_type(section, "storage_type", tables);
  // What the operator's templates write to this day; the broker's own key counts more.
  Section old_token = section.table("attestation_token_config");
  old_token.read("duration_min", out.broker.duration_min, 1, kTenYears);
  if (old_token.present()) {
    old_token.warn(
        "is read as [attestation_service.attestation_token_broker], its name since v0.11");
  }
  old_token.finish();
  read_broker(section.table("attestation_token_broker"), out);
  read_rvps(section.table("rvps_config"), tables, out);
  check_verifiers(section.table("verifier_config"));
  section.dead("work_dir", "policies and reference values live in [storage_backend]");
  section.dead("policy_engine", "policies are always Rego");
}

void check_grpc(Section& section) {
  section.check_text("as_addr");
  section.check_number("pool_size", 1, 1 << 20);
  section.report().not_in_this_build(
      "[attestation_service] type = \"CoCoASGrpc\", a remote attestation service; use "
      "\"CoCoASBuiltIn\", or "
      "\"None\" for a server that only takes tokens made elsewhere");
}

void check_intel(Section& section) {
  section.require("base_url");
  section.check_text("base_url");
  section.check_secret("api_key", true);
  section.require("certs_file");
  section.check_text("certs_file");
  section.check_texts("policy_ids");
  section.check_flag("allow_unmatched_policy");
  section.report().not_in_this_build(
      "[attestation_service] type = \"IntelTA\", Intel Trust Authority; use \"CoCoASBuiltIn\", or "
      "\"None\" "
      "for a server that only takes tokens made elsewhere");
}

}  // namespace

void read_attestation_service(Section section, const StorageTables& tables,
                              AttestationService& out) {
  section.require("type");
  const auto word = section.read_word("type", {"CoCoASBuiltIn", "coco_as_builtin", "CoCoASGrpc",
                                               "coco_as_grpc", "IntelTA", "intel_ta", "None"});
  static constexpr Type kTypes[] = {Type::embedded, Type::coco_as_grpc, Type::intel_ta, Type::none};
  if (word) out.type = kTypes[*word / 2];
  section.read("timeout", out.timeout_minutes, 1, kTenYears);
  section.read("challenge_key_file", out.challenge_key_file);
  switch (out.type) {
    case Type::embedded:
      read_embedded(section, tables, out);
      break;
    case Type::coco_as_grpc:
      check_grpc(section);
      break;
    case Type::intel_ta:
      check_intel(section);
      break;
    case Type::none:
      break;
  }
  // Without a usable type, the other keys cannot be judged.
  if (word) section.finish();
}

}  // namespace kbs::config
