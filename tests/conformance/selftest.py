"""Checks the suite's own helpers against the vectors of the specification: a wrong ruler measures nothing."""

import hashlib
import importlib
import json
import os

from cryptography.hazmat.primitives import serialization
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

import fixtures
import guest
import harness
import jose
import pki
import servers
import vectors as v


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: expected {want!r}, got {got!r}")


def runtime_data():
    def digest(value, name):
        return hashlib.new(name, guest.canonical(value)).hexdigest()

    device = {"nonce": v.NONCE, "tee-pubkey": v.GUEST_JWK}
    primary = {**device, "additional-evidence": ""}
    equal(digest(device, "sha384"), v.DEVICE_SHA384, "device report data")
    for name, want in (("sha256", v.PRIMARY_SHA256), ("sha384", v.PRIMARY_SHA384), ("sha512", v.PRIMARY_SHA512)):
        equal(digest(primary, name), want, f"primary report data {name}")
    additional = guest.device_evidence(v.NONCE, v.GUEST_JWK)
    want = jose.b64(bytes.fromhex(v.PRIMARY_WITH_DEVICE_SHA384))
    equal(guest.report_data(v.NONCE, v.GUEST_JWK, additional), want, "report data with a device")


def init_data():
    from cases.attest import INIT_DATA
    equal(hashlib.sha384(INIT_DATA.encode()).hexdigest(), v.INIT_DATA_SHA384, "init-data digest")


def keys():
    p256, p521 = jose.ec_private("P-256", v.GUEST_D), jose.ec_private("P-521", v.P521_D)
    rsa = jose.rsa_private(v.RSA_N, v.RSA_D)
    equal(jose.public_jwk(p256, "ECDH-ES+A256KW"), v.GUEST_JWK, "P-256 JWK")
    equal(jose.public_jwk(p521, "ECDH-ES+A256KW"), v.P521_JWK, "P-521 JWK")
    return p256, p521, rsa


def responses():
    p256, p521, rsa = keys()
    for key, jwe in ((p256, v.JWE_P256), (p521, v.JWE_P521), (rsa, v.JWE_OAEP), (rsa, v.JWE_RSA15)):
        equal(jose.jwe_open(key, jwe), harness.SECRET, "JWE vector")
        for name in ("protected", "iv", "ciphertext", "tag", "encrypted_key"):
            flipped = dict(jwe, **{name: flip(jwe[name])})
            try:
                jose.jwe_open(key, flipped)
            except Exception:  # which one depends on the member: JSON, unwrap or tag
                continue
            raise AssertionError(f"a flipped {name} was accepted")


def flip(text):
    raw = bytearray(jose.unb64u(text))
    raw[len(raw) // 2] ^= 1
    return jose.b64u(bytes(raw))


def sealing():
    """What the scripted server seals opens with ours and with an independent library."""
    allowed = ["ECDH-ES+A256KW", "RSA-OAEP-256", "RSA1_5", "A256GCM"]
    for key, alg in zip((*keys(), keys()[2]), ("ECDH-ES+A256KW", "ECDH-ES+A256KW", "RSA-OAEP-256", "RSA1_5")):
        sealed = jose.jwe_seal(jose.public_jwk(key, alg), b"\x00secret\xff")
        equal(jose.jwe_open(key, sealed), b"\x00secret\xff", alg)
        peer = jwcrypto_jwe.JWE(algs=allowed)
        peer.deserialize(json.dumps(sealed), jwcrypto_jwk.JWK.from_pem(jose.private_pem(key)))
        equal(peer.payload, b"\x00secret\xff", f"{alg} with jwcrypto")


def tokens():
    jwk = jose.header_of(v.TOKEN)["jwk"]
    equal(jose.es256_verifies(v.TOKEN, jwk), True, "printed token")
    equal(jose.es256_verifies(v.TOKEN[:-2] + "AA", jwk), False, "altered token")
    equal(jose.claims_of(v.TOKEN)["exp"], 1785700300, "exp of the printed token")


def administrators():
    equal(fixtures.admin_token(), v.ADMIN_TOKEN, "reference admin token")
    pem = jose.public_pem(fixtures.ADMIN_KEY).decode()
    equal(pem.splitlines()[1], v.ADMIN_PUBLIC_KEY, "admin key")
    times = {"exp": 2101060000, "iat": 1785700000}
    equal(jose.sign(fixtures.ADMIN_KEY, "EdDSA", times, {"typ": "JWT", "alg": "EdDSA"}), v.LEGACY_TOKEN_018, "v0.18")
    times = {"iat": 1785700000, "exp": 2101060000, "nbf": 1785700000}
    equal(jose.sign(fixtures.ADMIN_KEY, "EdDSA", times), v.LEGACY_TOKEN_017, "v0.17")


def certificates():
    authority = pki.Authority()
    equal(len(authority.below.chain), 2, "chain below an intermediate")
    authority.below.certificate.verify_directly_issued_by(authority.intermediate.certificate)
    authority.intermediate.certificate.verify_directly_issued_by(authority.root.certificate)
    key = serialization.load_pem_private_key(authority.signer.key_pem, None)
    equal(jose.public_jwk(key), jose.public_jwk(authority.signer.key), "signer key")


def leaks():
    """The search for leaks finds each spelling, and nothing where nothing is."""
    found = servers.Leaks()
    found.add(b"this is a test secret")
    found.add(v.TOKEN)
    found.add("kbscookie-0123456789abcdef")
    for text in (b"x this is a test secret", b"dGhpcyBpcyBhIHRlc3Qgc2VjcmV0", b"this is a test secret".hex().encode(),
                 v.TOKEN.encode(), v.TOKEN.split(".")[2].encode(), b'"kbscookie-0123456789abcdef"'):
        equal(bool(found.found_in(b"line " + text + b"\n")), True, f"leak {text[:30]!r}")
    equal(found.found_in(b'{"msg":"listening","address":"127.0.0.1:1"}\n'), [], "clean log")


def registry():
    """Every listed case is here, by its id; the list itself is read when it is at hand."""
    import run
    for name in run.MODULES:
        importlib.import_module(f"cases.{name}")
    ids = [case.id for case in harness.CASES]
    equal(sorted(set(ids)), sorted(ids), "ids")
    listed = [name for name in ids if not name.startswith(("EXT-", "LOG-"))]
    equal(len(listed), run.LISTED, "number of listed cases")
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "../../../shared/spec/conformance-cases.md")
    if not os.path.exists(path):
        print("note: conformance-cases.md is not at hand; ids were counted, not compared")
        return
    with open(path, encoding="utf-8") as file:
        rows = [line.split("|")[1].strip() for line in file if line.startswith("|")]
    want = [row for row in rows if len(row) == 4 and row[0].isupper() and row[1] == "-" and row[2:].isdigit()]
    equal(sorted(listed), sorted(want), "ids of the list")


def main():
    for check in (runtime_data, init_data, responses, sealing, tokens, administrators, certificates, leaks, registry):
        check()
        print(f"ok {check.__name__}")
    return 0
