#include "attestation/tee.h"

namespace kbs::attestation {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, kTeeCount> kNames = {
    "az-snp-vtpm", "az-tdx-vtpm", "nvidia",   "sgx",        "snp", "tdx",    "cca",
    "csv",         "se",          "hygondcu", "nvidia-dpu", "tpm", "sample", "sampledevice",
};

}  // namespace

std::optional<Tee> tee_from(std::string_view name) noexcept {
  if (name == "nvidiadpu") return Tee::nvidia_dpu;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Tee>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Tee tee) noexcept {
  const auto index = static_cast<std::size_t>(tee);
  return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace kbs::attestation
