#include "attestation/embedded/embedded.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

#include "attestation/embedded/appraisal.h"
#include "attestation/embedded/ear.h"
#include "attestation/embedded/init_data.h"
#include "attestation/embedded/policies.h"
#include "attestation/embedded/rvps.h"
#include "attestation/embedded/verifier.h"
#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"

namespace kbs::attestation::embedded {
namespace {

/// One verified piece with what the token says about it.
struct Judged {
  Tee tee;
  VerifiedClaims verified;
  json::object runtime_claims;
  json::value init_data_claims;  ///< null when the guest sent none
};

/// The policy's input and, unchanged, part of the token: the verifier's `report_data` and
/// `init_data` move up, what they were checked against stands beside them. Members sorted by name.
std::string annotated_evidence(Judged& judged) {
  std::map<std::string, json::value> members;
  json::object& claims = judged.verified.claims;
  if (json::value* report = claims.if_contains("report_data")) {
    members["report_data"] = std::move(*report);
    members["runtime_data_claims"] = std::move(judged.runtime_claims);
    claims.erase("report_data");
  }
  if (json::value* init = claims.if_contains("init_data")) {
    members["init_data"] = std::move(*init);
    members["init_data_claims"] = std::move(judged.init_data_claims);
    claims.erase("init_data");
  }
  members[std::string(to_string(judged.tee))] = std::move(claims);
  std::string text = "{";
  for (const auto& [name, value] : members) {
    if (text.size() > 1) text += ',';
    append_json_string(text, name);
    text += ':' + canonical_json(value);
  }
  return text + '}';
}

/// Tokens keep integers as signed 64-bit: anything beyond would change on the way.
bool has_large_integer(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64() > static_cast<std::uint64_t>(INT64_MAX);
  if (value.is_object()) {
    return std::any_of(value.get_object().begin(), value.get_object().end(),
                       [](const auto& member) { return has_large_integer(member.value()); });
  }
  if (value.is_array())
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_large_integer);
  return false;
}

class EmbeddedService final : public AttestationService {
 public:
  EmbeddedService(TokenBroker broker, storage::KeyValuePtr policies, storage::KeyValuePtr values,
                  const Clock& clock)
      : broker_(std::move(broker)),
        policies_(std::move(policies)),
        rvps_(std::move(values), clock),
        clock_(clock) {
    for (std::size_t i = 0; i < kTeeCount; ++i) verifiers_[i] = make_verifier(static_cast<Tee>(i));
  }

  awaitable<Result<>> install_stock_policies() { co_return co_await policies_.install_stock(); }

  awaitable<Result<Challenge>> challenge(Tee tee, json::value) override {
    if (tee == Tee::se) {
      co_return fail(ErrorKind::unsupported,
                     "IBM Secure Execution needs a challenge that this build cannot make");
    }
    std::array<std::byte, 32> nonce;
    crypto::random_bytes(nonce);
    // Whatever hashes the guest offers: this service uses SHA-384, which guests do when nothing is
    // selected.
    co_return Challenge{base64(nonce), "", crypto::HashAlgorithm::sha384};
  }

  awaitable<Result<std::string>> evaluate(std::vector<Evidence> evidence) override {
    if (evidence.empty()) co_return fail(ErrorKind::invalid_request, "there is no evidence");
    std::vector<Judged> judged;
    for (Evidence& piece : evidence) KBS_CO_OK(co_await verify(piece, judged));
    std::map<std::string_view, int> numbers;
    std::vector<Submodule> submodules;
    for (Judged& one : judged) {
      const std::string_view evidence_class = one.verified.evidence_class;
      std::string name = std::string(evidence_class) + std::to_string(numbers[evidence_class]++);
      KBS_CO_TRY(Submodule submodule, co_await appraise(one, std::move(name)));
      submodules.push_back(std::move(submodule));
    }
    co_return broker_.issue(submodules, clock_.now());
  }

