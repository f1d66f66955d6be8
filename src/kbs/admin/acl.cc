#include "kbs/admin/acl.h"

#include <algorithm>

#include "kbs/config/load.h"

namespace kbs::admin {
namespace {

constexpr std::string_view kAdminRoutes = "/kbs/v0/admin";

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

/// HEAD tells less than GET: who may the one may the other.
bool method_listed(const std::vector<std::string>& methods, std::string_view method) {
  if (methods.empty()) return true;
  const auto listed = [&methods](std::string_view m) {
    return std::find(methods.begin(), methods.end(), m) != methods.end();
  };
  return listed(method) || (method == "HEAD" && listed("GET"));
}

bool is_admin_route(std::string_view path) {
  return path.starts_with(kAdminRoutes) &&
         (path.size() == kAdminRoutes.size() || path[kAdminRoutes.size()] == '/');
}

}  // namespace

Result<Acl> Acl::make(const config::Admin& config) {
  Acl acl;
  acl.grant_all_ = config.acls_grant_all;
  for (const config::AclRule& from : config.acls) {
    const std::string where = "[admin] allowed_endpoints of the role \"" + from.role + "\": ";
    if (auto anchored = config::check_acl_pattern(from.allowed_endpoints); !anchored) {
      return fail(ErrorKind::invalid_request, where + anchored.error().message);
    }
    auto path = policy::Regex::compile(from.allowed_endpoints);
    if (!path) return fail(ErrorKind::invalid_request, where + path.error().message);
    const bool names_admin_routes = from.allowed_endpoints.starts_with("^/kbs/v0/admin");
    acl.rules_.push_back({from.role, std::move(*path), from.methods, names_admin_routes});
  }
  return acl;
}

bool Acl::allows(std::string_view role, std::string_view method,
                 std::string_view decoded_path) const {
  if (grant_all_) return true;
  // Reading the policy back shows nothing that its writer did not know.
  const bool needs_naming =
      is_admin_route(decoded_path) && !(is_read(method) && decoded_path == "/kbs/v0/admin/policy");
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.role == role && (rule.names_admin_routes || !needs_naming) &&
           method_listed(rule.methods, method) && rule.path.matches(decoded_path);
  });
}

}  // namespace kbs::admin
