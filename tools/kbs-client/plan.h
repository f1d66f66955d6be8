#pragma once
/// What `apply` is about to do, found out without reading any stored value back.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kbs-client/admin_client.h"
#include "kbs-client/manifest.h"

namespace kbs::client {

/// What will become of one entry. Values are never read back, so a resource that exists is replaced
/// even if it should hold the same bytes; policies and reference values can be compared where the
/// server shows them.
enum class PlannedAction {
  create,     ///< nothing is there
  replace,    ///< something is there
  set,        ///< the server does not tell whether something is there
  unchanged,  ///< the same is there
  keep        ///< something is there, and the manifest says `if: absent`
};
std::string_view to_string(PlannedAction action) noexcept;
inline bool changes(PlannedAction action) {
  return action != PlannedAction::unchanged && action != PlannedAction::keep;
}

/// One entry, ready to be sent.
struct PlannedWrite {
  std::string kind = {};  ///< "resource", "resource policy", …
  std::string name = {};  ///< "default/key/1"; "" for the resource policy
  PlannedAction action = PlannedAction::set;
  std::string note = {};  ///< "32 bytes from file keys/1.bin; now 40 bytes, version \"v7\""

  std::string target = {};
  std::string content_type = "application/json";
  Secret body = Secret();
  WriteCondition condition = {};
  /// `if: absent`: never written without its condition.
  bool condition_is_demanded = false;
};

/// How sources are read.
struct PlanSources {
  std::string folder;  ///< of the manifest
  std::function<std::optional<Secret>(const std::string& name)> environment;
};

/// Reads every source, then asks the server what is there. In the order in which it is to be done:
/// reference values, attestation policies, the resource policy, resources, so that a new secret is
/// never stored under the policies of before. Changes nothing.
Result<std::vector<PlannedWrite>> make_plan(const Manifest& manifest, const PlanSources& sources,
                                            AdminClient& admin);

}  // namespace kbs::client
