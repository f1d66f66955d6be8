"""Section 3: handshake, attest."""

import base64
import concurrent.futures
import hashlib
import json
import secrets

import jose
from guest import Guest, device_evidence, report_data
from harness import EVIDENCE_BODY, MALFORMED, UNTRUSTED, case

FAILED = "Attestation error: RCAR handshake Attest failed"
INIT_DATA = 'algorithm = "sha384"\nversion = "0.1.0"\n\n[data]\n"key1" = "value1"\n'
CDH = '[kbc]\nname = "cc_kbc"\nurl = "http://example.org"\n'
AGENT_POLICY = ('package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\n\n'
                'policy_data := {"containers": []}')


def opened(t, kind="P-256", **kwargs):
    """A guest with a challenge."""
    guest = Guest(t.s, kind, **kwargs)
    t.status(guest.auth(), 200)
    return guest


def granted(t, guest, body=None):
    response = t.status(guest.attest(body), 200)
    return response


def refused(t, guest, body, kind=UNTRUSTED, **kwargs):
    t.error(guest.attest(body, **kwargs), "AttestationError", kind, FAILED)


def changed(guest, **changes):
    """AT(x): a correct Attestation, then `runtime`, `evidence` or top-level members changed."""
    body = guest.attestation()
    for name, value in changes.items():
        place, _, member = name.partition("__")
        target = {"runtime": "runtime-data", "evidence": "tee-evidence"}.get(place)
        body[target][member.replace("_", "-") if place == "runtime" else member] = value
    return body


@case("T-01", "ALLOW")
def token(t):
    response = granted(t, opened(t))
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")
    t.eq(list(response.json()), ["token"], "members")


@case("T-02", "ALLOW")
def token_parts(t):
    guest = opened(t)
    granted(t, guest)
    parts = guest.token.split(".")
    t.eq(len(parts), 3, "parts of the token")
    for part in parts:
        jose.unb64u(part)
    t.true("cpu0" in guest.claims()["submods"], "no submods.cpu0")


@case("T-03", "ALLOW")
def cookie_again(t):
    """The value may change at attest (§0.1); the end of the session may not."""
    guest = opened(t)
    before = guest.expires
    response = granted(t, guest)
    value, attributes = response.cookie()
    t.true(value, "no Set-Cookie in the answer to attest")
    t.eq(attributes.get("expires"), before, "Expires")


@case("T-04", "ALLOW")
def no_cookie(t):
    guest = opened(t)
    refused(t, guest, None, cookie=False)


@case("T-05", "ALLOW")
def unknown_cookie(t):
    guest = opened(t)
    guest.cookie = secrets.token_hex(16)
    refused(t, guest, None)


@case("T-07", "ALLOW")
def other_nonce(t):
    guest = opened(t)
    guest.nonce = jose.b64(secrets.token_bytes(32))
    refused(t, guest, None)


@case("T-10", "ALLOW")
def other_hash(t):
    for digest in ("sha256", "sha512"):
        guest = opened(t)
        refused(t, guest, guest.attestation(digest=digest))


@case("T-12", "ALLOW")
def not_canonical(t):
    def insertion_order(data):
        return json.dumps(dict(reversed(data.items())), separators=(",", ":")).encode()

    def spaces(data):
        return json.dumps(data, sort_keys=True).encode()

    for encode in (insertion_order, spaces):
        guest = opened(t)
        refused(t, guest, guest.attestation(encode=encode))


@case("T-14", "ALLOW")
def extra_jwk_member(t):
    guest = opened(t)
    granted(t, guest, changed(guest, runtime__tee_pubkey={**guest.jwk, "kid": "x"}))


@case("T-16", "ALLOW")
def rsa_key(t):
    granted(t, opened(t, "RSA", alg="RSA-OAEP-256"))


@case("T-17", "ALLOW")
def p384_passes_here(t):
    granted(t, opened(t, "P-384"))


@case("T-18", "ALLOW")
def okp_key(t):
    guest = opened(t)
    guest.jwk = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": jose.b64u(bytes(32))}
    refused(t, guest, None, EVIDENCE_BODY)


@case("T-19", "ALLOW")
def key_without_alg(t):
    guest = opened(t)
    del guest.jwk["alg"]
    refused(t, guest, None, EVIDENCE_BODY)


@case("T-20", "ALLOW")
def additional_evidence_required(t):
    guest = opened(t)
    body = guest.attestation()
    del body["tee-evidence"]["additional_evidence"]
    refused(t, guest, body, MALFORMED)


@case("T-22", "ALLOW")
def empty_additional_evidence(t):
    guest = opened(t)
    granted(t, guest, guest.attestation("{}"))
    t.eq(list(guest.claims()["submods"]), ["cpu0"], "submods")


@case("T-23", "ALLOW")
def nonsense_additional_evidence(t):
    guest = opened(t)
    refused(t, guest, guest.attestation("nonsense"), EVIDENCE_BODY)


@case("T-24", "ALLOW")
def unknown_device(t):
    guest = opened(t)
    refused(t, guest, guest.attestation(jose.compact({"unknowntee": {}})), EVIDENCE_BODY)


