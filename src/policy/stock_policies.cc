#include "policy/stock_policies.h"

#include <array>

namespace kbs::policy {
namespace {

#include "stock/affirming_resource.inc"
#include "stock/allow_all_resource.inc"
#include "stock/default_cpu.inc"
#include "stock/default_gpu.inc"
#include "stock/default_ppcie.inc"
#include "stock/default_resource.inc"
#include "stock/default_switch.inc"
#include "stock/deny_all_resource.inc"

constexpr std::array<StockPolicy, 4> kAttestation = {{
    {"default_cpu", kDefaultCpu},
    {"default_gpu", kDefaultGpu},
    {"default_switch", kDefaultSwitch},
    {"default_ppcie", kDefaultPpcie},
}};

}  // namespace

std::string_view default_resource_policy() { return kDefaultResource; }
std::string_view allow_all_resource_policy() { return kAllowAllResource; }
std::string_view deny_all_resource_policy() { return kDenyAllResource; }
std::string_view affirming_resource_policy() { return kAffirmingResource; }
std::span<const StockPolicy> stock_attestation_policies() { return kAttestation; }

}  // namespace kbs::policy
