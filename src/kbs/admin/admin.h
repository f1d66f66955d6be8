#pragma once
/// Who may administer: the decision for one request. Facts: spec/admin.md.

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kbs/config/config.h"

namespace kbs::admin {

/// An administrator who may do what was asked.
struct AdminIdentity {
  std::string role;     ///< what the rules speak of; "Anonymous" when everybody is let in
  std::string subject;  ///< the token's `sub`, for records; "" when it has none
};

/// One immutable snapshot of keys and rules. Usable from many threads at once.
class AdminGate {
 public:
  /// Reads every key and compiles every rule. `invalid_request` or the file's own error when one of
  /// them cannot be used, with the setting and the file named; `unsupported` for keys from https://
  /// addresses. `clock` outlives the gate.
  static Result<std::unique_ptr<AdminGate>> make(const config::Admin& config, const Clock& clock);

  virtual ~AdminGate() = default;

  /// Who it is, or why not: `unauthenticated` for a missing, malformed or unaccepted token,
  /// `denied` when the role may not do this or administration is off. The message is exactly what
  /// the reference says after its prefix (spec/admin.md §4); the detail tells the operator which
  /// check failed, and never holds the token.
  ///
  /// `authorization_header`: its whole value; empty when there is none. `decoded_path`: the path as
  /// it will be routed, percent-decoded, without the query: whoever matches anything else lets
  /// `/kbs/v0/resource%2FteamB%2Fkey%2F1?/teamA/x` pass for team A.
  virtual Result<AdminIdentity> authorize(std::string_view authorization_header,
                                          std::string_view method,
                                          std::string_view decoded_path) const = 0;
};

}  // namespace kbs::admin
