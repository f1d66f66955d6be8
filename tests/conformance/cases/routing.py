"""Section 1: routing and transport."""

import jose
from harness import FOREIGN_METHOD, NO_PLUGIN, SECRET, case, not_applicable

REQUEST = b'{"version":"0.4.0","tee":"sample","extra-params":{}}'


@case("H-01", "ALLOW")
def healthz(t):
    t.empty(t.s.request("GET", "/healthz"))


@case("H-02", "ALLOW")
def healthz_is_get_only(t):
    response = t.status(t.s.request("POST", "/healthz"), 404)
    t.true(b"confidential-containers" not in response.body, f"expected no JSON error, got {response}")


@case("H-03", "ALLOW")
def metrics(t):
    text = t.status(t.s.request("GET", "/metrics"), 200).body.decode()
    t.contains(text, "kbs_http_requests_total", "metrics")
    t.contains(text, "kbs_build_info{", "metrics")


@case("H-04", "ALLOW")
def metrics_is_get_only(t):
    t.status(t.s.request("POST", "/metrics"), 405)


@case("H-05", "ALLOW")
def root(t):
    t.empty(t.s.request("GET", "/"), 404)


@case("H-06", "ALLOW")
def prefix_alone(t):
    t.empty(t.s.request("GET", "/kbs/v0"), 404)


@case("H-08", "ALLOW")
def other_version(t):
    t.empty(t.s.request("GET", "/kbs/v1/resource/a/b/c"), 404)


@case("H-09", "ALLOW")
def unknown_plugin(t):
    t.error(t.s.request("GET", "nosuch/a/b"), "PluginNotFound", NO_PLUGIN, "Plugin nosuch not found")


@case("H-11", "ALLOW")
def put_attest(t):
    t.error(t.s.request("PUT", "attest"), "PluginNotFound", FOREIGN_METHOD, "Plugin attest not found")


@case("H-13", "ALLOW")
def get_attestation_policy(t):
    t.error(t.s.request("GET", "attestation-policy"), "PluginNotFound", FOREIGN_METHOD)


@case("H-14", "ALLOW")
def delete_reference_value(t):
    t.error(t.s.request("DELETE", "reference-value/x"), "PluginNotFound", FOREIGN_METHOD)


@case("H-15", "ALLOW")
def head(t):
    """405 in trustee mode; precise mode may answer with metadata, but never with a body."""
    t.prepared()
    response = t.s.request("HEAD", "resource/default/key/1")
    t.status(response, *((200, 401, 403, 404, 405) if t.precise else (405,)))


@case("H-17", "ALLOW")
def patch(t):
    response = t.status(t.s.request("PATCH", "resource/default/key/1", body=b""), 405)
    allowed = {name.strip() for name in response.header("allow", "").split(",")}
    t.true({"GET", "POST", "PUT", "DELETE"} <= allowed, f"Allow lists {sorted(allowed)}")


@case("H-18", "ALLOW")
def auth_with_more_segments(t):
    t.status(t.s.request("POST", "auth/extra/segments", body=REQUEST), 200)


@case("H-19", "ALLOW")
def body_at_the_limit(t):
    t.status(t.s.as_admin("POST", "resource/a/b/c", bytes(2097152)), 200)


@case("H-20", "ALLOW")
def body_over_the_limit(t):
    response = t.status(t.s.as_admin("POST", "resource/a/b/c", bytes(2097153)), 413)
    t.true(response.header("content-type", "").startswith("text/plain"), "Content-Type is not text/plain")
    t.eq(response.body, b"payload reached size limit", "body")


@case("H-23", "ALLOW_MIB3")
def larger_limit(t):
    t.status(t.s.as_admin("POST", "resource/a/b/c", bytes(2560 * 1024)), 200)


@case("H-24", "ALLOW")
def content_type_is_ignored(t):
    t.status(t.s.request("POST", "auth", {"Content-Type": "text/plain"}, REQUEST), 200)


@case("H-26", "ALLOW")
def error_shape(t):
    refused = [
        t.s.request("GET", "nosuch/a/b"),
        t.s.request("GET", "resource/a/b/c"),
        t.s.request("POST", "auth", body=b"{"),
        t.s.request("POST", "attest", body=b"{}"),
        t.s.as_admin("POST", "resource-policy", b"x"),
        t.s.as_admin("POST", "resource/a", SECRET),
        t.s.as_admin("POST", "reference-value", b"x"),
        t.s.as_admin("POST", "attestation-policy", b"x"),
        t.s.request("GET", "resource/a/b/c", {"Authorization": "Bearer " + jose.b64u(SECRET)}),
    ]
    for response in refused:
        t.shape(response)


@case("H-28", "RES")
def resource_only_auth(t):
    t.error(t.s.request("POST", "auth", body=REQUEST), "PluginNotFound", NO_PLUGIN, "Plugin auth not found")


@case("H-29", "RES")
def resource_only_attestation_policy(t):
    t.error(t.s.as_admin("POST", "attestation-policy", b"{}"), "PluginNotFound", NO_PLUGIN)


@case("H-30", "RES")
def resource_only_reference_value(t):
    t.error(t.s.as_admin("GET", "reference-value/x"), "PluginNotFound", NO_PLUGIN)


not_applicable("D-42", "only HTTP/1.1 is offered (conformance-cases.md §0.1)")
