#include "attestation/embedded/appraisal.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

namespace kbs::attestation::embedded {
namespace {

constexpr std::string_view kVectorRule = "data.policy.trust_claims";
constexpr std::string_view kExtensionsRule = "data.policy.extensions";
// A policy that asks for ids it computes from answers can go on for a while; not for ever.
constexpr int kMaxRounds = 64;
constexpr std::size_t kMaxIds = 4096;
// Ids remembered for fetching ahead: a policy's own, not those a guest makes it compute.
constexpr std::size_t kMaxAhead = 64;

using References = std::map<std::string, std::optional<std::string>, std::less<>>;

auto bad_policy(std::string what, boost::source_location where = BOOST_CURRENT_LOCATION) {
  return fail(ErrorKind::internal, "the attestation policy's answer cannot be used: " + what, {},
              where);
}

Result<std::int8_t> trust_value(std::string_view name, const json::value& value) {
  if (!value.is_int64() || value.get_int64() < -128 || value.get_int64() > 127) {
    return bad_policy("`" + std::string(name) + "` is not an integer from -128 to 127");
  }
  return static_cast<std::int8_t>(value.get_int64());
}

Result<> read_vector(std::string_view text, Appraisal& appraisal) {
  auto claims = parse_json(text);
  if (!claims || !claims->is_object()) return bad_policy("`trust_claims` is not an object");
  for (const auto& member : claims->get_object()) {
    const auto known =
        std::find(kTrustClaims.begin(), kTrustClaims.end(), std::string_view(member.key()));
    if (known == kTrustClaims.end()) {
      return bad_policy("`" + std::string(member.key()) + "` is not a trust claim of AR4SI");
    }
    KBS_TRY(appraisal.vector[static_cast<std::size_t>(known - kTrustClaims.begin())],
            trust_value(member.key(), member.value()));
  }
  const bool any = std::any_of(appraisal.vector.begin(), appraisal.vector.end(),
                               [](const auto& v) { return v.has_value(); });
  if (!any) return bad_policy("`trust_claims` is empty");
  return {};
}

bool is_int32(const json::value& value) {
  return value.is_int64() && value.get_int64() >= INT32_MIN && value.get_int64() <= INT32_MAX;
}

/// Members of the appraisal that extensions must not take the place of.
bool is_reserved(std::string_view name) {
  return name == "ear.status" || name == "ear.trustworthiness-vector" ||
         name == "ear.appraisal-policy-id" || name == "ear.veraison.annotated-evidence";
}

Result<> read_extensions(std::string_view text, Appraisal& appraisal) {
  auto list = parse_json(text);
  if (!list || !list->is_array()) return bad_policy("`extensions` is not an array");
  std::set<std::string, std::less<>> names;
  std::set<std::int64_t> keys;
  for (json::value& item : list->get_array()) {
    json::object* extension = item.if_object();
    const auto name = extension ? string_member(*extension, "name") : std::nullopt;
    const json::value* key = extension ? extension->if_contains("key") : nullptr;
    json::value* value = extension ? extension->if_contains("value") : nullptr;
    if (!name || !key || !value || !is_int32(*key)) {
      return bad_policy("an extension needs `name` (string), `key` (32-bit integer) and `value`");
    }
    if (is_reserved(*name))
      return bad_policy("extension `" + std::string(*name) + "` has a reserved name");
    if (!names.emplace(*name).second || !keys.insert(key->get_int64()).second) {
      return bad_policy("extension `" + std::string(*name) + "` repeats a name or key");
    }
    appraisal.extensions.push_back({std::string(*name), std::move(*value)});
  }
  return {};
}

}  // namespace

std::string_view to_string(Tier tier) noexcept {
  switch (tier) {
    case Tier::none:
      return "none";
    case Tier::affirming:
      return "affirming";
    case Tier::warning:
      return "warning";
    case Tier::contraindicated:
      return "contraindicated";
  }
  return "none";
}

Tier tier_of(int value) noexcept {
  if (value >= -1 && value <= 1) return Tier::none;
  if (value >= -32 && value <= 31) return Tier::affirming;
  if (value >= -96 && value <= 95) return Tier::warning;
  return Tier::contraindicated;
}

Tier Appraisal::status() const noexcept {
  Tier worst = Tier::none;
  for (const auto& value : vector) {
    if (value) worst = std::max(worst, tier_of(*value));
  }
  return worst;
}

struct AttestationPolicy::Asked {
  std::mutex mutex;
  std::set<std::string, std::less<>> ids;
};

Result<std::shared_ptr<AttestationPolicy>> AttestationPolicy::compile(std::string_view text) {
  auto policy = std::make_shared<AttestationPolicy>();
  KBS_TRY(policy->policy_, policy::RegoPolicy::compile(text, true));
  policy->asked_ = std::make_shared<Asked>();
  return policy;
}

namespace {

awaitable<Result<>> fetch(const ReferenceSource& source,
                          const std::set<std::string, std::less<>>& ids, References& into) {
  for (const std::string& id : ids) {
    if (into.contains(id)) continue;
    KBS_CO_TRY(std::optional<std::string> value, co_await source(id));
    into.emplace(id, std::move(value));
  }
  co_return Result<>();
}

/// Both rules on the values at hand; ids that were asked for and are not at hand go to `missing`.
Result<Appraisal> apply(const policy::RegoPolicy& policy, const policy::RegoInput& input,
                        const References& values, std::set<std::string, std::less<>>& missing) {
  const policy::ReferenceLookup lookup = [&](std::string_view id) -> std::optional<std::string> {
    if (auto found = values.find(id); found != values.end()) return found->second;
    missing.emplace(id);
    return std::nullopt;
  };
  Appraisal appraisal;
  KBS_TRY(policy::Evaluation claims, policy.evaluate(kVectorRule, input, "{}", {}, &lookup));
  KBS_TRY(policy::Evaluation extensions,
          policy.evaluate(kExtensionsRule, input, "{}", {}, &lookup));
  if (!missing.empty()) return appraisal;  // judged again once they are here
  if (claims.value) {
    KBS_OK(read_vector(*claims.value, appraisal));
  } else {
    appraisal.vector.fill(std::int8_t{0});
  }
  if (extensions.value) KBS_OK(read_extensions(*extensions.value, appraisal));
  return appraisal;
}

}  // namespace

awaitable<Result<Appraisal>> AttestationPolicy::appraise(std::string input,
                                                         const ReferenceSource& references) {
  KBS_CO_TRY(auto parsed, policy::RegoInput::parse(input));
  std::set<std::string, std::less<>> wanted;
  {
    std::lock_guard lock(asked_->mutex);
    wanted = asked_->ids;
  }
  References values;
  for (int round = 0; round < kMaxRounds; ++round) {
    KBS_CO_OK(co_await fetch(references, wanted, values));
    std::set<std::string, std::less<>> missing;
    auto appraisal = apply(*policy_, *parsed, values, missing);
    if (missing.empty()) co_return appraisal;
    if (values.size() + missing.size() > kMaxIds) break;
    {
      std::lock_guard lock(asked_->mutex);
      if (asked_->ids.size() + missing.size() <= kMaxAhead)
        asked_->ids.insert(missing.begin(), missing.end());
    }
    wanted = std::move(missing);
  }
  co_return bad_policy("it asks for reference values without end");
}

}  // namespace kbs::attestation::embedded
