#include "attestation/embedded/policies.h"

#include <algorithm>

#include "policy/stock_policies.h"

namespace kbs::attestation::embedded {
namespace {

std::string key_of(const std::string& id) { return id + ".rego"; }

bool is_policy_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  return !id.empty() && id.size() <= 200 && std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace

awaitable<Result<>> Policies::install_stock() {
  for (const policy::StockPolicy& stock : policy::stock_attestation_policies()) {
    Secret text = Secret::from_text(stock.text);
    KBS_CO_TRY(bool stored,
               co_await store_->set(key_of(std::string(stock.id)), std::move(text), false));
    (void)stored;
  }
  co_return Result<>();
}

awaitable<Result<>> Policies::set(std::string id, std::string text) {
  if (!is_policy_id(id)) {
    co_return fail(ErrorKind::invalid_request,
                   "a policy id is up to 200 letters, digits, '-', '_', '.' and '/'");
  }
  KBS_CO_TRY(auto compiled, AttestationPolicy::compile(text));
  (void)
      compiled;  // compiled again when first used: by then another replica may have stored another
  Secret value = Secret::from_text(text);
  KBS_CO_TRY(bool stored, co_await store_->set(key_of(id), std::move(value), true));
  (void)stored;
  co_return Result<>();
}

awaitable<Result<std::shared_ptr<AttestationPolicy>>> Policies::get(std::string id) {
  KBS_CO_TRY(std::optional<Secret> stored, co_await store_->get(key_of(id)));
  if (!stored) co_return fail(ErrorKind::not_found, "no attestation policy `" + id + "`: set one");
  {
    std::lock_guard lock(mutex_);
    if (auto found = compiled_.find(id);
        found != compiled_.end() && found->second.text == stored->expose_text()) {
      co_return found->second.policy;
    }
  }
  std::string text(stored->expose_text());
  KBS_CO_TRY(auto compiled, AttestationPolicy::compile(text));
  std::lock_guard lock(mutex_);
  compiled_[id] = Compiled{std::move(text), compiled};
  co_return compiled;
}

awaitable<Result<>> Policies::health() {
  KBS_CO_TRY(auto policy, co_await get("default_cpu"));
  (void)policy;
  co_return Result<>();
}

}  // namespace kbs::attestation::embedded
