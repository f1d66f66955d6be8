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
/// GET /kbs/v0/admin/policy (admin): the text of the resource policy. Ours.
awaitable<ApiResult<Response>> get_admin(Context& context);
/// Everything else under /kbs/v0/: the plugin of that name, or 404.
awaitable<ApiResult<Response>> call_plugin(Context& context);

/// GET /healthz: alive. GET /readyz: every part can serve. GET /metrics.
awaitable<Response> get_readyz(Context& context);
Response get_metrics(Context& context);

}  // namespace kbs::api
