"""Section 9: administration."""

import secrets
import time

from cryptography.hazmat.primitives.asymmetric import ed25519

import fixtures
import jose
import vectors
from fixtures import ADMIN_KEY, admin_token, bearer
from harness import DENIED, MALFORMED, PA, PD, SECRET, UNTRUSTED, case

DENY_TEXT = "DenyAll authorization_mode is enabled"
NO_ISSUER = "Cannot verify token with any of the issuers"
NO_ROLE = "Missing required `role` claim in JWT"
NO_HEADER = "Failed to parse HTTP Auth Bearer header"
STRANGER = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def set_policy(t, token, server=None, path="resource-policy"):
    """SP(PA) with this token (None: without a header)."""
    body = jose.compact({"policy": jose.b64u(PA)}).encode()
    return (server or t.s).request("POST", path, bearer(token) if token else {}, body)


def accepted(t, token, server=None):
    t.status(set_policy(t, token, server), 200)


def refused(t, token, has=NO_ISSUER, kind=UNTRUSTED, server=None):
    t.error(set_policy(t, token, server), "AdminAuthAccess", kind, has=has)


@case("D-01", "DENY")
def off_for_policies(t):
    refused(t, None, DENY_TEXT, DENIED)


@case("D-02", "DENY")
def off_for_attestation_policies(t):
    response = t.s.request("POST", "attestation-policy", body=b"{}")
    t.error(response, "AdminAuthAccess", DENIED, has=DENY_TEXT)


@case("D-03", "DENY")
def off_for_resources(t):
    response = t.s.request("POST", "resource/a/b/c", body=SECRET)
    t.error(response, "AdminAuthInitialization", DENIED, has=DENY_TEXT)


@case("D-05", "ALLOW")
def junk_is_not_looked_at(t):
    accepted(t, "junk")
    t.status(t.s.request("POST", "resource/a/b/c", bearer("junk"), SECRET), 200)


@case("D-06", "JWT")
def admin(t):
    accepted(t, admin_token())


@case("D-07", "JWT")
def no_header(t):
    refused(t, None, NO_HEADER)


@case("D-08", "JWT")
def other_key(t):
    refused(t, admin_token(key=STRANGER))


@case("D-09", "JWT")
def other_issuer(t):
    refused(t, admin_token(iss="SomebodyElse"))
    refused(t, admin_token(iss=None))


@case("D-10", "JWT")
def audience_as_text(t):
    accepted(t, admin_token(aud="KBS"))


@case("D-11", "JWT")
def one_audience_of_several(t):
    accepted(t, admin_token(aud=["x", "KBS"]))


@case("D-13", "JWT")
def no_role(t):
    refused(t, admin_token(None), NO_ROLE)


@case("D-15", "JWT")
def no_exp(t):
    refused(t, admin_token(exp=None))


@case("D-16", "JWT")
def leeway(t):
    accepted(t, admin_token(exp=int(time.time()) - 30))


@case("D-18", "JWT")
def nbf_is_not_checked(t):
    accepted(t, admin_token(nbf=int(time.time()) + 3600))


@case("D-19", "JWT")
def storage_role(t):
    t.status(t.s.request("POST", "resource/a/b/c", bearer(admin_token("storage")), SECRET), 200)


@case("D-20", "JWT")
def storage_role_elsewhere(t):
    refused(t, admin_token("storage"), "Role storage not allowed", DENIED)


@case("D-21", "JWT")
def unknown_role(t):
    refused(t, admin_token("nobody"), "Role nobody not allowed", DENIED)
    response = t.s.request("POST", "resource/a/b/c", bearer(admin_token("nobody")), SECRET)
    t.error(response, "AdminAuthInitialization", DENIED, has="Role nobody not allowed")


@case("D-23", "JWT")
def other_algorithm(t):
    refused(t, admin_token(key=t.material.admin_rsa, alg="RS256"))


@case("D-25", "JWT", own=True)
def other_key_types(t):
    accepted(t, admin_token(key=t.material.admin_ec, alg="ES256"), t.server("JWT_EC"))
    for alg in ("RS256", "PS256"):
        accepted(t, admin_token(key=t.material.admin_rsa, alg=alg), t.server("JWT_RSA"))


@case("D-26", "JWT_JWKS", own=True)
def key_set(t):
    accepted(t, admin_token(header={"alg": "EdDSA", "typ": "JWT", "kid": "admin-1"}))
    refused(t, admin_token(header={"alg": "EdDSA", "typ": "JWT", "kid": "nosuch"}))