  awaitable<Result<>> set_policy(std::string id, std::string text) override {
    auto stored = co_await policies_.set(std::move(id), std::move(text));
    if (stored) changed();
    co_return stored;
  }
  awaitable<Result<>> register_reference_values(std::string message) override {
    auto stored = co_await rvps_.register_message(std::move(message));
    if (stored) changed();
    co_return stored;
  }
  awaitable<Result<std::optional<std::string>>> reference_value(std::string id) override {
    co_return co_await rvps_.query(std::move(id));
  }
  std::optional<SysTime> last_change() const override {
    const std::int64_t micros = last_change_.load();
    if (micros == 0) return std::nullopt;
    return SysTime{std::chrono::microseconds{micros}};
  }
  awaitable<Result<>> health() override {
    KBS_CO_OK(co_await policies_.health());
    co_return co_await rvps_.health();
  }
  std::optional<crypto::PublicKey> own_signing_key() const override { return broker_.public_key(); }

 private:
  void changed() { last_change_.store(clock_.now().time_since_epoch().count()); }

  awaitable<Result<>> verify(Evidence& piece, std::vector<Judged>& into) {
    const std::shared_ptr<Verifier>& verifier = verifiers_[static_cast<std::size_t>(piece.tee)];
    if (!verifier) {
      co_return fail(ErrorKind::unauthenticated, "evidence of `" +
                                                     std::string(to_string(piece.tee)) +
                                                     "` cannot be verified by this build");
    }
    ExpectedBindings expected;
    expected.report_data = crypto::digest(piece.hash, as_bytes(canonical_json(piece.runtime_data)));
    json::value init_claims = nullptr;
    if (piece.init_data) {
      KBS_CO_TRY(ParsedInitData init, parse_init_data(*piece.init_data));
      expected.init_data = std::move(init.digest);
      init_claims = std::move(init.claims);
    }
    if (!broker_.options().verbose_token) piece.runtime_data.erase("additional-evidence");
    KBS_CO_TRY(std::vector<VerifiedClaims> all,
               co_await verifier->verify(piece.evidence, expected));
    for (VerifiedClaims& one : all) {
      if (has_large_integer(one.claims)) {
        co_return fail(ErrorKind::invalid_request, "the evidence holds an integer beyond 63 bits");
      }
      into.push_back({piece.tee, std::move(one), piece.runtime_data, init_claims});
    }
    co_return Result<>();
  }

  awaitable<Result<Submodule>> appraise(Judged& judged, std::string name) {
    std::string policy_id = "default_" + std::string(judged.verified.evidence_class);
    KBS_CO_TRY(auto policy, co_await policies_.get(std::move(policy_id)));
    std::string input = annotated_evidence(judged);
    const ReferenceSource references = [this](std::string id) {
      return rvps_.query(std::move(id));
    };
    auto appraisal = co_await policy->appraise(input, references);
    if (!appraisal) {
      // A policy that cannot be applied proves nothing about this guest: its evidence has not held.
      Error error = std::move(appraisal).error();
      log_error(LogLevel::error, "attestation", "an attestation policy could not be applied", error,
                {{"submodule", name}});
      co_return fail(error.kind == ErrorKind::unavailable ? ErrorKind::unavailable
                                                          : ErrorKind::unauthenticated,
                     "the attestation policy could not be applied to this evidence", error.message);
    }
    co_return Submodule{std::move(name), std::move(*appraisal), std::move(input)};
  }

  TokenBroker broker_;
  Policies policies_;
  Rvps rvps_;
  const Clock& clock_;
  std::array<std::shared_ptr<Verifier>, kTeeCount> verifiers_;
  std::atomic<std::int64_t> last_change_{0};
};

}  // namespace

awaitable<Result<std::shared_ptr<AttestationService>>> make(Options options,
                                                            storage::KeyValuePtr policies,
                                                            storage::KeyValuePtr reference_values,
                                                            const Clock& clock) {
  KBS_CO_TRY(TokenBroker broker, TokenBroker::make(std::move(options.broker)));
  auto service = std::make_shared<EmbeddedService>(std::move(broker), std::move(policies),
                                                   std::move(reference_values), clock);
  KBS_CO_OK(co_await service->install_stock_policies());
  co_return std::shared_ptr<AttestationService>(std::move(service));
}

}  // namespace kbs::attestation::embedded
