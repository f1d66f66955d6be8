"""Section 8: attestation policies and reference values."""

import time

import jose
from guest import Guest
from harness import ABSENT, MALFORMED, SECRET, UNTRUSTED, case

FAILED = "Attestation error: Set Attestation Policy failed"
MESSAGE = b'{"version":"0.1.0","type":"sample","payload":"eyJsYXVuY2hfZGlnZXN0IjpbImFiY2RlIl19"}'
VALID = """package policy

trust_claims := {"hardware": 97, "executables": 3, "configuration": 2, "instance-identity": 0}
"""


def claims_policy(text):
    return f"package policy\n\ntrust_claims := {text}\n"


def upload(t, body, server=None):
    data = body if isinstance(body, bytes) else jose.compact(body).encode()
    return (server or t.s).as_admin("POST", "attestation-policy", data)


def set_attestation_policy(t, policy_id, text, server=None):
    """Must succeed; counts as a change for tokens issued before."""
    body = {"type": "rego", "policy_id": policy_id, "policy": jose.b64u(text)}
    response = t.status(upload(t, body, server), 200)
    (server or t.s).changed = time.time()
    return response


def message(values, **changes):
    body = {"version": "0.1.0", "type": "sample", "payload": jose.b64(jose.compact(values)), **changes}
    return jose.compact({name: value for name, value in body.items() if value is not None}).encode()


def post_value(t, body):
    response = t.s.as_admin("POST", "reference-value", body)
    t.s.changed = time.time()
    return response


def value(t, name, want):
    response = t.status(t.s.as_admin("GET", f"reference-value/{name}"), 200)
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")
    t.eq(response.json(), want, f"reference value {name}")


@case("V-01", "ALLOW")
def set_policy(t):
    t.empty(set_attestation_policy(t, "default_cpu", VALID))


@case("V-02", "ALLOW")
def type_is_optional(t):
    t.empty(upload(t, {"policy_id": "default_cpu", "policy": jose.b64u(VALID)}))


@case("V-03", "ALLOW")
def members_required(t):
    for body in ({"type": "rego", "policy": jose.b64u(VALID)}, {"type": "rego", "policy_id": "default_cpu"}):
        t.error(upload(t, body), "AttestationError", MALFORMED, FAILED)


@case("V-05", "ALLOW")
def not_rego(t):
    body = {"type": "rego", "policy_id": "default_cpu", "policy": jose.b64u("this is not rego")}
    t.error(upload(t, body), "AttestationError", MALFORMED, FAILED)


@case("V-06", "ALLOW")
def decides_status(t):
    set_attestation_policy(t, "default_cpu", claims_policy('{"hardware": 97}'))
    t.eq(Guest(t.s).handshake().claims()["submods"]["cpu0"]["ear.status"], "contraindicated", "ear.status")


@case("V-08", "ALLOW")
def register_value(t):
    response = t.s.as_admin("POST", "reference-value", MESSAGE)
    t.empty(response)
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")


@case("V-09", "ALLOW")
def query_value(t):
    t.empty(post_value(t, MESSAGE))
    value(t, "launch_digest", ["abcde"])


@case("V-10", "ALLOW")
def unknown_value(t):
    response = t.s.as_admin("GET", "reference-value/unknown")
    t.error(response, "RvpsError", ABSENT, ends="for the given id: unknown")


@case("V-12", "ALLOW")
def last_value_wins(t):
    t.empty(post_value(t, message({"twice": ["first"]})))
    t.empty(post_value(t, message({"twice": {"second": 2}})))
    value(t, "twice", {"second": 2})


@case("V-13", "ALLOW")
def version_is_optional(t):
    t.empty(post_value(t, message({"unversioned": 1}, version=None)))
    value(t, "unversioned", 1)


def refused(t, body):
    t.error(post_value(t, body), "RvpsError", MALFORMED)


@case("V-15", "ALLOW")
def unknown_type(t):
    refused(t, message({"x": 1}, type="nosuch"))


@case("V-16", "ALLOW")
def payload_is_a_base64_object(t):
    for payload in ("!!!", "not base64", jose.b64("not json"), jose.b64("[1]"), jose.b64('"text"'), jose.b64("5")):
        refused(t, message({}, payload=payload))


@case("V-18", "ALLOW")
def id_with_a_slash(t):
    t.empty(post_value(t, message({"a/b": ["slashed"]})))
    value(t, "a/b", ["slashed"])
    value(t, "a%2Fb", ["slashed"])


@case("EXT-06", "ALLOW")
def policy_out_of_range(t):
    """Unknown trust claims, values no signed byte holds, values that are no integers: the attestation fails,
    the server lives on, and a good policy mends it."""
    bad = ['{"no-such-claim": 2}', '{"hardware": 300}', '{"hardware": -129}', '{"hardware": 128}',
           '{"hardware": "2"}', '{"hardware": 2.5}', '{"hardware": null}', '{"hardware": 18446744073709551617}',
           "{}", "[]", "7"]
    for text in bad:
        body = {"policy_id": "default_cpu", "policy": jose.b64u(claims_policy(text))}
        if upload(t, body).status != 200:
            continue  # refused on upload: as good
        guest = Guest(t.s)
        t.status(guest.auth(), 200)
        t.error(guest.attest(), "AttestationError", UNTRUSTED, "Attestation error: RCAR handshake Attest failed")
        t.status(t.s.request("GET", "/healthz"), 200)
    set_attestation_policy(t, "default_cpu", VALID)
    Guest(t.s).handshake()
    t.eq(t.guest().fetch(), SECRET, "resource after a good policy")


@case("EXT-07", "ALLOW")
def bad_extensions(t):
    """Extensions without a name, with a key over 32 bits or twice the same name fail the attestation."""
    bad = ['[{"key": 1, "value": 1}]', '[{"name": "x", "key": 4294967296, "value": 1}]', '"text"',
           '[{"name": "x", "key": -1, "value": 1}, {"name": "x", "key": -2, "value": 2}]']
    for text in bad:
        policy = claims_policy('{"hardware": 2}') + f"\nextensions := {text}\n"
        set_attestation_policy(t, "default_cpu", policy)
        guest = Guest(t.s)
        t.status(guest.auth(), 200)
        t.error(guest.attest(), "AttestationError", UNTRUSTED)
    good = claims_policy('{"hardware": 2}') + '\nextensions := [{"name": "own.member", "key": -70001, "value": [1]}]\n'
    set_attestation_policy(t, "default_cpu", good)
    cpu = Guest(t.s).handshake().claims()["submods"]["cpu0"]
    t.eq(cpu.get("own.member"), [1], "extension in the token")


@case("EXT-08", "ALLOW")
def values_of_any_kind(t):
    """What is registered is what is read back: numbers, text with odd characters, nesting."""
    values = {"n": 5, "neg": -1, "flag": True, "text": "a\"\\\u00e9\u4e2d\n", "nested": {"a": [1, {"b": None}]}}
    t.empty(post_value(t, message(values)))
    for name, want in values.items():
        value(t, name, want)


@case("EXT-09", "ALLOW")
def bad_messages(t):
    for body in (b"", b"x", b"[]", b"{}", b'{"version":"0.2.0","type":"sample","payload":"e30="}',
                 b'{"type":"sample"}', b'{"payload":"e30="}', b'{"type":1,"payload":"e30="}', b"\xff", b"[" * 5000):
        refused(t, body)
