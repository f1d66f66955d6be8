#pragma once
/// The kinds of trusted execution environment, by their wire names.

#include <array>
#include <optional>
#include <string_view>

namespace kbs::attestation {

enum class Tee {
  az_snp_vtpm,
  az_tdx_vtpm,
  nvidia,
  sgx,
  snp,
  tdx,
  cca,
  csv,
  se,
  hygondcu,
  nvidia_dpu,
  tpm,
  sample,
  sampledevice,
};
inline constexpr std::size_t kTeeCount = 14;

/// Exact, case-sensitive; `nvidiadpu` is an alias of `nvidia-dpu`.
std::optional<Tee> tee_from(std::string_view name) noexcept;
std::string_view to_string(Tee tee) noexcept;

}  // namespace kbs::attestation