@case("D-28", "JWT")
def reference_token(t):
    t.eq(admin_token(), vectors.ADMIN_TOKEN, "token signed anew")
    accepted(t, vectors.ADMIN_TOKEN)


@case("D-29", "JWT", own=True)
def legacy_tokens(t):
    tokens = (vectors.LEGACY_TOKEN_018, vectors.LEGACY_TOKEN_017)
    for token in tokens:
        # Neither names an issuer or a role; which of the two is missed first is not told apart here.
        t.error(set_policy(t, token), "AdminAuthAccess", UNTRUSTED)
        for fixture in ("LEGACY_KEY", "LEGACY_SIMPLE"):
            accepted(t, token, t.server(fixture))


@case("D-30", "ACL_PATHS", own=True)
def acl_ignores_the_query(t):
    t.status(set_policy(t, admin_token("exact"), path="resource-policy?x=1"), 200)
    t.status(set_policy(t, admin_token("exact")), 200)


@case("D-32", "ACL_PATHS", own=True)
def acl_sees_the_decoded_path(t):
    token = bearer(admin_token("team"))
    response = t.s.request("POST", "resource%2FteamB%2Fk%2F1?/teamA/x", token, SECRET)
    t.error(response, "AdminAuthInitialization", DENIED)
    t.status(t.s.request("POST", "resource/teamA/k/1", token, SECRET), 200)


def with_acl(t, pattern):
    provider = f'{{ issuer = "x", public_key_uri = "{t.lane.run.directory}/{t.mode}-admin.pub" }}'
    with open(f"{t.lane.run.directory}/{t.mode}-admin.pub", "wb") as file:
        file.write(jose.public_pem(ADMIN_KEY))
    return fixtures.config(t.mode, admin=fixtures.authenticated([provider], [fixtures.acl("admin", pattern)]))


@case("D-33", lane="refusals", own=True)
def unanchored_acl(t):
    for pattern in ("/kbs/.+", "^/kbs/.+", "/kbs/.+$", "^/other/.+$", "^/kbs/(.+$"):
        t.refuses(with_acl(t, pattern), "allowed_endpoints")


@case("D-35", lane="refusals", own=True)
def unknown_mode(t):
    t.refuses(fixtures.config(t.mode, admin='authorization_mode = "AllowAll"'), "AllowAll")


@case("D-37", lane="refusals", own=True)
def no_providers(t):
    t.refuses(fixtures.config(t.mode, admin=fixtures.authenticated([], fixtures.ACLS)), "identity_providers")


@case("D-38", lane="refusals", own=True)
def provider_without_key(t):
    t.refuses(fixtures.config(t.mode, admin=fixtures.authenticated(['{ issuer = "x" }'], fixtures.ACLS)))


@case("D-40", lane="refusals", own=True)
def no_admin_section(t):
    t.refuses(fixtures.config(t.mode, admin=None), "admin")


@case("D-43", "ALLOW")
def sample_plugin(t):
    response = t.status(t.s.request("GET", "sample/anything"), 200)
    t.true(response.header("content-type", "").startswith("text/xml"), "Content-Type is not text/xml")
    t.eq(response.body, b"sample plugin response", "body")


@case("D-44", "DENY")
def sample_plugin_is_for_admins(t):
    t.error(t.s.request("GET", "sample/anything"), "AdminAuthInitialization", DENIED)


@case("EXT-50", "JWT")
def bad_admin_tokens(t):
    """Unsigned, confused, altered, expired, malformed: none administers anything."""
    good = admin_token()
    head, payload, signature = good.split(".")
    public = jose.public_pem(ADMIN_KEY)
    raw = jose.public_jwk(ADMIN_KEY)["x"]
    bad = [
        admin_token(alg="none"), f"{head}.{payload}.", f"{head}.{payload}", "x", "a.b.c",
        admin_token(key=public, alg="HS256"), admin_token(key=jose.unb64u(raw), alg="HS256"),
        admin_token(key=STRANGER, header={"alg": "EdDSA", "jwk": jose.public_jwk(STRANGER, "EdDSA")}),
        admin_token(exp=int(time.time()) - 120), admin_token(exp="2101060000"), admin_token(aud="kbs"),
        admin_token(aud=None), admin_token(aud=["x"]), admin_token(iss="trusteeindocker"),
        f"{head}.{jose.b64u(jose.compact(fixtures.admin_claims('chief')))}.{signature}",
        f"{head}.{payload}.{signature[:-4]}AAAA", f"{head}.{payload}.{signature}A",
    ]
    for token in bad:
        response = set_policy(t, token)
        t.error(response, "AdminAuthAccess", UNTRUSTED)
    for role in (["admin"], 1, None, {"admin": True}):
        refused(t, admin_token(role), NO_ROLE)


