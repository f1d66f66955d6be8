#include "policy/stock_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "policy/rego.h"

namespace kbs::policy {
namespace {

/// Reference values by id, as JSON texts.
using References = std::map<std::string, std::string, std::less<>>;

std::string evaluate(std::string_view text, std::string_view rule, std::string_view input,
                     std::string_view data, const References& references = {}) {
  auto policy = RegoPolicy::compile(text, true);
  if (!policy) return "refused: " + describe(policy.error());
  const ReferenceLookup lookup = [&](std::string_view id) -> std::optional<std::string> {
    auto found = references.find(id);
    return found == references.end() ? std::nullopt : std::optional(found->second);
  };
  auto result =
      (*policy)->evaluate(rule, input, data, {std::chrono::seconds{10}, 1u << 20}, &lookup);
  if (!result) return "error: " + describe(result.error());
  return result->value.value_or("undefined");
}

std::string_view stock(std::string_view id) {
  for (const StockPolicy& policy : stock_attestation_policies())
    if (policy.id == id) return policy.text;
  return {};
}

/// A token's claims with these submodules: name → {status, annotated evidence}.
std::string claims(std::string_view submods) {
  return R"({"iss":"x","submods":)" + std::string(submods) + "}";
}

std::string submod(std::string_view status, std::string_view evidence) {
  return R"({"ear.status":")" + std::string(status) + R"(","ear.veraison.annotated-evidence":)" +
         std::string(evidence) + "}";
}

TEST(StockResourcePolicies, DecideAsTheSpecificationSays) {
  const std::string snp = claims(R"({"cpu0":)" + submod("affirming", R"({"snp":{}})") + "}");
  const std::string bad_snp =
      claims(R"({"cpu0":)" + submod("contraindicated", R"({"snp":{}})") + "}");
  const std::string sample = claims(R"({"cpu0":)" + submod("affirming", R"({"sample":{}})") + "}");
  const std::string device =
      claims(R"({"cpu0":)" + submod("affirming", R"({"snp":{}})") + R"(,"gpu0":)" +
             submod("affirming", R"({"sampledevice":{}})") + "}");
  const std::string second = claims(R"({"cpu0":)" + submod("affirming", R"({"snp":{}})") +
                                    R"(,"cpu1":)" + submod("warning", R"({"sample":null})") + "}");
  const std::string no_status =
      claims(R"({"cpu0":{"ear.veraison.annotated-evidence":{"snp":{}}}})");
  const std::string resource = R"({"plugin":"resource","resource-path":["a","b","c"],"query":{}})";
  const std::string other = R"({"plugin":"other","resource-path":[],"query":{}})";
  const std::string_view usual = default_resource_policy(), all = allow_all_resource_policy(),
                         none = deny_all_resource_policy(), affirming = affirming_resource_policy();
  struct Case {
    std::string_view policy;
    std::string input, data;
    const char *want, *why;
  };
  const Case cases[] = {
      {usual, snp, resource, "true", "an attested guest"},
      {usual, bad_snp, resource, "true", "the status is not looked at"},
      {usual, snp, other, "false", "other plugins are denied"},
      {usual, sample, resource, "false", "sample evidence proves nothing"},
      {usual, device, resource, "false", "neither does a sample device beside a real CPU"},
      {usual, second, resource, "false", "in whatever submodule, and however it looks"},
      {usual, claims("{}"), resource, "true", "no cpu0: it will have no key to encrypt to"},
      {usual, "{}", resource, "true", "a token of another kind"},
      {all, sample, resource, "true", "everyone"},
      {all, sample, other, "false", "but only the resource plugin"},
      {none, snp, resource, "false", "nobody"},
      {affirming, snp, resource, "true", "affirmed"},
      {affirming, snp, other, "true", "any plugin"},
      {affirming, bad_snp, resource, "false", "contraindicated"},
      {affirming, second, resource, "false", "one of two is not affirmed"},
      {affirming, no_status, resource, "false", "no status is no affirmation"},
      {affirming, claims("{}"), resource, "false", "nothing is no affirmation"},
      {affirming, "{}", resource, "false", "no submodules at all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(evaluate(c.policy, "data.policy.allow", c.input, c.data), c.want);
  }
}

/// "hardware/executables/configuration" of the vector, which must have all eight claims, the others
/// 0.
std::string vector_of(std::string_view policy_id, std::string_view input,
                      const References& references) {
  const std::string text =
      evaluate(stock(policy_id), "data.policy.trust_claims", input, "{}", references);
  auto parsed = parse_json_object(text);
  if (!parsed) return text;
  std::string seen;
  for (const char* name : {"hardware", "executables", "configuration"})
    seen += (seen.empty() ? "" : "/") + (parsed->contains(name) ? to_json(parsed->at(name)) : "?");
  for (const char* name :
       {"instance-identity", "file-system", "runtime-opaque", "storage-opaque", "sourced-data"})
    if (!parsed->contains(name) || parsed->at(name) != 0) seen += std::string(" ") + name;
  if (parsed->size() != 8) seen += " size";
  return seen;
}

References without(References references, std::string_view id) {
  references.erase(references.find(id));
  return references;
}

References with(References references, const std::string& id, const std::string& value) {
  references[id] = value;
  return references;
}

const References kSample = {{"launch_digest", R"(["abcde"])"},
                            {"svn", R"(["1"])"},
                            {"major_version", "1"},
                            {"minimum_minor_version", "4"}};
constexpr std::string_view kSampleInput =
    R"({"report_data":"x","runtime_data_claims":{},"sample":{"svn":"1","launch_digest":"abcde",)"
    R"("platform_version":{"major":1,"minor":4},"debug":false}})";

TEST(StockCpuPolicy, Sample) {
  std::string debug(kSampleInput);
  debug.replace(debug.find("false"), 5, "true");
  struct Case {
    std::string input;
    References references;
    const char *want, *why;
  };
  const std::string usual(kSampleInput);
  const Case cases[] = {
      {usual, {}, "97/33/2", "no reference values"},
      {usual, kSample, "2/3/2", "all four"},
      {usual, with(kSample, "minimum_minor_version", "1"), "2/3/2", "newer than the minimum"},
      {usual, with(kSample, "minimum_minor_version", "5"), "97/3/2", "older than the minimum"},
      {usual, without(kSample, "minimum_minor_version"), "97/3/2", "no minimum is no approval"},
      {usual, with(kSample, "minimum_minor_version", R"(["1"])"), "97/3/2",
       "a minimum must be a number"},
      {usual, with(kSample, "major_version", "2"), "97/3/2", "another major version"},
      {usual, with(kSample, "svn", R"(["2"])"), "97/3/2", "another svn"},
      {usual, with(kSample, "svn", R"("1")"), "97/3/2", "not a list"},
      {usual, without(kSample, "launch_digest"), "2/33/2", "unknown digest"},
      {debug, kSample, "2/3/36", "debugging"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(vector_of("default_cpu", c.input, c.references), c.want);
  }
}

const References kSnp = {
    {"snp_launch_measurement", R"(["m"])"},
    {"snp_bootloader", "[3]"},
    {"snp_microcode", "[115]"},
    {"snp_snp_svn", "[8]"},
    {"snp_tee_svn", "[0]"},
    {"snp_smt_enabled", "true"},
    {"snp_tsme_enabled", "false"},
    {"snp_guest_abi_major", "0"},
    {"snp_guest_abi_minor", "31"},
    {"snp_single_socket", "false"},
    {"snp_smt_allowed", "true"},
};

std::string snp_input(std::string_view debug, std::string_view migrate) {
  return R"({"snp":{"measurement":"m","reported_tcb_bootloader":3,"reported_tcb_microcode":115,"reported_tcb_snp":8,)"
         R"("reported_tcb_tee":0,"platform_smt_enabled":true,"platform_tsme_enabled":false,"policy_abi_major":0,)"
         R"("policy_abi_minor":31,"policy_single_socket":false,"policy_smt_allowed":true,"policy_debug_allowed":)" +
         std::string(debug) + R"(,"policy_migrate_ma":)" + std::string(migrate) + "}}";
}

TEST(StockCpuPolicy, Snp) {
  struct Case {
    std::string input;
    References references;
    const char *want, *why;
  };
  const std::string usual = snp_input("false", "false");
  const Case cases[] = {
      {usual, {}, "97/33/3", "no reference values: only the two key settings"},
      {usual, kSnp, "2/3/2", "all of them"},
      {usual, without(kSnp, "snp_smt_allowed"), "2/3/3", "one setting not registered"},
      {usual, with(kSnp, "snp_guest_abi_minor", "[31]"), "2/3/3", "equality, not membership"},
      {usual, with(kSnp, "snp_tee_svn", "[1]"), "97/3/2", "an old TCB"},
      {usual, with(kSnp, "snp_launch_measurement", R"(["n"])"), "2/33/2", "another image"},
      {snp_input("true", "false"), kSnp, "2/3/36", "debugging allowed"},
      {snp_input("false", "true"), kSnp, "2/3/36", "migration allowed"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(vector_of("default_cpu", c.input, c.references), c.want);
  }
}

const References kTdx = {{"rtmr_1", R"(["r1"])"},  {"rtmr_2", R"(["r2"])"},
                         {"mr_td", R"(["mr"])"},   {"xfam", R"(["x"])"},
                         {"tdvfkernel", R"("k")"}, {"tdvfkernelparams", R"("p")"},
                         {"tdx_pcr11", R"(["p"])"}};

std::string tdx_input(std::string_view kernel, std::string_view status = "UpToDate",
                      std::string_view debug = "false") {
  return R"({"tdx":{"quote":{"header":{"tee_type":"81000000","vendor_id":"939a7233f79c4ca9940a0db3957f0607"},)"
         R"("body":{"rtmr_1":"r1","rtmr_2":"r2","mr_td":"mr","xfam":"x"}},"tcb_status":")" +
         std::string(status) + R"(","collateral_expiration_status":"0","td_attributes":{"debug":)" +
         std::string(debug) +
         R"(},"uefi_event_logs":[{"type_name":"EV_SEPARATOR","details":{},"digests":[{"alg":"SHA384","digest":"z"}]},)"
         R"x({"type_name":"EV_EFI_BOOT_SERVICES_APPLICATION","details":{"device_paths":["File(kernel)"]},)x"
         R"("digests":[{"alg":"SHA384","digest":")" +
         std::string(kernel) +
         R"("}]},{"type_name":"EV_EVENT_TAG","details":{"string":"LOADED_IMAGE::LoadOptions"},)"
         R"("digests":[{"alg":"SHA384","digest":"p"}]}]}})";
}

