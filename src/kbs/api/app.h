#pragma once
/// What handlers work with. main() owns all of it; handlers take it by reference.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attestation/attestation_service.h"
#include "base/clock.h"
#include "kbs/admin/admin.h"
#include "kbs/api/error_response.h"
#include "kbs/audit/audit.h"
#include "kbs/metrics/metrics.h"
#include "kbs/plugins/plugin.h"
#include "kbs/policy/resource_policy.h"
#include "kbs/rcar/challenge.h"
#include "kbs/rcar/sessions.h"
#include "kbs/token/cache.h"
#include "kbs/token/verifier.h"
#include "storage/mounts/mounts.h"

namespace kbs::api {

/// What a reload swaps, as one immutable whole: a request sees either all of the old or all of the
/// new.
struct Snapshot {
  std::uint64_t generation = 1;  ///< caches filled under another generation are void
  ErrorMode error_mode = ErrorMode::precise;
  std::shared_ptr<const token::TokenVerifier> tokens;
  std::shared_ptr<const admin::AdminGate> admin;
  std::vector<plugins::PluginPtr> plugins;
  std::shared_ptr<storage::Mounts> mounts;  ///< of the plugin `resource`; null without it

  plugins::Plugin* find_plugin(std::string_view name) const noexcept {
    for (const plugins::PluginPtr& plugin : plugins) {
      if (plugin->name() == name) return plugin.get();
    }
    return nullptr;
  }
};

/// What lives as long as the server. All referents are thread-safe.
struct App {
  const Clock& clock;
  metrics::Metrics& metrics;
  audit::AuditLog& audit;
  ResourcePolicy& policy;
  attestation::AttestationService* attestation;  ///< null: a resource-only (passport) server
  rcar::SessionStore& sessions;
  const rcar::ChallengeCodec& challenges;
  std::chrono::minutes session_time;
};

/// One per worker thread, touched by that thread alone.
struct Worker {
  unsigned index = 0;
  App& app;
  std::shared_ptr<const Snapshot> snapshot;
  token::TokenCache tokens{std::size_t{64} << 20};
};

}  // namespace kbs::api
