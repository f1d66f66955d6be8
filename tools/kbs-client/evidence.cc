#include "kbs-client/evidence.h"

#include <boost/json/object.hpp>

#include "base/log.h"

namespace kbs::client {
namespace {

/// {"svn":…,"report_data":…}: the whole of a sample evidence.
class Sample final : public Attester {
 public:
  Sample(std::string_view tee, std::string_view svn) : tee_(tee), svn_(svn) {}
  std::string_view tee() const noexcept override { return tee_; }
  Result<json::value> evidence(std::span<const std::byte> report_data) const override {
    json::object evidence;
    evidence["svn"] = svn_;
    evidence["report_data"] = base64(report_data);
    return json::value(std::move(evidence));
  }

 private:
  std::string_view tee_;
  std::string_view svn_;
};

}  // namespace

std::unique_ptr<Attester> sample_attester() { return std::make_unique<Sample>("sample", "1"); }
std::unique_ptr<Attester> sample_device_attester() {
  return std::make_unique<Sample>("sampledevice", "2");
}

AttesterSet detect_attesters(bool with_sample_device) {
  KBS_LOG(warn, "evidence",
          "No TEE platform detected. Sample evidence will be used, which vouches for nothing.");
  AttesterSet set;
  set.primary = sample_attester();
  if (with_sample_device) set.devices.push_back(sample_device_attester());
  return set;
}

std::string runtime_data_text(std::string_view nonce, const json::object& jwk,
                              std::optional<std::string_view> additional_evidence) {
  json::object data;
  if (additional_evidence) data["additional-evidence"] = *additional_evidence;
  data["nonce"] = nonce;
  data["tee-pubkey"] = jwk;
  return canonical_json(data);
}

Result<json::object> make_evidence(const AttesterSet& attesters, std::string_view nonce,
                                   const json::object& jwk, crypto::HashAlgorithm hash) {
  std::string additional;
  if (!attesters.devices.empty()) {
    const Bytes bound = crypto::digest(hash, as_bytes(runtime_data_text(nonce, jwk, std::nullopt)));
    json::object devices;
    for (const auto& device : attesters.devices) {
      KBS_TRY(json::value evidence, device->evidence(bound));
      devices[device->tee()] = std::move(evidence);
    }
    additional = to_json(devices);
  }
  const Bytes bound = crypto::digest(hash, as_bytes(runtime_data_text(nonce, jwk, additional)));
  json::object evidence;
  KBS_TRY(evidence["primary_evidence"], attesters.primary->evidence(bound));
  evidence["additional_evidence"] = additional;
  return evidence;
}

Result<crypto::HashAlgorithm> selected_hash(const json::value& extra_params) {
  const json::object* object = extra_params.if_object();
  const json::value* selected = object ? object->if_contains("selected-hash-algorithm") : nullptr;
  if (!selected) return crypto::HashAlgorithm::sha384;
  const json::string* name = selected->if_string();
  if (!name)
    return fail(ErrorKind::unsupported,
                "the challenge selects a hash algorithm that is not a string");
  std::string lower(name->begin(), name->end());
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  auto algorithm = crypto::hash_algorithm_from(lower);
  if (!algorithm) {
    return fail(ErrorKind::unsupported,
                "the challenge selects an unknown hash algorithm: " + to_valid_utf8(lower));
  }
  return *algorithm;
}

}  // namespace kbs::client