@case("T-25", "ALLOW")
def sample_device(t):
    guest = opened(t)
    granted(t, guest, guest.attestation(device_evidence(guest.nonce, guest.jwk)))
    t.eq(sorted(guest.claims()["submods"]), ["cpu0", "gpu0"], "submods")


@case("T-28", "ALLOW")
def init_data_null_or_absent(t):
    guest = opened(t)
    granted(t, guest, {"init-data": None, **guest.attestation()})
    granted(t, opened(t))


def annotated(t, body, kind="toml"):
    guest = opened(t)
    granted(t, guest, {"init-data": {"format": kind, "body": body}, **guest.attestation()})
    return guest.claims()["submods"]["cpu0"]["ear.veraison.annotated-evidence"]


@case("T-29", "ALLOW")
def init_data(t):
    evidence = annotated(t, INIT_DATA)
    t.eq(evidence.get("init_data"), jose.b64(hashlib.sha384(INIT_DATA.encode()).digest()), "init_data")
    t.eq(evidence.get("init_data_claims"), {"key1": "value1"}, "init_data_claims")


@case("T-30", "ALLOW")
def init_data_as_json(t):
    guest = opened(t)
    body = {"init-data": {"format": "json", "body": "{}"}, **guest.attestation()}
    refused(t, guest, body, EVIDENCE_BODY)


@case("T-32", "ALLOW")
def init_data_cdh(t):
    text = f"algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"cdh.toml\" = '''\n{CDH}'''\n"
    claims = annotated(t, text)["init_data_claims"]
    t.eq(claims["cdh.toml"], {"kbc": {"name": "cc_kbc", "url": "http://example.org"}}, "cdh.toml")


@case("T-33", "ALLOW")
def init_data_agent_policy(t):
    text = f"algorithm = \"sha512\"\nversion = \"0.1.0\"\n\n[data]\n\"policy.rego\" = '''\n{AGENT_POLICY}'''\n"
    claims = annotated(t, text)["init_data_claims"]
    t.eq(claims, {"agent_policy_claims": {"containers": []}}, "init_data_claims")


@case("T-34", "ALLOW")
def second_try(t):
    guest = opened(t)
    refused(t, guest, guest.attestation(digest="sha256"))
    granted(t, guest)


@case("T-36", "ALLOW")
def attested_but_unparsable(t):
    guest = opened(t)
    granted(t, guest)
    refused(t, guest, b"{not json", MALFORMED)


@case("T-38", "ALLOW")
def two_at_once(t):
    """Both are answered; our server answers both with a valid token (§0.1)."""
    guest = opened(t)
    body = jose.compact(guest.attestation()).encode()
    headers = guest.headers()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(t.s.request, "POST", "attest", headers, body) for _ in range(2)]
    for response in (job.result() for job in jobs):
        token = t.status(response, 200).json()["token"]
        t.s.secret(token)
        t.true(jose.es256_verifies(token, jose.header_of(token)["jwk"]), "token does not verify")


@case("T-39", "ALLOW")
def sample_evidence_for_snp(t):
    guest = opened(t, tee="snp")
    refused(t, guest, None, EVIDENCE_BODY)


@case("T-40", "ALLOW")
def device_as_primary(t):
    guest = opened(t, tee="sampledevice")
    granted(t, guest)
    t.eq(list(guest.claims()["submods"]), ["gpu0"], "submods")


@case("EXT-03", "ALLOW")
def evidence_bound_to_another_key(t):
    """Report data of one key does not vouch for another, nor a device's for the CPU's."""
    guest = opened(t)
    other = Guest(t.s)
    body = changed(guest, runtime__tee_pubkey=other.jwk)
    refused(t, guest, body)
    body = guest.attestation()
    body["tee-evidence"]["primary_evidence"]["report_data"] = report_data(guest.nonce, guest.jwk)
    refused(t, guest, body)
    truncated = guest.attestation()
    evidence = truncated["tee-evidence"]["primary_evidence"]
    evidence["report_data"] = jose.b64(base64.b64decode(evidence["report_data"])[:47])
    refused(t, guest, truncated)


@case("EXT-04", "ALLOW")
def device_bound_to_another_nonce(t):
    guest = opened(t)
    stale = device_evidence(jose.b64(bytes(32)), guest.jwk)
    refused(t, guest, guest.attestation(stale))


@case("EXT-05", "ALLOW")
def twenty_at_once(t):
    """20 parallel calls of one session: all are answered 200 with one and the same valid token."""
    guest = opened(t)
    body = jose.compact(guest.attestation()).encode()
    headers = guest.headers()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(t.s.request, "POST", "attest", headers, body) for _ in range(20)]
    tokens = {t.status(job.result(), 200).json()["token"] for job in jobs}
    for token in tokens:
        t.s.secret(token)
        t.true(jose.es256_verifies(token, jose.header_of(token)["jwk"]), "token does not verify")
    t.eq(len(tokens), 1, "different tokens of one session")
    t.status(t.s.request("GET", "/healthz"), 200)
