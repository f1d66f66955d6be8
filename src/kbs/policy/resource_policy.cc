#include "kbs/policy/resource_policy.h"

#include "base/json.h"
#include "base/log.h"
#include "policy/stock_policies.h"

namespace kbs {
namespace {

constexpr const char* kKey = "resource-policy.rego";
constexpr std::string_view kSuffix = ".rego";
constexpr std::string_view kRule = "data.policy.allow";
// A file may be edited by hand and a shared store by another replica: looked at again this often.
constexpr std::chrono::microseconds kCheckEvery{std::chrono::seconds{1}};

std::int64_t micros(SteadyTime t) {
  return std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch()).count();
}

/// {"plugin":…,"resource-path":[…],"query":{…},"method":…}: what the reference gives, and the
/// method.
std::string policy_data(std::string_view plugin, const plugins::Call& call) {
  std::string data = R"({"plugin":)";
  append_json_string(data, plugin);
  data += R"(,"resource-path":[)";
  for (const std::string& segment : call.path) {
    if (&segment != &call.path.front()) data += ',';
    append_json_string(data, segment);
  }
  data += R"(],"query":{)";
  bool first = true;
  for (const auto& [key, value] : call.query) {
    if (!first) data += ',';
    first = false;
    append_json_string(data, key);
    data += ':';
    append_json_string(data, value);
  }
  data += R"(},"method":)";
  append_json_string(data, call.request.method_name);
  data += '}';
  return data;
}

}  // namespace

awaitable<Result<std::shared_ptr<ResourcePolicy>>> ResourcePolicy::open(storage::KeyValuePtr store,
                                                                        std::string initial,
                                                                        const Clock& clock,
                                                                        metrics::Metrics& metrics) {
  std::shared_ptr<ResourcePolicy> policy(new ResourcePolicy(std::move(store), clock, metrics));
  if (initial.empty()) initial = policy::default_resource_policy();
  Secret text = Secret::from_text(initial);
  KBS_CO_TRY(bool stored, co_await policy->store_->set(kKey, std::move(text), false));
  (void)stored;
  KBS_CO_OK(co_await policy->refresh(true));
  if (auto compiled = policy->current(); !compiled) {
    log_error(LogLevel::error, "policy",
              "the stored resource policy does not compile: every attested request is refused "
              "until it is "
              "replaced",
              compiled.error());
  }
  co_return policy;
}

void ResourcePolicy::replace(Compiled compiled, std::string text,
                             std::optional<std::uint64_t> expected) {
  {
    std::lock_guard lock(mutex_);
    if (expected && *expected != generation_) return;
    ++generation_;
    compiled_ = std::move(compiled);
    text_ = std::move(text);
  }
  last_change_.store(clock_.now().time_since_epoch().count());
}

ResourcePolicy::Compiled ResourcePolicy::current() const {
  std::lock_guard lock(mutex_);
  return compiled_;
}

awaitable<Result<>> ResourcePolicy::refresh(bool always) {
  const std::int64_t now = micros(clock_.steady_now());
  std::int64_t due = next_check_.load();
  if (!always &&
      (now < due || !next_check_.compare_exchange_strong(due, now + kCheckEvery.count()))) {
    co_return Result<>();
  }
  std::uint64_t generation = 0;
  {
    std::lock_guard lock(mutex_);
    generation = generation_;
  }
  KBS_CO_TRY(std::optional<Secret> stored, co_await store_->get(kKey));
  if (!stored) co_return fail(ErrorKind::internal, "the resource policy is missing: set one");
  std::string text(stored->expose_text());
  {
    std::lock_guard lock(mutex_);
    if (text == text_) co_return Result<>();
  }
  Compiled compiled = policy::RegoPolicy::compile(text);
  replace(std::move(compiled), std::move(text), generation);
  next_check_.store(micros(clock_.steady_now()) + kCheckEvery.count());
  co_return Result<>();
}

awaitable<Result<>> ResourcePolicy::allow(const token::VerifiedToken& token,
                                          std::string_view plugin, const plugins::Call& call) {
  using metrics::Metrics;
  metrics_.add(Metrics::Counter::policy_evaluations);
  Result<> fresh = co_await refresh(false);
  Compiled compiled = current();
  if (!fresh || !compiled) {
    metrics_.add(Metrics::Counter::policy_errors);
    Error error = !fresh ? std::move(fresh).error() : std::move(compiled).error();
    // Whatever is wrong with the stored policy is ours to mend: the guest is told no more than
    // that.
    co_return fail(
        error.kind == ErrorKind::unavailable ? ErrorKind::unavailable : ErrorKind::internal,
        "the resource policy cannot be evaluated", describe(error));
  }
  const std::string data = policy_data(plugin, call);
  auto outcome = (*compiled)->evaluate(kRule, *token.policy_input, data);
  if (!outcome) {
    metrics_.add(Metrics::Counter::policy_errors);
    co_return tl::unexpected(std::move(outcome).error());
  }
  if (outcome->value && *outcome->value == "true") {
    metrics_.add(Metrics::Counter::policy_approvals);
    co_return Result<>();
  }
  // A rule that is missing, undefined or no boolean is a mistake of the policy's author, and a
  // denial.
  if (!outcome->value || *outcome->value != "false") metrics_.add(Metrics::Counter::policy_errors);
  metrics_.add(Metrics::Counter::policy_violations);
  co_return fail(ErrorKind::denied, "Access denied by policy");
}

awaitable<Result<>> ResourcePolicy::set(std::string text) {
  Compiled compiled = policy::RegoPolicy::compile(text);
  if (!compiled) co_return tl::unexpected(std::move(compiled).error());
  Secret value = Secret::from_text(text);
  KBS_CO_TRY(bool stored, co_await store_->set(kKey, std::move(value), true));
  (void)stored;
  replace(std::move(compiled), std::move(text), std::nullopt);
  co_return Result<>();
}

awaitable<Result<std::string>> ResourcePolicy::text() {
  KBS_CO_OK(co_await refresh(true));
  std::lock_guard lock(mutex_);
  co_return text_;
}

awaitable<Result<std::vector<std::string>>> ResourcePolicy::list() {
  KBS_CO_TRY(std::vector<std::string> keys, co_await store_->list());
  std::vector<std::string> ids;
  for (std::string& key : keys) {
    if (key.ends_with(kSuffix)) ids.push_back(key.substr(0, key.size() - kSuffix.size()));
  }
  co_return ids;
}

}  // namespace kbs
