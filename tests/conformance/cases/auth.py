"""Section 2: handshake, auth."""

import base64
import email.utils
import re
import time

import jose
from harness import MALFORMED, case

GOOD = {"version": "0.4.0", "tee": "sample", "extra-params": {}}
TEES = ("az-snp-vtpm az-tdx-vtpm nvidia sgx snp tdx cca csv hygondcu nvidia-dpu tpm sample sampledevice").split()
# RFC 9110 token characters; §0.1 allows 32 to 3,800 of them.
COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{32,3800}")
MISMATCH = ("Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: "
            "expect =0.4.0 while the request is ")


def post(t, body):
    data = body if isinstance(body, bytes) else jose.compact(body).encode()
    response = t.s.request("POST", "auth", body=data)
    if response.cookie()[0]:
        t.s.secret(response.cookie()[0])
    return response


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


def accepted(t, **changes):
    return t.status(post(t, {**GOOD, **changes}), 200)


def refused(t, body, **kwargs):
    t.error(post(t, body), "AttestationError", MALFORMED, **kwargs)


@case("A-01", "ALLOW")
def challenge(t):
    response = accepted(t)
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")
    t.eq(sorted(response.json()), ["extra-params", "nonce"], "members")


@case("A-02", "ALLOW")
def nonce(t):
    text = accepted(t).json()["nonce"]
    t.eq(len(text), 44, "length of the nonce")
    t.eq(len(base64.b64decode(text, validate=True)), 32, "bytes of the nonce")


@case("A-03", "ALLOW")
def fresh_each_time(t):
    answers = [accepted(t) for _ in range(13)]
    t.eq(len({a.json()["nonce"] for a in answers}), 13, "different nonces")
    t.eq(len({a.cookie()[0] for a in answers}), 13, "different cookies")


@case("A-04", "ALLOW")
def extra_params_are_empty(t):
    t.eq(accepted(t).json()["extra-params"], "", "extra-params")


@case("A-05", "ALLOW")
def cookie(t):
    response = accepted(t)
    t.eq(len(response.all("set-cookie")), 1, "number of Set-Cookie lines")
    value = response.cookie()[0]
    t.true(value and COOKIE.fullmatch(value), f"cookie is not 32 to 3,800 token characters ({len(value or '')})")


def expires_in(t, response, minutes):
    attributes = response.cookie()[1]
    t.true("expires" in attributes, "cookie has no Expires")
    moment = email.utils.parsedate_to_datetime(attributes["expires"])
    t.true(attributes["expires"].endswith("GMT"), "Expires is not in GMT")
    off = moment.timestamp() - time.time() - 60 * minutes
    t.true(abs(off) < 5, f"Expires is {off:.0f} s off now + {minutes} min")


@case("A-06", "ALLOW")
def cookie_ends_in_five_minutes(t):
    expires_in(t, accepted(t), 5)


@case("A-07", "TIMEOUT1")
def cookie_ends_as_configured(t):
    expires_in(t, accepted(t), 1)


@case("A-09", "ALLOW")
def extra_params_required(t):
    refused(t, without("extra-params"), ends="deserialize Request")


@case("A-10", "ALLOW")
def any_extra_params(t):
    for value in ("", None, [], 5):
        accepted(t, **{"extra-params": value})


@case("A-11", "ALLOW")
def version_required(t):
    refused(t, without("version"))


@case("A-12", "ALLOW")
def tee_required(t):
    refused(t, without("tee"))


@case("A-14", "ALLOW")
def sev_is_gone(t):
    refused(t, {**GOOD, "tee": "sev"})


@case("A-15", "ALLOW")
def every_tee(t):
    for tee in TEES:
        accepted(t, tee=tee)


@case("A-17", "ALLOW")
def unknown_member(t):
    accepted(t, surprise=1)


@case("A-18", "ALLOW")
def not_a_request(t):
    for body in (b"not json", b"", b"[]"):
        refused(t, body)


@case("A-20", "ALLOW")
def old_version(t):
    refused(t, {**GOOD, "version": "0.1.0"}, detail=MISMATCH + "0.1.0")


@case("A-21", "ALLOW")
def other_versions(t):
    for version in ("0.4.1", "0.5.0", "1.0.0", "0.3.9"):
        refused(t, {**GOOD, "version": version}, detail=MISMATCH + version)


@case("A-23", "ALLOW")
def pre_release(t):
    refused(t, {**GOOD, "version": "0.4.0-rc1"}, detail=MISMATCH + "0.4.0-rc1")


@case("A-24", "ALLOW")
def build_metadata(t):
    accepted(t, version="0.4.0+build5")


@case("A-26", "ALLOW")
def hash_offer(t):
    offer = {"supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"]}
    t.eq(accepted(t, tee="tdx", **{"extra-params": offer}).json()["extra-params"], "", "extra-params")
