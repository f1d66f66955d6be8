#include "attestation/embedded/sample/sample_verifier.h"

#include "crypto/digest.h"

namespace kbs::attestation::embedded {
namespace {

struct SampleEvidence {
  std::string svn;
  std::string report_data;  ///< standard base64, as sent
};

Result<SampleEvidence> parse(const json::value& value) {
  if (!value.is_object())
    return fail(ErrorKind::invalid_request, "sample evidence must be an object");
  const json::object& evidence = value.get_object();
  const auto svn = string_member(evidence, "svn");
  if (!svn) return fail(ErrorKind::invalid_request, "sample evidence: `svn` must be a string");
  SampleEvidence parsed{std::string(*svn), ""};
  if (const json::value* data = evidence.if_contains("report_data")) {
    if (!data->is_string())
      return fail(ErrorKind::invalid_request, "sample evidence: `report_data` must be a string");
    parsed.report_data = data->get_string();
  }
  return parsed;
}

/// Equal byte for byte: the digest itself, neither cut nor padded.
Result<> check_binding(const SampleEvidence& evidence, const ExpectedBindings& expected) {
  auto bound = from_base64(evidence.report_data);
  if (!bound)
    return fail(ErrorKind::invalid_request,
                "sample evidence: `report_data` must be standard base64");
  if (!crypto::equal_in_constant_time(*bound, expected.report_data)) {
    return fail(ErrorKind::unauthenticated, "the evidence is not bound to this nonce and key");
  }
  return {};
}

/// What the `sample` attester's imaginary hardware would have measured.
void add_platform_claims(json::object& claims, const ExpectedBindings& expected) {
  claims["launch_digest"] = "abcde";
  claims["platform_version"] = json::object{{"major", 1}, {"minor", 4}};
  claims["debug"] = false;
  // Echoed, not verified: there is no hardware that measured it.
  if (expected.init_data) claims["init_data"] = base64(*expected.init_data);
}

class SampleVerifier final : public Verifier {
 public:
  explicit SampleVerifier(bool is_device) : is_device_(is_device) {}

  awaitable<Result<std::vector<VerifiedClaims>>> verify(const json::value& evidence,
                                                        const ExpectedBindings& expected) override {
    KBS_CO_TRY(SampleEvidence sample, parse(evidence));
    KBS_CO_OK(check_binding(sample, expected));
    json::object claims;
    claims["svn"] = sample.svn;
    claims["report_data"] = sample.report_data;
    if (!is_device_) add_platform_claims(claims, expected);
    std::vector<VerifiedClaims> all;
    all.push_back({std::move(claims), is_device_ ? "gpu" : "cpu"});
    co_return all;
  }

 private:
  bool is_device_;
};

}  // namespace

std::shared_ptr<Verifier> make_sample_verifier() { return std::make_shared<SampleVerifier>(false); }
std::shared_ptr<Verifier> make_sample_device_verifier() {
  return std::make_shared<SampleVerifier>(true);
}

}  // namespace kbs::attestation::embedded
