#pragma once
/// One function per row of the API table, one file each. Every handler may be under way many times
/// at once.

#include "kbs/api/routes.h"

namespace kbs::api {

/// POST /kbs/v0/auth: opens a handshake. Public.
awaitable<ApiResult<Response>> post_auth(Context& context);
/// POST /kbs/v0/attest: evidence in, attestation token out. Needs the cookie of `auth`.
awaitable<ApiResult<Response>> post_attest(Context& context);
/// POST /kbs/v0/attestation-policy (admin).
awaitable<ApiResult<Response>> post_attestation_policy(Context& context);
/// GET /kbs/v0/reference-value/{id…} (admin).
awaitable<ApiResult<Response>> get_reference_value(Context& context);
/// POST /kbs/v0/reference-value (admin).
awaitable<ApiResult<Response>> post_reference_value(Context& context);
/// POST /kbs/v0/resource-policy (admin).
awaitable<ApiResult<Response>> post_resource_policy(Context& context);
/// GET /kbs/v0/resource-policy (admin): ids, as the reference has it.
awaitable<ApiResult<Response>> get_resource_policy_ids(Context& context);

/// Ours, all of them for administrators, below /kbs/v0/admin/.
/// GET policy: the text of the resource policy.
awaitable<ApiResult<Response>> get_policy_text(Context& context);
/// GET mounts: where resources live, what each place can do, and whether it can serve now.
awaitable<ApiResult<Response>> get_mounts(Context& context);
/// GET health: what /readyz does not tell strangers.
awaitable<ApiResult<Response>> get_health(Context& context);
/// GET resources/{repository}/{type}/{tag}/versions: the current and the kept ones, by pages.
awaitable<ApiResult<Response>> get_versions(Context& context);
/// POST …/rollback {"version"}: an earlier version's value becomes the current one, anew.
awaitable<ApiResult<Response>> post_rollback(Context& context);
/// POST …/undelete: the newest kept version becomes the current one.
awaitable<ApiResult<Response>> post_undelete(Context& context);
/// POST …/destroy {"version"} or {"all":true}: one earlier version, or the resource with its whole
/// history, deleted or not, for good.
awaitable<ApiResult<Response>> post_destroy(Context& context);
/// Any other path below it; administrators only are told that nothing is there.
awaitable<ApiResult<Response>> no_admin_route(Context& context);
/// The paths above with a method that they do not have.
awaitable<ApiResult<Response>> foreign_admin_method(Context& context);

/// Everything else under /kbs/v0/: the plugin of that name, or 404.
awaitable<ApiResult<Response>> call_plugin(Context& context);

/// GET /healthz: alive. GET /readyz: every part can serve. GET /metrics.
awaitable<Response> get_readyz(Context& context);
Response get_metrics(Context& context);

}  // namespace kbs::api
