#pragma once
/// Which role may call which path with which method.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kbs/config/config.h"
#include "policy/regex.h"

namespace kbs::admin {

/// Compiled rules. Immutable; usable from many threads.
class Acl {
 public:
  /// `invalid_request` when a pattern is not anchored or not an expression; the message names the
  /// role.
  static Result<Acl> make(const config::Admin& config);

  /// Whether any rule of `role` allows it. Routes below `/kbs/v0/admin/` are ours and newer than
  /// every rule in the field: they need a rule whose text begins with that path, except GET of the
  /// policy.
  bool allows(std::string_view role, std::string_view method, std::string_view decoded_path) const;

 private:
  struct Rule {
    std::string role;
    policy::Regex path;
    std::vector<std::string> methods;
    bool names_admin_routes;
  };
  std::vector<Rule> rules_;
  bool grant_all_ = false;
};

}  // namespace kbs::admin