TEST(StockCpuPolicy, Tdx) {
  struct Case {
    std::string input;
    References references;
    const char *want, *why;
  };
  const Case cases[] = {
      {tdx_input("k"), {}, "97/33/36", "no reference values"},
      {tdx_input("k"), kTdx, "2/3/2", "all of them"},
      {tdx_input("other"), kTdx, "2/4/2", "booted through GRUB: only the registers"},
      {tdx_input("k"), without(kTdx, "tdvfkernelparams"), "2/4/2", "parameters not registered"},
      {tdx_input("k"), without(kTdx, "rtmr_2"), "2/33/2", "a register not registered"},
      {tdx_input("k", "OutOfDate"), kTdx, "97/3/2", "an old TCB"},
      {tdx_input("k", "UpToDate", "true"), kTdx, "2/3/36", "debugging"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(vector_of("default_cpu", c.input, c.references), c.want);
  }
}

TEST(StockCpuPolicy, TheOtherKinds) {
  const References azure = {
      {"measurement", R"(["m"])"}, {"snp_pcr11", R"(["p"])"},   {"tcb_bootloader", "[3]"},
      {"tcb_microcode", "[1]"},    {"tcb_snp", "[8]"},          {"tcb_tee", "[0]"},
      {"smt_enabled", "[true]"},   {"tsme_enabled", "[true]"},  {"abi_major", "[0]"},
      {"abi_minor", "[31]"},       {"single_socket", "[true]"}, {"smt_allowed", "[true]"}};
  const std::string az_snp =
      R"({"az-snp-vtpm":{"measurement":"m","tpm":{"pcr11":"p"},"reported_tcb_bootloader":3,"reported_tcb_microcode":1,)"
      R"("reported_tcb_snp":8,"reported_tcb_tee":0,"platform_smt_enabled":true,"platform_tsme_enabled":true,)"
      R"("policy_abi_major":0,"policy_abi_minor":31,"policy_single_socket":true,"policy_smt_allowed":true}})";
  const std::string az_tdx =
      R"({"az-tdx-vtpm":{"quote":{"header":{"tee_type":"81000000","vendor_id":"939a7233f79c4ca9940a0db3957f0607"},)"
      R"("body":{"mr_td":"mr","xfam":"x"}},"tcb_status":"UpToDate","tpm":{"pcr11":"p"}}})";
  const References tpm = {{"tpm_pcr11", R"(["p"])"}, {"trusted_aks", R"(["ak"])"}};
  struct Case {
    std::string input;
    References references;
    const char *want, *why;
  };
  const Case cases[] = {
      {az_snp, {}, "97/33/36", "az-snp-vtpm without reference values"},
      {az_snp, azure, "2/3/2", "az-snp-vtpm with all"},
      {az_snp, without(azure, "snp_pcr11"), "2/33/2", "az-snp-vtpm needs both measurements"},
      {az_snp, with(azure, "abi_minor", "31"), "2/3/36", "az-snp-vtpm: membership, not equality"},
      {az_tdx, {}, "97/33/36", "az-tdx-vtpm without reference values"},
      {az_tdx, kTdx, "2/3/2", "az-tdx-vtpm with all"},
      {R"({"tpm":{"pcr11":"p","ak_public":"ak"}})", {}, "2/33/0", "tpm without reference values"},
      {R"({"tpm":{"pcr11":"p","ak_public":"ak"}})", tpm, "2/3/0", "tpm with both"},
      {R"({"tpm":{"pcr11":"p","ak_public":"ak"}})", without(tpm, "trusted_aks"), "2/33/0",
       "tpm with an unknown key"},
      {R"({"se":{"tag":"t"}})", {}, "2/3/2", "se: the verifier has checked everything"},
      {R"({"sgx":{"tcb_status":"UpToDate"}})", kTdx, "97/33/36", "sgx has no rules"},
      {R"({"cca":{}})", {}, "97/33/36", "cca has no rules"},
      {R"({"csv":{}})", {}, "97/33/36", "csv has no rules"},
      {"{}", {}, "97/33/36", "nothing at all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(vector_of("default_cpu", c.input, c.references), c.want);
  }
}

TEST(StockCpuPolicy, NamesImagesAndUsersOfTheGuestsContainers) {
  const std::string head = R"([{"key":-18,"name":"ear.trustee.identifiers","value":{"validated":)";
  const auto container = [](std::string_view annotations, std::string_view process) {
    return R"({"OCI":{"Annotations":)" + std::string(annotations) + R"(,"Process":)" +
           std::string(process) + "}}";
  };
  const std::string image = R"({"io.kubernetes.cri.image-name":"img"})";
  struct Case {
    std::string containers, want;
    const char* why;
  };
  const Case cases[] = {
      {"[" + container(image, R"({"User":{"UID":65534}})") + "," +
           container("{}", R"({"User":{"UID":0}})") + "]",
       R"({"container_images":["img"],"container_uids":[65534,0]}}}])", "both, in order"},
      {"[" + container(image, "{}") + "]", R"({"container_images":["img"]}}}])", "only images"},
      {"[" + container("{}", R"({"User":{"UID":1}})") + "]", R"({"container_uids":[1]}}}])",
       "only users"},
      {"[]", "{}}}]", "no containers"},
      {"5", "{}}}]", "no list"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string input = R"({"init_data_claims":{"agent_policy_claims":{"containers":)" +
                              c.containers + R"(}},"snp":{}})";
    EXPECT_EQ(evaluate(stock("default_cpu"), "data.policy.extensions", input, "{}"), head + c.want);
  }
  EXPECT_EQ(evaluate(stock("default_cpu"), "data.policy.extensions", R"({"init_data_claims":null})",
                     "{}"),
            head + "{}}}]");
}

std::string gpu_input(std::string_view measres, std::string_view secboot = "true") {
  std::string members;
  for (const char* name :
       {"gpu-driver-rim-fetched", "gpu-driver-rim-measurements-available",
        "gpu-driver-rim-schema-validated", "gpu-driver-rim-signature-verified",
        "gpu-driver-rim-version-match", "gpu-vbios-rim-fetched",
        "gpu-vbios-rim-measurements-available", "gpu-vbios-rim-schema-validated",
        "gpu-vbios-rim-signature-verified", "gpu-vbios-rim-version-match",
        "gpu-attestation-report-cert-chain-fwid-match", "gpu-attestation-report-parsed",
        "gpu-attestation-report-signature-verified", "gpu-arch-check"})
    members += R"("x-nvidia-)" + std::string(name) + R"(":true,)";
  for (const char* chain : {"gpu-attestation-report-cert-chain", "gpu-vbios-rim-cert-chain"})
    members += R"("x-nvidia-)" + std::string(chain) +
               R"(":{"x-nvidia-cert-ocsp-status":"good","x-nvidia-cert-status":"valid"},)";
  return R"({"nvidia":{)" + members +
         R"("x-nvidia-gpu-vbios-version":"v","x-nvidia-gpu-driver-version":"d",)" +
         R"("dbgstat":"disabled","secboot":)" + std::string(secboot) + R"(,"measres":")" +
         std::string(measres) + "\"}}";
}

