#pragma once
/// The policies a fresh server starts with, and those `kbs-client` can upload by name. Our own
/// texts; meaning in spec/policy.md §6 and spec/attestation-service.md §9.

#include <span>
#include <string_view>

namespace kbs::policy {

/// Resource policies (package policy, rule allow).
std::string_view
default_resource_policy();  ///< any attested guest but `sample` and `sampledevice`; plugin resource
std::string_view allow_all_resource_policy();  ///< plugin resource only
std::string_view deny_all_resource_policy();
std::string_view affirming_resource_policy();

/// Attestation policies by id ("default_cpu", …).
struct StockPolicy {
  std::string_view id;
  std::string_view text;
};
std::span<const StockPolicy> stock_attestation_policies();

}  // namespace kbs::policy