@case("EXT-51", "ACL_PATHS", own=True)
def acl_by_method(t):
    """`methods` limits an entry; without it all methods are meant."""
    reader, writer = bearer(admin_token("reader")), bearer(admin_token("writer"))
    t.status(t.s.request("GET", "resource-policy", reader), 200)
    t.error(set_policy(t, admin_token("reader")), "AdminAuthAccess", DENIED)
    body = b'{"type":"sample","payload":"e30="}'
    t.error(t.s.request("POST", "reference-value", reader, body), "AdminAuthAccess", DENIED)
    t.status(t.s.request("POST", "resource/a/b/c", writer, SECRET), 200)
    t.error(t.s.request("DELETE", "resource/a/b/c", writer), "AdminAuthInitialization", DENIED)


@case("EXT-52", "ACL_PATHS", own=True)
def acl_is_not_fooled_by_the_target(t):
    """Neither query, nor encoding, nor dots turn a rule for one area into a rule for another."""
    team = admin_token("team")
    for target in ("resource-policy?/teamA/x", "resource-policy?x=/kbs/v0/resource/teamA/k/1",
                   "resource-policy/%2E%2E/teamA/x", "resource%2FteamB%2Fk%2F1%3F/teamA/x"):
        response = set_policy(t, team, path=target)
        allowed = response.status == 200
        # Only a path whose decoded form really lies in the team's area may pass; the policy must not have changed.
        t.true(not allowed or target.startswith("resource-policy/"), f"{target}: got {response}")
    response = t.s.request("DELETE", "resource/teamB/k/1?/teamA/", bearer(team))
    t.error(response, "AdminAuthInitialization", DENIED)


@case("EXT-53", "ACL_PATHS", own=True)
def admin_routes_need_their_own_rule(t):
    """An old `^/kbs/.+$` grants reading the policy's text and nothing else below /kbs/v0/admin."""
    t.status(t.s.request("GET", "admin/policy", bearer(admin_token("admin"))), 200)
    for method, path in (("GET", "admin/mounts"), ("GET", "admin/health"), ("POST", "admin/resources/a/b/c/destroy")):
        response = t.s.request(method, path, bearer(admin_token("admin")))
        t.true(response.status in (401, 403, 404, 405), f"{method} {path}: got {response}")
    t.status(t.s.request("GET", "admin/policy", bearer(admin_token("chief"))), 200)
    t.true(t.s.request("GET", "admin/policy", bearer(admin_token("exact"))).status in (401, 403), "exact may read")
    t.true(t.s.request("GET", "admin/policy").status in (401, 403), "a stranger may read")


@case("EXT-54", "DENY")
def attestation_is_no_administration(t):
    """An attestation token or cookie administers nothing."""
    from guest import Guest
    guest = Guest(t.s).handshake()
    for headers in (guest.headers(), bearer(guest.token)):
        body = jose.compact({"policy": jose.b64u(PD)}).encode()
        t.error(t.s.request("POST", "resource-policy", headers, body), "AdminAuthAccess", DENIED)
        t.error(t.s.request("POST", "resource/a/b/c", headers, SECRET), "AdminAuthInitialization", DENIED)


@case("EXT-55", "JWT")
def no_admin_reads_values(t):
    """An administrator's token opens no resource: it is no attestation."""
    t.put("default/key/1", SECRET)
    response = t.s.as_admin("GET", "resource/default/key/1")
    t.true(response.status == 401, f"expected 401, got {response}")
    t.true(SECRET not in response.body, "value returned to an administrator")


@case("EXT-56", "JWT")
def refused_writes_store_nothing(t):
    name = f"default/key/{secrets.token_hex(8)}"
    t.error(t.s.request("POST", f"resource/{name}", {}, SECRET), "AdminAuthInitialization", UNTRUSTED)
    page = t.status(t.s.as_admin("GET", "resource"), 200).json()
    t.true(name not in [entry["path"] for entry in page["resources"]], "a refused write was stored")
    t.error(t.s.as_admin("POST", "resource/a/b", SECRET), "PluginInternalError", MALFORMED)