TEST(StockDevicePolicies, DecideAsTheSpecificationSays) {
  const References gpu = {{"allowed_vbios_versions", R"(["v"])"},
                          {"allowed_driver_versions", R"(["d"])"}};
  struct Case {
    const char* policy;
    std::string input;
    References references;
    const char *want, *why;
  };
  const Case cases[] = {
      {"default_gpu", gpu_input("success"), gpu, "2/3/2", "a GPU with all its claims good"},
      {"default_gpu", gpu_input("success"), {}, "2/3/3", "versions not registered"},
      {"default_gpu", gpu_input("fail"), gpu, "2/33/2", "measurements differ"},
      {"default_gpu", gpu_input("success", "false"), gpu, "2/3/36", "secure boot off"},
      {"default_gpu", R"({"sampledevice":{"svn":"2"}})", {}, "97/33/36", "a sample device"},
      {"default_gpu",
       R"({"sampledevice":{"svn":"2"}})",
       {{"device_svn", R"(["2"])"}},
       "97/33/36",
       "a sample device stays what it is, whatever is registered"},
      {"default_gpu", "{}", {}, "97/33/36", "nothing"},
      {"default_switch", gpu_input("success"), gpu, "97/33/3", "a GPU's claims are no switch's"},
      {"default_switch", "{}", {}, "97/33/36", "nothing"},
      {"default_ppcie",
       R"({"nvidia":{"gpu_count":8,"switch_count":4}})",
       {},
       "0/0/2",
       "a valid topology"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(vector_of(c.policy, c.input, c.references), c.want);
  }
}

TEST(StockPolicies, AreThoseOfTheFourClasses) {
  std::vector<std::string_view> ids;
  for (const StockPolicy& policy : stock_attestation_policies()) ids.push_back(policy.id);
  EXPECT_THAT(
      ids, ::testing::ElementsAre("default_cpu", "default_gpu", "default_switch", "default_ppcie"));
}

}  // namespace
}  // namespace kbs::policy
