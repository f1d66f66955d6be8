"""Beyond the list: the client's old flags and new commands, and the whole road against the real server."""

import json
import os
import stat
import time

import jose
from fixtures import ADMIN_KEY
from harness import PA, SECRET, case
from scripted import Kbs, Scripted

from .client import Desk, bad, good, ok


def signed(t, *more):
    """Claims of the admin token that --auth-private-key makes."""
    desk = Desk(t)
    key = desk.file("admin.key", jose.private_pem(ADMIN_KEY))
    with Scripted(ok) as kbs:
        result = desk.run("config", "--auth-private-key", key, *more, "delete-resource", "--path", "a/b/c", url=kbs.url)
        good(t, result, b"Delete resource success\n")
    t.eq(kbs.paths(), ["DELETE /kbs/v0/resource/a/b/c"], "requests")
    token = kbs.requests[0].headers["Authorization"].removeprefix("Bearer ")
    head, payload, signature = token.split(".")
    ADMIN_KEY.public_key().verify(jose.unb64u(signature), f"{head}.{payload}".encode())
    t.eq(jose.header_of(token)["alg"], "EdDSA", "alg")
    return jose.claims_of(token)


@case("EXT-70")
def old_private_key_flag(t):
    """Signs as it did (iat, exp in two hours) and says who: role admin, audience KBS, no issuer."""
    claims = signed(t)
    t.true(abs(claims["exp"] - claims["iat"] - 7200) <= 1, "lifetime is not two hours")
    t.true(abs(claims["iat"] - time.time()) < 10, "iat is not now")
    t.eq(claims["role"], "admin", "role")
    t.true("KBS" in claims["aud"], "audience")
    t.true("iss" not in claims, "an issuer that nobody asked for")


@case("EXT-71")
def who_signs(t):
    claims = signed(t, "--auth-role", "storage", "--auth-issuer", "corp", "--auth-audience", "other")
    t.eq((claims["role"], claims["iss"]), ("storage", "corp"), "role and issuer")
    t.true(claims["aud"] in ("other", ["other"]), "audience")


@case("EXT-72")
def old_reference_values_command(t):
    """get-reference-values of v0.14 to v0.17."""
    with Scripted(lambda seen: (200, {}, b'{"a":1}')) as kbs:
        good(t, Desk(t).config(kbs.url, "get-reference-values"))
    t.true(kbs.requests[0].path.rstrip("/") == "/kbs/v0/reference-value", f"asked {kbs.paths()}")


@case("EXT-73")
def raw_output(t):
    desk, secret = Desk(t), bytes(range(256)) + b"\n"
    with Scripted(Kbs(secret)) as kbs:
        good(t, desk.run("get-resource", "--path", "a/b/c", "--raw", url=kbs.url), secret)
        target = os.path.join(desk.path, "fetched")
        good(t, desk.run("get-resource", "--path", "a/b/c", "--output", target, url=kbs.url))
    with open(target, "rb") as file:
        t.eq(file.read(), secret, "file")
    t.eq(stat.S_IMODE(os.stat(target).st_mode), 0o600, "mode of the file")


@case("EXT-74")
def resource_from_standard_input(t):
    with Scripted(ok) as kbs:
        result = Desk(t).config(kbs.url, "set-resource", "--path", "a/b/c", "--resource-file", "-", stdin=SECRET)
        good(t, result)
    t.eq(kbs.requests[0].body, SECRET, "body")


@case("EXT-75", "JWT", own=True)
def keygen_and_token(t):
    """admin keygen and admin token make what the server's configuration and `config` take; files are 0600."""
    desk = Desk(t)
    good(t, desk.run("admin", "keygen", "--file", "own.key"))
    token = os.path.join(desk.path, "own.token")
    good(t, desk.run("admin", "token", "--key", "own.key", "--issuer", "TrusteeInDocker", "--output", token))
    for name in ("own.key", "own.token"):
        t.eq(stat.S_IMODE(os.stat(os.path.join(desk.path, name)).st_mode), 0o600, f"mode of {name}")
    bad(t, desk.run("admin", "keygen", "--file", "own.key"))  # never overwritten
    with open(token, encoding="ascii") as file:
        claims = jose.claims_of(file.read().strip())
    t.eq((claims["iss"], claims["role"]), ("TrusteeInDocker", "admin"), "claims")
    url = f"http://127.0.0.1:{t.s.port}"
    foreign = desk.run("config", "--admin-token-file", token, "set-resource-policy", "--deny-all", url=url)
    bad(t, foreign, "Request Failed, Response: ")


@case("EXT-76", "JWT", own=True)
def whole_road(t):
    """Provision, list, read the policy back, attest, fetch: real client, real server, a config with an issuer."""
    desk = Desk(t)
    url = f"http://127.0.0.1:{t.s.port}"
    key = desk.file("admin.key", jose.private_pem(ADMIN_KEY))
    access = ("config", "--auth-private-key", key)
    value = desk.file("value", SECRET)

    bad(t, desk.run(*access, "set-resource", "--path", "road/key/1", "--resource-file", value, url=url), "issuer")
    access += ("--auth-issuer", "TrusteeInDocker")
    good(t, desk.run(*access, "set-resource", "--path", "road/key/1", "--resource-file", value, url=url))
    good(t, desk.run(*access, "set-resource-policy", "--policy-file", desk.file("pa.rego", PA), url=url))
    t.contains(desk.run(*access, "list-resources", url=url).stdout, b"road/key/1", "list-resources")
    t.contains(desk.run(*access, "get-resource-policy", url=url).stdout, PA.encode().strip(), "get-resource-policy")
    good(t, desk.run("get-resource", "--path", "road/key/1", url=url), jose.b64(SECRET).encode() + b"\n")

    tee = desk.file("tee.pem", jose.private_pem(jose.ec.generate_private_key(jose.ec.SECP256R1())))
    token = desk.file("token", desk.run("attest", "--tee-key-file", tee, url=url).stdout)
    passport = ("--attestation-token", token, "--tee-key-file", tee)
    result = desk.run("get-resource", "--path", "road/key/1", *passport, url=url)
    good(t, result, jose.b64(SECRET).encode() + b"\n")

    good(t, desk.run(*access, "delete-resource", "--path", "road/key/1", url=url))
    bad(t, desk.run("get-resource", "--path", "road/key/1", url=url))


@case("EXT-77")
def json_output(t):
    with Scripted(Kbs()) as kbs:
        result = Desk(t).run("--output", "json", "get-resource", "--path", "a/b/c", url=kbs.url)
    good(t, result)
    t.contains(json.dumps(json.loads(result.stdout)), jose.b64(SECRET), "JSON on stdout")


@case("EXT-78")
def nobody_listens(t):
    """A server that is not there: exit 1, and the message names the address."""
    with Scripted(ok) as kbs:
        url = kbs.url
    result = Desk(t).config(url, "set-resource-policy", "--deny-all")
    bad(t, result, url.removeprefix("http://"))


@case("EXT-79")
def unreadable_file(t):
    with Scripted(ok) as kbs:
        result = Desk(t).config(kbs.url, "set-resource", "--path", "a/b/c", "--resource-file", "/nonexistent/x")
    bad(t, result, "Failed to read: /nonexistent/x")
    t.eq(kbs.requests, [], "requests")
