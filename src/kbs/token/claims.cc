#include <array>

#include "kbs/token/token.h"

namespace kbs::token {
namespace {

constexpr std::string_view kAnnotated = "/submods/cpu0/ear.veraison.annotated-evidence";

// In this order; the first place that exists decides, usable or not (spec/attestation-token.md §5).
constexpr std::array<std::string_view, 5> kTeeKeyPaths = {
    "/tdx/attester_runtime_data/tee-pubkey",
    "/tdx/attester_user_data/tee-pubkey",
    "/customized_claims/runtime_data/tee-pubkey",
    "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey",
    "/tee-pubkey",
};

const json::value* find_tee_key(const json::value& claims, const std::vector<std::string>& extra) {
  for (const std::string& path : extra) {
    if (const json::value* found = find_pointer(claims, path)) return found;
  }
  for (std::string_view path : kTeeKeyPaths) {
    if (const json::value* found = find_pointer(claims, path)) return found;
  }
  return nullptr;
}

bool is_common_evidence_member(std::string_view name) {
  return name == "init_data" || name == "init_data_claims" || name == "report_data" ||
         name == "runtime_data_claims";
}

/// The EAR names the TEE by the member that holds the verifier's claims; the legacy token has
/// `tee`.
std::string tee_name(const json::value& claims) {
  if (const json::value* evidence = find_pointer(claims, kAnnotated);
      evidence && evidence->is_object()) {
    for (const auto& member : evidence->get_object()) {
      if (!is_common_evidence_member(member.key())) return std::string(member.key());
    }
  }
  if (const json::value* legacy = find_pointer(claims, "/tee"); legacy && legacy->is_string()) {
    return std::string(legacy->get_string());
  }
  return find_pointer(claims, "/tdx") ? "tdx" : "";
}

std::optional<std::int64_t> integer_claim(const json::value& claims, std::string_view path) {
  const json::value* found = find_pointer(claims, path);
  if (!found) return std::nullopt;
  if (found->is_int64()) return found->get_int64();
  if (found->is_double() && found->get_double() > -9e15 && found->get_double() < 9e15) {
    return static_cast<std::int64_t>(found->get_double());
  }
  return std::nullopt;
}

}  // namespace

ClaimFacts read_claims(const json::value& claims, const std::vector<std::string>& extra_paths) {
  const json::value* key = find_tee_key(claims, extra_paths);
  Result<crypto::TeePublicKey> tee_key =
      key ? crypto::TeePublicKey::from_jwk(*key)
          : Result<crypto::TeePublicKey>(
                fail(ErrorKind::unauthenticated, "the token holds no TEE public key"));
  std::string init_data;
  if (const json::value* found = find_pointer(claims, std::string(kAnnotated) + "/init_data");
      found && found->is_string()) {
    init_data = std::string(found->get_string());
  }
  return {std::move(tee_key), tee_name(claims), std::move(init_data),
          integer_claim(claims, "/iat")};
}

}  // namespace kbs::token
